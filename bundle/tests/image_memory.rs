//! What takes seconds and gigabytes elsewhere is refused by its header, and pictures share their memory.
//!
//! One test, as the most memory that a process has held can only grow.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::image::{Limits, RgbImage, decode, load};
use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

/// A JPEG of one grey component whose scans, each of a few bytes, go through the whole picture.
fn many_scans(scans: usize) -> Vec<u8> {
    let mut jpeg = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, data: &[u8]| {
        jpeg.extend([0xFF, marker]);
        jpeg.extend((data.len() as u16 + 2).to_be_bytes());
        jpeg.extend(data);
    };
    segment(0xDB, &[&[0][..], &[1; 64]].concat());
    segment(0xC2, &[8, 0x0F, 0xA0, 0x0F, 0xA0, 1, 1, 0x11, 0]);
    segment(0xC4, &[&[0x00, 1][..], &[0; 15], &[0]].concat());
    segment(0xDA, &[1, 1, 0, 0, 0, 1]);
    for _ in 0..scans {
        segment(0xDA, &[1, 1, 0, 0, 0, 0x10]);
    }
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut png = Vec::new();
    picture.write_to(&mut Cursor::new(&mut png), ::image::ImageFormat::Png).unwrap();
    png
}

/// A PNG of 8x8 pixels with a further chunk, whose compressed text or profile is a gigabyte of zeros.
fn bomb(kind: &[u8; 4], start: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let megabyte = vec![0; 1 << 20];
    encoder.write_all(&megabyte).unwrap();
    encoder.flush().unwrap();
    let once = encoder.get_ref().len();
    encoder.write_all(&megabyte).unwrap();
    encoder.flush().unwrap();
    // The second megabyte refers to the one before it, and so can be repeated.
    let twice = encoder.get_ref().clone();
    let mut data = [start, &twice].concat();
    for _ in 0..1000 {
        data.extend(&twice[once..]);
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(kind);
    checksum.update(&data);
    let length = (data.len() as u32).to_be_bytes();
    let chunk = [&length[..], kind, &data, &checksum.sum().to_be_bytes()].concat();
    // The header is 8 bytes of signature and a chunk of 25.
    let picture = png(&RgbImage::new(8, 8));
    [&picture[..33], &chunk, &picture[33..]].concat()
}

/// The most memory that this process has held, in MB; nothing where it is not known.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).map_or(0, |kilobytes| kilobytes.parse::<u64>().unwrap() / 1000)
}

#[test]
fn work_and_memory_are_bounded_before_the_first_look() {
    let webp = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image/faults/webp-16383-34-bytes.webp");
    let webp = std::fs::read(webp).unwrap();
    let many_scans = many_scans(2000);
    let bombs = [
        bomb(b"iCCP", b"bomb\0\0"),
        bomb(b"zTXt", b"bomb\0\0"),
        bomb(b"zTXt", b"Raw profile type exif\0\0"),
        bomb(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
    ];
    let start = Instant::now();
    assert_eq!(
        decode(&webp).unwrap_err().to_string(),
        "16383x10900 pixels is too large: decoding takes 1363 MiB, over the limit of 276 MiB; scale the \
         picture down"
    );
    assert_eq!(
        decode(&many_scans).unwrap_err().to_string(),
        "4000x4000 pixels in 2001 scans is too much work: 500250000 blocks of 8x8 values, over the limit of \
         33554432; save the picture anew"
    );
    for bomb in &bombs {
        assert_eq!(decode(bomb).unwrap().dimensions(), (8, 8));
    }
    // Milliseconds, on a machine that does nothing else.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(peak_memory() < 60, "{} MB", peak_memory());

    // Each takes 57 MB while it is decoded, and 684 together.
    let large = png(&RgbImage::new(5000, 3800));
    let widths: Vec<_> = std::thread::scope(|scope| {
        let decode = || load(large.as_slice().into(), &Limits::default(), |photo| photo.image.width());
        let workers: Vec<_> = (0..12).map(|_| scope.spawn(decode)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap().unwrap()).collect()
    });
    assert_eq!(widths, [5000; 12]);
    assert!(peak_memory() < 400, "{} MB", peak_memory());
}
