//! The files of `glimpse caption --attention`.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use image::RgbImage;
use ndarray::Array2;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The files of one caption after a run of `glimpse caption --attention`.
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
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
    command.args(["caption", "--json", "--device", "cpu", "--attention"]).arg(attention).args(flags);
    command
        .arg("--model")
        .arg(project.join("models/flickr8k-edge"))
        .arg(project.join("assets/photos/two-dogs.jpg"));
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
fn every_strategy_writes_its_attention() {
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
            let tokens: Vec<String> = serde_json::from_value(json["words"].clone()).unwrap();
            let words: Vec<_> = tokens.iter().filter(|token| *token != "<eos>").cloned().collect();
            assert_eq!(words.join(" ").replace(" .", "."), caption["generated_text"].as_str().unwrap());
            assert_eq!(overlays.len(), count, "one for each token, none of a longer caption: {overlays:?}");
            assert!(overlays[0].starts_with("01-") && overlays[0].ends_with(".png"), "{overlays:?}");
            // The photo is higher than wide: its tiles are 224 pixels high, with a line of text of 24 pixels.
            let rows = (count as u32 + 1).div_ceil(6);
            assert_eq!(sheet.height(), rows * (224 + 24 + 8) + 8, "{flags:?}");
        }
    }
}
