//! Pictures of attention: interpolation equals torch's, and the brightest place is the cell with the largest weight.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_attention::{AttentionMap, Error, upsample};
use glimpse_bundle::image::RgbImage;
use image::Rgb;
use ndarray::{Array2, ArrayView1};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    weights: Vec<f32>,
    cases: Vec<Upsampled>,
}

#[derive(Deserialize)]
struct Upsampled {
    height: u32,
    width: u32,
    pixels: Vec<f32>,
}

#[test]
fn upsampling_equals_torch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/upsampled.json")).unwrap();
    for Upsampled { height, width, pixels } in &golden.cases {
        let found = upsample(ArrayView1::from(&golden.weights), *width, *height);
        assert_eq!(found.dim(), (*height as usize, *width as usize));
        for (found, expected) in found.iter().zip(pixels) {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}, at {width}x{height}");
        }
    }
}

fn tokens(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("word{number}")).collect()
}

fn brightness(Rgb(pixel): &Rgb<u8>) -> u32 {
    pixel.iter().map(|&value| u32::from(value)).sum()
}

/// One cell after the other gets all weight: the overlay is brightest within that cell.
#[test]
fn the_cell_with_the_weight_is_the_brightest() {
    let picture = RgbImage::from_pixel(224, 112, Rgb([90; 3]));
    let weights = Array2::eye(49);
    let tokens = tokens(49);
    let map = AttentionMap::new(&picture, &tokens, weights.view()).unwrap();
    for cell in 0..49 {
        let overlay = map.overlay(cell);
        assert_eq!(overlay.dimensions(), picture.dimensions());
        let (x, y, _) = overlay.enumerate_pixels().max_by_key(|(_, _, pixel)| brightness(pixel)).unwrap();
        assert_eq!(
            (y / 16, x / 32),
            (cell as u32 / 7, cell as u32 % 7),
            "cell {cell}: brightest at {x}, {y}"
        );
    }
}

#[test]
fn a_contact_sheet_has_the_photo_and_a_tile_for_each_token() {
    let picture = RgbImage::from_pixel(100, 50, Rgb([10, 200, 30]));
    let tokens = tokens(8);
    let weights = Array2::from_elem((8, 49), 1.0 / 49.0);
    let map = AttentionMap::new(&picture, &tokens, weights.view()).unwrap();
    let sheet = map.contact_sheet();
    // Nine tiles in rows of six, with gaps of 8 and lines of 24.
    assert_eq!(sheet.dimensions(), (6 * 108 + 8, 2 * 82 + 8));
    let tile = |index: u32| (8 + index % 6 * 108, 8 + index / 6 * 82);
    let pixels = |left: u32, top: u32, height: u32| {
        (top..top + height).flat_map(move |y| (left..left + 100).map(move |x| (x, y)))
    };
    let (left, top) = tile(0);
    assert!(pixels(left, top, 50).all(|(x, y)| *sheet.get_pixel(x, y) == Rgb([10, 200, 30])), "the photo");
    for index in 1..9 {
        let (left, top) = tile(index);
        let overlay = map.overlay(index as usize - 1);
        assert!(
            pixels(left, top, 50).all(|(x, y)| sheet.get_pixel(x, y) == overlay.get_pixel(x - left, y - top))
        );
        let ink =
            pixels(left, top + 50, 24).filter(|&(x, y)| brightness(sheet.get_pixel(x, y)) < 300).count();
        assert!((30..800).contains(&ink), "{ink} dark pixels are a token");
    }
    assert_eq!(sheet.get_pixel(6 * 108 - 20, 100), &Rgb([255; 3]), "nothing after the last token");
}

#[test]
fn a_long_token_stays_within_its_tile() {
    let picture = RgbImage::from_pixel(60, 50, Rgb([0; 3]));
    let tokens = vec!["Donaudampfschifffahrtsgesellschaftskapitän".to_string()];
    let weights = Array2::from_elem((1, 49), 1.0 / 49.0);
    let sheet = AttentionMap::new(&picture, &tokens, weights.view()).unwrap().contact_sheet();
    let dark = |x: u32| (58..82).any(|y| brightness(sheet.get_pixel(x, y)) < 500);
    assert!((76..136).any(dark), "the token is written");
    assert!(!(0..75).chain(137..144).any(dark), "nothing is written outside the tile");
}

#[test]
fn weights_that_do_not_fit_a_grid_are_refused() {
    let picture = RgbImage::new(10, 10);
    let tokens = tokens(2);
    for (rows, cells) in [(3, 49), (2, 48), (2, 0)] {
        let weights = Array2::zeros((rows, cells));
        let refusal = AttentionMap::new(&picture, &tokens, weights.view()).unwrap_err();
        assert!(matches!(refusal, Error::Shape { shape, tokens: 2 } if shape == [rows, cells]), "{refusal}");
    }
}
