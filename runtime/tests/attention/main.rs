//! Pictures and files of attention: against torch's interpolation, and by where the light falls.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_bundle::image::RgbImage;
use glimpse_runtime::attention::{AttentionMap, Error, upsample};
use image::Rgb;
use ndarray::{Array2, ArrayView1};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

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
    let golden: Golden = serde_json::from_str(include_str!("upsampled.json")).unwrap();
    for Upsampled { height, width, pixels } in &golden.cases {
        let found = upsample(ArrayView1::from(&golden.weights), *width, *height);
        assert_eq!(found.dim(), (*height as usize, *width as usize));
        for (found, expected) in found.iter().zip(pixels) {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}, at {width}x{height}");
        }
    }
}

fn words(count: usize) -> Vec<String> {
    (0..count).map(|word| format!("word{word}")).collect()
}

fn brightness(Rgb(pixel): &Rgb<u8>) -> u32 {
    pixel.iter().map(|&value| u32::from(value)).sum()
}

/// Each cell in turn gets all weight: the overlay is brightest within that cell.
#[test]
fn light_falls_on_the_cell_that_was_looked_at() {
    let seen = RgbImage::from_pixel(224, 112, Rgb([90; 3]));
    let weights = Array2::eye(49);
    let words = words(49);
    let map = AttentionMap::new(&seen, &words, weights.view()).unwrap();
    for cell in 0..49 {
        let overlay = map.overlay(cell);
        assert_eq!(overlay.dimensions(), seen.dimensions());
        let (x, y, _) = overlay.enumerate_pixels().max_by_key(|(_, _, pixel)| brightness(pixel)).unwrap();
        assert_eq!(
            (y / 16, x / 32),
            (cell as u32 / 7, cell as u32 % 7),
            "cell {cell}: brightest at {x}, {y}"
        );
    }
}

#[test]
fn a_contact_sheet_has_the_photo_and_a_tile_a_word() {
    let seen = RgbImage::from_pixel(100, 50, Rgb([10, 200, 30]));
    let words = words(8);
    let weights = Array2::from_elem((8, 49), 1.0 / 49.0);
    let map = AttentionMap::new(&seen, &words, weights.view()).unwrap();
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
        assert!((30..800).contains(&ink), "{ink} dark pixels are a word");
    }
    assert_eq!(sheet.get_pixel(6 * 108 - 20, 100), &Rgb([255; 3]), "nothing behind the last word");
}

#[test]
fn a_long_word_stays_within_its_tile() {
    let seen = RgbImage::from_pixel(60, 50, Rgb([0; 3]));
    let words = vec!["Donaudampfschifffahrtsgesellschaftskapitän".to_string()];
    let weights = Array2::from_elem((1, 49), 1.0 / 49.0);
    let sheet = AttentionMap::new(&seen, &words, weights.view()).unwrap().contact_sheet();
    let dark = |x: u32| (58..82).any(|y| brightness(sheet.get_pixel(x, y)) < 500);
    assert!((76..136).any(dark), "it is written");
    assert!(!(0..75).chain(137..144).any(dark), "and written nowhere else");
}

#[test]
fn weights_that_fit_no_grid_are_refused() {
    let seen = RgbImage::new(10, 10);
    let words = words(2);
    for (rows, cells) in [(3, 49), (2, 48), (2, 0)] {
        let weights = Array2::zeros((rows, cells));
        let refusal = AttentionMap::new(&seen, &words, weights.view()).unwrap_err();
        assert!(matches!(refusal, Error::Shape { shape, words: 2 } if shape == [rows, cells]), "{refusal}");
    }
}

/// What one run of `glimpse caption --attention` leaves of a caption.
struct Written {
    weights: Array2<f32>,
    json: Value,
    sheet: RgbImage,
    overlays: Vec<String>,
}

impl Written {
    fn read(dir: &Path, name: &str) -> Self {
        let file = |extension| dir.join(format!("{name}.{extension}"));
        let overlays = fs::read_dir(dir.join(name)).unwrap();
        let mut overlays: Vec<_> =
            overlays.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        overlays.sort();
        Self {
            weights: ndarray_npy::read_npy(file("npy")).unwrap(),
            json: serde_json::from_slice(&fs::read(file("json")).unwrap()).unwrap(),
            sheet: image::open(file("png")).unwrap().into_rgb8(),
            overlays,
        }
    }
}

/// Runs `glimpse caption` on one of the example photos with the shipped bundle.
fn caption(attention: &Path, flags: &[&str]) -> Option<Value> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
    command.args(["caption", "--json", "--device", "cpu", "--attention"]).arg(attention).args(flags);
    command
        .arg("--model")
        .arg(project.join("models/flickr8k-edge"))
        .arg(project.join("examples/two-dogs.jpg"));
    let library = project.join(".deps/onnxruntime/capi");
    if std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir() {
        command.arg("--ort-lib").arg(library);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    if stderr.contains("no ONNX Runtime found") {
        println!("skipped: there is no ONNX Runtime (make deps)");
        return None;
    }
    assert!(output.status.success(), "{flags:?}: {stderr}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn every_strategy_writes_where_it_looked() {
    let folder = tempfile::tempdir().unwrap();
    let searches: [&[&str]; 4] = [
        &["--num-beams", "3", "--num-return-sequences", "3"],
        &["--num-beams", "1"],
        &[
            "--num-beams",
            "4",
            "--num-beam-groups",
            "2",
            "--diversity-penalty",
            "1",
            "--num-return-sequences",
            "2",
        ],
        &["--do-sample", "--num-return-sequences", "2", "--max-length", "6"],
    ];
    for flags in searches {
        let Some(line) = caption(folder.path(), flags) else { return };
        for (rank, caption) in line["captions"].as_array().unwrap().iter().enumerate() {
            let Written { weights, json, sheet, overlays } =
                Written::read(folder.path(), &format!("two-dogs.{}", rank + 1));
            for key in ["generated_text", "score", "token_ids", "token_logprobs"] {
                assert_eq!(json[key], caption[key], "{flags:?}");
            }
            let count = caption["token_ids"].as_array().unwrap().len();
            assert_eq!(weights.dim(), (count, 49), "{flags:?}");
            for row in weights.rows() {
                assert!((row.sum() - 1.0).abs() < 1e-5, "{flags:?}: a row sums to {}", row.sum());
                assert!(row.iter().all(|&weight| weight >= 0.0));
            }
            let rows: Vec<Vec<f32>> = serde_json::from_value(json["attentions"].clone()).unwrap();
            assert!(weights.rows().into_iter().zip(&rows).all(|(row, json)| row.to_vec() == *json));
            let words: Vec<String> = serde_json::from_value(json["words"].clone()).unwrap();
            let said: Vec<_> = words.iter().filter(|word| *word != "<eos>").cloned().collect();
            assert_eq!(said.join(" ").replace(" .", "."), caption["generated_text"].as_str().unwrap());
            assert_eq!(overlays.len(), count, "one for each word, none of a longer caption: {overlays:?}");
            assert!(overlays[0].starts_with("01-") && overlays[0].ends_with(".png"), "{overlays:?}");
            // The photo is higher than wide: its tiles have 224 pixels of height, and a line of 24.
            let rows = (count as u32 + 1).div_ceil(6);
            assert_eq!(sheet.height(), rows * (224 + 24 + 8) + 8, "{flags:?}");
        }
    }
}
