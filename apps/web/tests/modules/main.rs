//! The page's modules in Node.js, held to the crates whose work they do in a browser.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_bundle::image::{RgbImage, open};
use glimpse_bundle::{Bundle, Preprocessor, PreprocessorConfig};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn bundle() -> Bundle {
    Bundle::open_unverified(project().join("models/flickr8k-edge")).unwrap()
}

/// What a script prints; `None`, with a line, where there is no Node.js.
fn node(script: &str, arguments: &[&OsStr]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules").join(script);
    let Ok(output) = Command::new("node").arg(script).args(arguments).output() else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "there is no Node.js");
        println!("skipped: there is no Node.js (Debian: apt install nodejs)");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn searches_equal_generate_of_transformers() {
    let cases = project().join("generation/tests/hf_generate/cases.json");
    if let Some(said) = node("search.mjs", &[cases.as_os_str()]) {
        assert_eq!(said.trim(), "297 cases");
    }
}

/// A picture that is awkward to resize: stripes, slopes and noise.
fn pattern(width: u32, height: u32) -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, ((x / 3 + y / 5) % 2 * 255) as u8, ((x * 7 + y * 3) % 256) as u8])
    })
}

fn config(changes: &Value) -> PreprocessorConfig {
    let mut config = serde_json::to_value(&bundle().preprocessor).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

/// The pictures with what is asked of them.
fn cases() -> Vec<(RgbImage, PreprocessorConfig)> {
    let shipped = config(&json!({}));
    let photos = fs::read_dir(project().join("assets/photos")).unwrap().map(|entry| entry.unwrap().path());
    let photos = photos.filter(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    let mut cases: Vec<_> = photos.map(|path| (open(&path).unwrap(), shipped.clone())).collect();
    assert_eq!(cases.len(), 5);
    for (width, height) in [(224, 224), (224, 90), (500, 375), (97, 611), (1001, 224), (7, 9)] {
        for resample in 0..4 {
            cases.push((pattern(width, height), config(&json!({ "resample": resample }))));
        }
    }
    let size = |height: u32, width: u32| json!({ "height": height, "width": width });
    for (width, height) in [(20, 16), (17, 19), (15, 17), (9, 20), (20, 9)] {
        let cropped = json!({ "do_resize": false, "do_center_crop": true, "crop_size": size(14, 13) });
        cases.push((pattern(width, height), config(&cropped)));
    }
    let both = json!({ "size": size(40, 50), "do_center_crop": true, "crop_size": size(33, 31), "do_rescale": false });
    cases.push((pattern(120, 80), config(&both)));
    cases.push((pattern(120, 80), config(&json!({ "do_normalize": false }))));
    cases
}

#[test]
fn pixel_values_are_those_of_the_program_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let mut list = Vec::new();
    for (number, (picture, config)) in cases.iter().enumerate() {
        let rgba: Vec<u8> = picture.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
        fs::write(folder.path().join(format!("{number}.rgba")), rgba).unwrap();
        let (width, height) = picture.dimensions();
        list.push(json!({ "name": number.to_string(), "width": width, "height": height, "config": config }));
    }
    fs::write(folder.path().join("cases.json"), Value::from(list).to_string()).unwrap();
    if node("resample.mjs", &[folder.path().as_os_str()]).is_none() {
        return;
    }
    for (number, (picture, config)) in cases.iter().enumerate() {
        let size = config.output_size();
        let mut expected = vec![0.0; 3 * size.height as usize * size.width as usize];
        Preprocessor::new(config.clone()).unwrap().pixel_values(picture, &mut expected).unwrap();
        let bytes = fs::read(folder.path().join(format!("{number}.f32"))).unwrap();
        let found = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let differ = found.zip(&expected).filter(|(found, expected)| found != *expected).count();
        assert_eq!((bytes.len() / 4, differ), (expected.len(), 0), "{:?}, {config:?}", picture.dimensions());
    }
}

/// Ids of the whole vocabulary in runs of 1 to 40, with those that join their neighbours in between.
fn runs() -> Vec<Vec<u32>> {
    let detokenizer = bundle().detokenizer().unwrap();
    let size = detokenizer.vocab_size() as u32;
    let awkward = [".", ",", "'s", "n't", "``", "''", "(", ")", "can", "not", "#", "$", "-", "'"];
    let is_awkward = |id: &u32| detokenizer.id_to_token(*id).is_some_and(|token| awkward.contains(&token));
    let awkward: Vec<u32> = (0..size).filter(is_awkward).collect();
    assert!(awkward.len() > 8);
    let mut number = 0u32;
    let mut next = || {
        number += 1;
        match number % 3 {
            0 => awkward[number as usize * 7919 % awkward.len()],
            _ => (u64::from(number) * 2_654_435_761 % u64::from(size)) as u32,
        }
    };
    (0..600).map(|run| (0..1 + run % 40).map(|_| next()).collect()).collect()
}

#[test]
fn texts_are_those_of_the_program() {
    let (bundle, folder, runs) = (bundle(), tempfile::tempdir().unwrap(), runs());
    let ids = folder.path().join("ids.json");
    fs::write(&ids, serde_json::to_string(&runs).unwrap()).unwrap();
    let tokenizer = bundle.dir().join("tokenizer.json");
    let Some(said) = node("detokenizer.mjs", &[tokenizer.as_os_str(), ids.as_os_str()]) else { return };
    let found: Vec<String> = serde_json::from_str(&said).unwrap();
    let detokenizer = bundle.detokenizer().unwrap();
    let expected: Vec<String> = runs.iter().map(|ids| detokenizer.decode(ids).unwrap()).collect();
    assert_eq!(found, expected);
}
