//! Large JPEGs decoded at a quarter of their size, against the whole picture.

#![allow(clippy::unwrap_used)]

use ::image::codecs::jpeg::JpegEncoder;
use ::image::imageops::{FilterType, resize};
use ::image::{ExtendedColorType, GrayImage, ImageEncoder};
use glimpse_bundle::image::{RgbImage, decode, decode_for_resize};
use glimpse_bundle::{Preprocessor, PreprocessorConfig, Size};

const WANTED: Size = Size { height: 224, width: 224 };

/// An example photo, enlarged, with noise in every pixel.
fn large(width: u32, height: u32) -> RgbImage {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/photos/two-dogs.jpg");
    let photo = ::image::open(file).unwrap().into_rgb8();
    let mut large = resize(&photo, width, height, FilterType::Triangle);
    let mut state = 1u32;
    for value in large.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = value.saturating_add((state >> 28) as u8).saturating_sub(8);
    }
    large
}

fn jpeg(picture: &RgbImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    encoder.encode_image(picture).unwrap();
    bytes
}

/// Largest and mean difference in grey levels after the resize.
fn differences(bytes: &[u8]) -> (u8, f64) {
    let preprocessor = Preprocessor::new(PreprocessorConfig::squash(224, [0.5; 3], [0.5; 3])).unwrap();
    let whole = preprocessor.resize(&decode(bytes).unwrap()).unwrap();
    let scaled = preprocessor.resize(&preprocessor.decode(bytes).unwrap()).unwrap();
    let differences = whole.iter().zip(scaled.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences.clone().map(f64::from).sum();
    (differences.max().unwrap(), sum / whole.as_raw().len() as f64)
}

#[test]
fn a_quarter_equals_the_whole_after_the_resize() {
    // Sides that four does not divide are rounded to whole pixels: contours move by up to half of one.
    for (sides, scaled, max_allowed, mean_allowed) in
        [((2400, 1800), (600, 450), 8, 0.5), ((2401, 1795), (600, 449), 20, 1.0)]
    {
        let bytes = jpeg(&large(sides.0, sides.1), None);
        assert_eq!(decode_for_resize(&bytes, WANTED).unwrap().dimensions(), scaled);
        let (max, mean) = differences(&bytes);
        println!("{sides:?}: max {max} mean {mean:.3}");
        assert!(max <= max_allowed && mean < mean_allowed, "{sides:?}: max {max} mean {mean}");
    }
}

#[test]
fn smaller_pictures_are_decoded_whole() {
    for (width, height) in [(1791, 1800), (4000, 1000)] {
        let bytes = jpeg(&large(width, height), None);
        assert_eq!(decode_for_resize(&bytes, WANTED).unwrap(), decode(&bytes).unwrap());
    }
}

#[test]
fn a_scaled_picture_stands_upright() {
    // A TIFF header and one entry: orientation 6, to be turned by 90 degrees.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let bytes = jpeg(&large(2400, 1800), Some(exif));
    assert_eq!(decode(&bytes).unwrap().dimensions(), (1800, 2400));
    assert_eq!(decode_for_resize(&bytes, WANTED).unwrap().dimensions(), (450, 600));
    let (max, mean) = differences(&bytes);
    assert!(max <= 8 && mean < 0.75, "max {max} mean {mean}");
}

#[test]
fn grey_is_scaled_and_damage_is_reported_as_ever() {
    let grey = GrayImage::from_fn(2000, 2000, |x, y| ::image::Luma([((x / 8 + y / 16) % 256) as u8]));
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.write_image(grey.as_raw(), 2000, 2000, ExtendedColorType::L8).unwrap();
    assert_eq!(decode_for_resize(&bytes, WANTED).unwrap().dimensions(), (500, 500));
    let (max, mean) = differences(&bytes);
    assert!(max <= 8 && mean < 0.75, "max {max} mean {mean}");

    bytes.truncate(bytes.len() / 2);
    let [scaled, whole] = [decode_for_resize(&bytes, WANTED), decode(&bytes)];
    assert_eq!(scaled.unwrap_err().to_string(), whole.unwrap_err().to_string());
}
