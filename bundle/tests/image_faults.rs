//! Pictures that were once read wrongly, or took seconds and gigabytes: kind, file, right value.
//!
//! Goldens: `python bundle/tests/image/make_faults.py`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::image::{
    ImageError, Limits, Source, Warning, decode, is_special, list_folder, load, open, pictures_in,
};
use glimpse_bundle::{Error, Preprocessor, PreprocessorConfig, Size};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image");

fn unsupported_tiff(reason: &str) -> String {
    format!("this kind of TIFF is not supported: {reason}; save the picture as JPEG or PNG")
}

#[test]
fn faults_are_read_as_pil_reads_them() {
    // Kind, file, width and height of the upright picture.
    let rows = [
        ("baseline, one scan a component", "jpeg-noninterleaved-420.jpg", (320, 240)),
        ("JFIF beside Adobe: YCbCr", "jpeg-jfif-and-adobe0.jpg", (320, 240)),
        ("orientation stored as a long number", "jpeg-exif-orientation-long.jpg", (320, 240)),
        ("EXIF behind the pixels", "png-exif-after-idat.png", (240, 180)),
        ("EXIF as hexadecimal text", "png-raw-profile-exif.png", (320, 240)),
        ("palette", "tiff-palette.tif", (160, 120)),
    ];
    let mut config = PreprocessorConfig::squash(1, [0.0; 3], [1.0; 3]);
    config.size = Size { height: 30, width: 40 };
    let preprocessor = Preprocessor::new(config).unwrap();
    for (kind, file, dimensions) in rows {
        let ours = open(&PathBuf::from(format!("{FOLDER}/faults/{file}"))).unwrap();
        assert_eq!(ours.dimensions(), dimensions, "{kind}");
        let golden = format!("{FOLDER}/faults/{}.png", file.replace('.', "-"));
        let golden = ::image::open(golden).unwrap().into_rgb8();
        let ours = preprocessor.resize(&ours).unwrap();
        let sum: f64 = ours.iter().zip(golden.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        let mean = sum / golden.as_raw().len() as f64;
        assert!(mean <= 0.5, "{kind}: {mean} grey levels from PIL");
    }
}

#[test]
fn what_is_not_read_is_named_in_plain_words() {
    // File, reason.
    let rows = [
        ("faults/tiff-fillorder2.tif", "the bits of its bytes are stored in the reverse order"),
        ("faults/tiff-ycbcr-jpeg.tif", "its pixels are compressed by JPEG"),
        ("refused/fill-order-2.tiff", "the bits of its bytes are stored in the reverse order"),
        ("refused/float.tiff", "its values are floating-point numbers"),
        ("refused/signed.tiff", "its values are signed or complex numbers"),
        ("refused/integers-32-bit.tiff", "its values have more than 16 bits"),
        ("refused/jpeg-inside.tiff", "its pixels are compressed by JPEG"),
        ("refused/grey-jpeg-inside.tiff", "its pixels are compressed by JPEG"),
        ("refused/fax-3.tiff", "its pixels are compressed by an older fax method than group 4"),
        ("refused/lab.tiff", "its colours are stored as Lab"),
        ("refused/zstandard.tiff", "its pixels are compressed by Zstandard"),
        ("refused/lzma.tiff", "its pixels are compressed by LZMA"),
        ("refused/grey-alpha.tiff", "2 channels of 8 bits"),
        ("refused/five-channels.tiff", "5 channels of 8 bits"),
    ];
    for (file, reason) in rows {
        let error = open(&PathBuf::from(format!("{FOLDER}/{file}"))).unwrap_err();
        assert_eq!(error.to_string(), unsupported_tiff(reason), "{file}");
    }
}

/// Counts what is read of an endless stream.
struct Endless(u64, &'static [u8]);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.1.get(self.0 as usize).copied().unwrap_or(0);
            self.0 += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn no_more_is_read_than_has_to_be() {
    let mut limits = Limits::default();
    limits.max_file_bytes = 1 << 20;
    let mut zeros = Endless(0, b"");
    let error = load(Source::Stream(&mut zeros), &limits, |_| ()).unwrap_err();
    assert!(error.to_string().starts_with("not a picture"), "{error}");
    assert!(zeros.0 <= 64, "{} bytes were read of what is no picture", zeros.0);
    let mut jpeg = Endless(0, b"\xFF\xD8\xFF\xE0");
    let error = load(Source::Stream(&mut jpeg), &limits, |_| ()).unwrap_err();
    let too_long = "the JPEG file is longer than 1 MiB, the most that is read; scale the picture down or save it as \
                    JPEG";
    assert_eq!(error.to_string(), too_long);
    assert!(jpeg.0 <= 2 << 20, "{} bytes were read", jpeg.0);
    // A file says how long it is. What is no picture is called so, however long.
    let folder = tempfile::tempdir().unwrap();
    for (name, start, message) in
        [("video.mp4", &b"\0\0\0 ftypisom"[..], "not a picture"), ("long.jpg", b"\xFF\xD8\xFF\xE0", too_long)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, start).unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().set_len(3 << 30).unwrap();
        let error = load(path.as_path().into(), &limits, |_| ()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_among_photos_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.jpg");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::create_dir(folder.path().join("more.jpg")).unwrap();
    for name in ["b.JFIF", "a.jpe", "c.heic", "d.avif", "notes.txt"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    let listing = list_folder(folder.path()).unwrap();
    let names = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&listing.pictures), ["a.jpe", "b.JFIF"]);
    assert_eq!(names(&listing.unreadable), ["c.heic", "d.avif"]);
    assert_eq!(names(&listing.special), ["pipe.jpg"]);
    assert_eq!(names(&listing.folders), ["more.jpg"]);
    assert_eq!(pictures_in(folder.path()).unwrap(), listing.pictures);
    assert!(is_special(&pipe) && !is_special(folder.path()));
    // Opening the pipe would wait for ever.
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        let error = open(path).unwrap_err().to_string();
        assert_eq!(error, "not a regular file but a pipe, a socket or a device");
    }
}

#[test]
fn a_picture_that_lacks_a_part_is_reported() {
    let warning = |bytes: &[u8]| match load(bytes.into(), &Limits::default(), |photo| photo.warning) {
        // Refused is as good as reported.
        Err(Error::Image(ImageError::Truncated { format })) => Some(Warning::MissingPart { format }),
        result => result.unwrap(),
    };
    let lacks_a_part = Warning::MissingPart { format: "JPEG" };
    let missing = Some(lacks_a_part);
    let cut = std::fs::read(format!("{FOLDER}/faults/jpeg-cut-at-5-percent-with-eoi.jpg")).unwrap();
    assert_eq!(warning(&cut), missing);
    assert_eq!(
        lacks_a_part.to_string(),
        "a part of the picture is missing in the JPEG file and was filled in; fetch it again"
    );
    // Cut at half, then ended properly, whatever the kind of scans; and whole.
    for name in ["420-baseline", "420-progressive", "420-scans-0-1-2"] {
        let whole = std::fs::read(format!("{FOLDER}/jpeg/{name}.jpg")).unwrap();
        assert_eq!(warning(&whole), None, "{name}");
        let first_scan = whole.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        let half = [&whole[..(first_scan + 14 + whole.len()) / 2], &[0xFF, 0xD9]].concat();
        assert_eq!(warning(&half), missing, "{name}");
    }
    // A picture that is grey itself where a decoder would fill in.
    let grey = ::image::RgbImage::from_pixel(200, 100, ::image::Rgb([128; 3]));
    let mut jpeg = Vec::new();
    grey.write_to(&mut Cursor::new(&mut jpeg), ::image::ImageFormat::Jpeg).unwrap();
    assert_eq!(warning(&jpeg), None);
}

#[test]
fn messages_have_no_words_of_programmers() {
    let mut png = std::fs::read(format!("{FOLDER}/formats/rgb.png")).unwrap();
    // A bit of the header, so that its checksum does not match.
    png[20] ^= 1;
    assert_eq!(decode(&png).unwrap_err().to_string(), "the PNG file is damaged: a checksum does not match");
}
