//! The page as static files in a browser: the words, scores and beam trees are the program's.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

#[path = "../../../page/tests/browser/mod.rs"]
mod browser;

use browser::{Browser, missing, project};
use glimpse_bundle::Precision;
use glimpse_bundle::image::open;
use glimpse_runtime::{Answer, Captioner, CaptionerOptions, Device, GenerationConfig};
use glimpse_web::{Site, build};
use ndarray::ArrayView4;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const WIDTHS: [usize; 2] = [1, 5];
/// As `glimpse-serve` answers.
const ALTERNATIVES: usize = 6;

fn photos() -> Vec<PathBuf> {
    let entries = fs::read_dir(project().join("assets/photos")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "jpg")).collect()
}

/// `None`, with a line, without ONNX Runtime.
fn captioner(precision: Precision) -> Option<Captioner> {
    let mut options = CaptionerOptions::default().with_device(Device::Cpu).with_precision(precision);
    let library = project().join(".deps/onnxruntime/capi");
    options.onnxruntime.library =
        (std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir()).then_some(library);
    Captioner::open(project().join("models/flickr8k-edge"), &options)
        .map_err(|error| {
            assert!(error.to_string().contains("ONNX Runtime"), "{error}");
            missing(&error.to_string());
        })
        .ok()
}

/// What the program answers for a photo, for each way to search.
fn answers(captioner: &Captioner, photo: &Path, searches: Vec<GenerationConfig>) -> Vec<Value> {
    let prepared = captioner.preprocessor().prepare(photo).unwrap();
    let pixels = ArrayView4::from_shape((1, 3, 224, 224), &prepared.pixel_values).unwrap();
    let encoded = captioner.encode_pixel_values(pixels).unwrap();
    let answer = |mut options: GenerationConfig| {
        options.output_attentions = true;
        let (captions, trace) = captioner.decode_traced(&encoded, &options, ALTERNATIVES).unwrap().remove(0);
        let answer = Answer::new("-", Ok(&captions)).with_num_beams(options.num_beams).with_trace(&trace);
        serde_json::to_value(answer).unwrap()
    };
    searches.into_iter().map(answer).collect()
}

/// What the program answers for each photo at each width, by the photo's name.
fn expected(captioner: &Captioner) -> Value {
    let mut expected = json!({});
    for photo in photos() {
        let options = captioner.generation_config();
        let searches = WIDTHS.map(|width| options.clone().with_num_beams(width)).to_vec();
        expected[photo.file_name().unwrap().to_str().unwrap()] = answers(captioner, &photo, searches).into();
    }
    expected
}

/// One photo with options that the page's sliders reach, as the page passes them on, and the answers.
fn expected_with_other_options(captioner: &Captioner) -> Value {
    let options =
        captioner.generation_config().clone().with_length_penalty(0.35).with_no_repeat_ngram_size(3);
    let searches = [3, 10].map(|width| options.clone().with_num_beams(width)).to_vec();
    let results = answers(captioner, &project().join("assets/photos/beach.jpg"), searches);
    json!({
        "options": { "num_beams": "3,10", "length_penalty": 0.35, "no_repeat_ngram_size": 3 },
        "results": results,
    })
}

/// Pictures of many kinds, each with the pixels that PIL decodes, by the golden files of `bundle`: NAME and NAME.rgb.
fn write_pictures(folder: &Path) {
    let source = project().join("bundle/tests/image/formats");
    let decoded = project().join("bundle/tests/image/decoded");
    for name in [
        "alpha.webp",
        "animated.gif",
        "animated.webp",
        "bilevel.png",
        "grey-16-bit.png",
        "grey-alpha.png",
        "grey.jpg",
        "lossy.webp",
        "orientation-3.jpg",
        "orientation-6.jpg",
        "orientation-6.png",
        "palette-transparent.png",
        "palette.bmp",
        "palette.png",
        "progressive.jpg",
        "restart.jpg",
        "rgb-16-bit.png",
        "rgb.bmp",
        "rgba.png",
        "subsampled.jpg",
    ] {
        fs::copy(source.join(name), folder.join(name)).unwrap();
        let picture = open(&decoded.join(format!("{}.png", name.replace('.', "-")))).unwrap();
        fs::write(folder.join(format!("{name}.rgb")), picture.as_raw()).unwrap();
    }
}

#[test]
fn photos_are_captioned_in_the_browser_alone() {
    let Some(browser) = Browser::find("web") else { return };
    let onnxruntime = project().join(".deps/web/node_modules/onnxruntime-web");
    if !onnxruntime.is_dir() {
        return missing("onnxruntime-web is not there: make deps-web");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = project().join("models/flickr8k-edge");
    for (precision, output) in [(Precision::Fp32, path("host/any/path")), (Precision::Int8, path("int8"))] {
        let Some(captioner) = captioner(precision) else { return };
        fs::write(path(&format!("{precision}.json")), expected(&captioner).to_string()).unwrap();
        if precision == Precision::Fp32 {
            fs::write(path("other.json"), expected_with_other_options(&captioner).to_string()).unwrap();
        }
        build(&Site { bundle: &bundle, precision, onnxruntime: &onnxruntime, output: &output }).unwrap();
    }
    fs::create_dir(path("pictures")).unwrap();
    write_pictures(&path("pictures"));
    fs::create_dir(path("photos")).unwrap();
    for photo in photos() {
        let name = photo.file_stem().unwrap().to_str().unwrap();
        open(&photo).unwrap().save(path("photos").join(format!("{name}.png"))).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/web.mjs");
    browser.run(&script, &[folder.path().as_ref(), project().join("assets/photos").as_ref()]);
}
