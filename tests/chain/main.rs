//! From photos and captions to captions: `glimpse-train` prepares, extracts, trains and exports, and
//! `glimpse` then says of each photo what was written about it.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::examples;
use glimpse_tests::programs::{Outcome, glimpse, glimpse_path, glimpse_train};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Photos of `examples/` and what is to be learned of them.
const CAPTIONS: [(&str, &str); 5] = [
    ("beach", "a man spreads his arms in the shallow water"),
    ("canyon", "a man in a woollen hat stands above a canyon"),
    ("dog-in-woods", "a black dog stands on fallen leaves"),
    ("photographer", "a man in a dark coat bends to a camera"),
    ("two-dogs", "two brown dogs look out of a window"),
];
const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// Runs a step that must succeed and gives the lines of its standard output.
#[track_caller]
fn run(command: &mut Command) -> Vec<String> {
    let outcome = Outcome::of(command);
    assert_eq!(outcome.code, Some(0), "{command:?}: {outcome:#?}");
    outcome.stdout
}

/// A data set in Kaggle's layout in which each split has every photo, under names of its own.
fn write_dataset(folder: &Path) {
    let images = folder.join("images");
    fs::create_dir(&images).unwrap();
    let mut captions = String::from("image,caption\n");
    for split in SPLITS {
        let mut list = String::new();
        for (photo, caption) in CAPTIONS {
            let name = format!("{photo}-{split}.jpg");
            fs::copy(examples().join(format!("{photo}.jpg")), images.join(&name)).unwrap();
            captions += &format!("{name},{caption} .\n{name},{caption}\n");
            list += &format!("{name}\n");
        }
        fs::write(folder.join(format!("{split}.txt")), list).unwrap();
    }
    fs::write(folder.join("captions.txt"), captions).unwrap();
}

#[test]
fn a_model_learns_its_photos_and_leaves_as_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_dataset(folder.path());
    let (data, checkpoint, bundle) = (at("data"), at("run/best.safetensors"), at("bundle"));

    let mut prepare = glimpse_train();
    prepare.args(["prepare", "--min-frequency", "1", "--captions"]).arg(at("captions.txt"));
    for split in SPLITS {
        prepare.arg(format!("--{split}-list")).arg(at(&format!("{split}.txt")));
    }
    run(prepare.arg("--images").arg(at("images")).arg("--output").arg(&data));
    run(glimpse_train().arg("features").arg("--data").arg(&data));
    let mut train = glimpse_train();
    train.args(["train", "--epochs", "40", "--batch-images", "5", "--learning-rate", "4e-3"]);
    train.args(["--scst-epochs", "1", "--scst-samples", "2", "--weight-decay", "0"]);
    train.args(["--dropout", "0", "--label-smoothing", "0", "--ema-decay", "0"]);
    // Matrices this small are not worth a second thread, which other tests need.
    run(train.args(["--threads", "1", "--data"]).arg(&data).arg("--output").arg(at("run")));
    let mut export = glimpse_train();
    export.arg("export").arg("--checkpoint").arg(&checkpoint).arg("--output").arg(&bundle);
    let differences = run(export.arg("--glimpse").arg(glimpse_path()));
    assert_eq!(differences.len(), 9, "one line for each output of both graphs: {differences:#?}");

    let photos = CAPTIONS.map(|(photo, _)| examples().join(format!("{photo}.jpg")));
    let expected = CAPTIONS.map(|(_, caption)| caption);
    let sampled = run(glimpse_train().arg("sample").arg("--checkpoint").arg(&checkpoint).args(&photos));
    let sampled: Vec<_> = sampled.iter().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(sampled, expected, "in libtorch");
    let mut caption = glimpse();
    caption.args(["caption", "--device", "cpu", "--json", "--num-beams", "1", "--model"]).arg(&bundle);
    let lines = Outcome::of(caption.args(&photos)).json(0);
    let found: Vec<_> = lines.iter().map(|line| &line["captions"][0]["generated_text"]).collect();
    assert_eq!(found, expected, "in ONNX Runtime");
}
