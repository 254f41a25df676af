//! Pictures of every kind, whole, cut short, damaged or too large.
//!
//! Pictures and goldens: `python bundle/tests/image/make_fixtures.py`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::{
    Error,
    image::{ImageError, Limits, RgbImage, decode, decode_with_limits, open},
};
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image");

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(FOLDER).join(name)).unwrap()
}

/// Names and bytes of the pictures in `formats/`.
fn pictures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(FOLDER).join("formats");
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.len(), 81);
    names.into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

fn refusal(bytes: &[u8]) -> ImageError {
    image_error(decode(bytes))
}

fn image_error(result: Result<RgbImage, Error>) -> ImageError {
    match result {
        Err(Error::Image(error)) => error,
        other => panic!("an image error was due, not {other:?}"),
    }
}

#[test]
fn every_format_equals_pil() {
    for (name, bytes) in pictures() {
        let ours = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = format!("{FOLDER}/decoded/{}.png", name.replace('.', "-"));
        let golden = ::image::open(golden).unwrap().into_rgb8();
        assert_eq!(ours.dimensions(), golden.dimensions(), "{name}");
        let differences = ours.iter().zip(golden.iter()).map(|(a, b)| a.abs_diff(*b));
        let sum: f64 = differences.clone().map(f64::from).sum();
        let (max, mean) = (differences.max().unwrap(), sum / golden.as_raw().len() as f64);
        println!("{name:<26} max {max} mean {mean:.3}");
        // Two right JPEG decoders round differently, most of all where colour is stored at half size.
        let (allowed_max, allowed_mean) = match name.as_str() {
            "subsampled.jpg" => (4, 0.5),
            "cmyk.tiff" => (1, 0.6),
            name if name.ends_with(".jpg") => (2, 0.05),
            _ => (0, 0.0),
        };
        assert!(max <= allowed_max && mean <= allowed_mean, "{name}: max {max} mean {mean}");
    }
}

/// Cut anywhere, a file is refused for being cut short; only what follows the pixels can be missing.
#[test]
fn a_file_cut_short_is_refused() {
    for (name, bytes) in pictures() {
        let whole = decode(&bytes).unwrap();
        let mut refused = 0;
        for length in 0..bytes.len() {
            match decode(&bytes[..length]) {
                Ok(picture) => assert_eq!(picture, whole, "{name} cut to {length} bytes"),
                Err(Error::Image(ImageError::Truncated { .. })) => refused += 1,
                Err(Error::Image(ImageError::Empty)) => assert_eq!(length, 0),
                Err(Error::Image(ImageError::NotAPicture)) => assert!(length < 12, "{name} {length}"),
                Err(error) => panic!("{name} cut to {length} bytes: {error}"),
            }
        }
        // Of an animation only the first frame is asked for.
        let least = if name.starts_with("animated") { bytes.len() / 3 } else { bytes.len() * 9 / 10 };
        let least = if name == "one-pixel.png" { 50 } else { least };
        assert!(refused >= least, "{name}: {refused} of {} lengths refused", bytes.len());
    }
}

#[test]
fn the_end_marker_of_a_thumbnail_does_not_end_a_jpeg() {
    let whole = file("formats/grey.jpg");
    let thumbnail = [&[0xFF, 0xE1, 0, 8][..], b"Exif", &[0xFF, 0xD9]].concat();
    let with_thumbnail = [&whole[..2], &thumbnail, &whole[2..]].concat();
    assert_eq!(decode(&with_thumbnail).unwrap(), decode(&whole).unwrap());
    let half = &with_thumbnail[..with_thumbnail.len() * 2 / 3];
    assert_eq!(refusal(half), ImageError::Truncated { format: "JPEG" });
    // A download that was given its full size at once and then broke off ends in zeros.
    let mut zeros = whole.clone();
    zeros[whole.len() - 20..].fill(0);
    assert_eq!(refusal(&zeros), ImageError::Truncated { format: "JPEG" });
}

/// Neither a panic nor more than a line, whatever the bytes are.
#[test]
fn damaged_files_never_panic() {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut refused = 0;
    for (name, bytes) in pictures() {
        for _ in 0..200 {
            let mut damaged = bytes.clone();
            for _ in 0..random.random_range(1..5) {
                let at = random.random_range(0..damaged.len());
                match random.random_range(0..5) {
                    0 => damaged[at] = 0xFF,
                    1 => damaged[at] = 0,
                    2 => damaged[at] ^= 1 << random.random_range(0..8),
                    3 => damaged[at] = random.random(),
                    _ => drop(damaged.remove(at)),
                }
            }
            if let Err(error) = decode(&damaged) {
                refused += 1;
                let message = error.to_string();
                assert!(!message.contains('\n') && message.len() < 200, "{name}: {message}");
            }
        }
    }
    assert!(refused > 1000, "only {refused} files were damaged enough to be refused");
}

#[test]
fn what_is_no_picture_is_called_so() {
    assert_eq!(refusal(b"").to_string(), "the file is empty");
    assert_eq!(
        refusal(&file("refused/text.jpg")).to_string(),
        "not a picture: its first bytes are not those of a JPEG, PNG, WebP, GIF, BMP or TIFF file"
    );
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    assert_eq!(
        refusal(heic).to_string(),
        "only JPEG, PNG, WebP, GIF, BMP and TIFF are read; save the picture as JPEG or PNG"
    );
}

#[test]
fn a_picture_over_the_limits_is_refused_by_its_header() {
    let huge = file("refused/huge.png");
    assert_eq!(
        refusal(&huge).to_string(),
        "30000x30000 pixels is too large: a side may have at most 16384; scale the picture down"
    );
    let mut limits = Limits::default();
    limits.max_side = 30_000;
    limits.max_bytes = 512 << 20;
    assert_eq!(
        image_error(decode_with_limits(&huge, &limits)).to_string(),
        "30000x30000 pixels is too large: decoding takes 2575 MiB, over the limit of 512 MiB; scale the \
         picture down"
    );

    let wide = file("formats/rgb-16-bit.png");
    let size = 2 * 24 * 16 * 3 + wide.len() as u64;
    limits = Limits::default();
    limits.max_side = 24;
    limits.max_bytes = size;
    assert!(decode_with_limits(&wide, &limits).is_ok());
    limits.max_bytes -= 1;
    assert_eq!(
        image_error(decode_with_limits(&wide, &limits)),
        ImageError::TooManyPixels { width: 24, height: 16, bytes: size, max_bytes: size - 1 }
    );
    limits.max_side = 23;
    assert_eq!(
        image_error(decode_with_limits(&wide, &limits)),
        ImageError::SideTooLong { width: 24, height: 16, max_side: 23 }
    );
}

#[test]
fn a_missing_file_is_named() {
    let path = PathBuf::from("no/such/photo.jpg");
    let message = open(&path).unwrap_err().to_string();
    assert!(message.starts_with("no/such/photo.jpg: "), "{message}");
}
