//! From photos and captions to captions: `glimpse-train` prepares, extracts, trains and exports, and
//! `glimpse` then says of each photo what was written about it.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod mistakes;

use glimpse_tests::photos::CAPTIONS;
use glimpse_tests::places::examples;
use glimpse_tests::programs::{Outcome, glimpse, glimpse_path, glimpse_train};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let mut sample = glimpse_train();
    sample.arg("sample").arg("--attention").arg(at("libtorch"));
    let sampled = run(sample.arg("--checkpoint").arg(&checkpoint).args(&photos));
    let sampled: Vec<_> = sampled.iter().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(sampled, expected, "in libtorch");
    // A photo that cannot be read is named, and the others are captioned.
    let mut sample = glimpse_train();
    let outcome = Outcome::of(
        sample.arg("sample").arg("--checkpoint").arg(&checkpoint).arg("none.jpg").arg(&photos[0]),
    );
    assert_eq!((outcome.code, outcome.stdout.len()), (Some(1), 1), "{outcome:#?}");
    assert!(
        outcome.stdout[0].ends_with(expected[0]) && outcome.stderr[0].contains("none.jpg"),
        "{outcome:#?}"
    );
    let mut caption = glimpse();
    caption.args(["caption", "--device", "cpu", "--json", "--num-beams", "1", "--model"]).arg(&bundle);
    caption.arg("--attention").arg(at("onnxruntime"));
    let lines = Outcome::of(caption.args(&photos)).json(0);
    let found: Vec<_> = lines.iter().map(|line| &line["captions"][0]["generated_text"]).collect();
    assert_eq!(found, expected, "in ONNX Runtime");
    for (photo, caption) in CAPTIONS {
        assert_same_attention(&at("libtorch"), &at("onnxruntime"), photo, caption);
    }

    let mut evaluate = glimpse_train();
    evaluate.args(["evaluate", "--json", "--examples", "1", "--data"]).arg(&data);
    let line = Outcome::of(evaluate.arg("--checkpoint").arg(&checkpoint)).json(0).remove(0);
    assert_eq!(line["samples"], 5, "the whole test split has fewer than 512 photos");
    let [free, forced] =
        ["cross_entropy", "teacher_forced_cross_entropy"].map(|key| line[key].as_f64().unwrap());
    // It knows its photos' captions, and only guesses whether a full stop follows.
    assert!((0.0..0.6).contains(&forced) && (free - forced).abs() < 0.1, "{line}");
    assert_eq!(line["examples"][0]["generated_text"], expected[0]);
    assert_eq!(line["examples"][0]["references"][1], expected[0]);
}

/// Both programs say where the decoder looked: the same matrix within the difference of their JPEG decoders'
/// pixels, which is none, and the same number of pictures.
fn assert_same_attention(libtorch: &Path, onnxruntime: &Path, photo: &str, caption: &str) {
    let read = |folder: &Path, name: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap()
    };
    let ours = [read(libtorch, photo), read(onnxruntime, &format!("{photo}.1"))];
    let words = caption.split(' ').count() + 1;
    let rows = ours.each_ref().map(|json| {
        serde_json::from_value::<Vec<Vec<f64>>>(json["attentions"].clone()).unwrap().into_iter().flatten()
    });
    let [ours_rows, theirs] = rows;
    let differences = ours_rows.zip(theirs).map(|(a, b)| (a - b).abs());
    let (count, most) = differences.fold((0, 0.0), |(count, most), next| (count + 1, next.max(most)));
    assert_eq!(count, words * 49, "{photo}");
    assert!(most < 1e-3, "{photo}: attentions differ by {most}");
    assert_eq!(ours[0]["words"], ours[1]["words"]);
    let pictures = |folder: PathBuf| fs::read_dir(folder).unwrap().count();
    assert_eq!(pictures(libtorch.join(photo)), words);
    assert_eq!(pictures(onnxruntime.join(format!("{photo}.1"))), words);
}
