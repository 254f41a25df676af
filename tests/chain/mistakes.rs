//! What goes wrong on the way to a checkpoint: one line that says what and what to do, and nothing lost.

use super::{SPLITS, run, write_dataset};
use glimpse_tests::programs::{Outcome, glimpse_train};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The last line of standard error of a command that must be refused, with each of `words` in it.
#[track_caller]
fn refused(command: &mut Command, words: &[&str]) {
    let outcome = Outcome::of(command);
    assert_eq!(outcome.code, Some(2), "{command:?}: {outcome:#?}");
    let line = outcome.stderr.last().unwrap();
    assert!(line.starts_with("error: "), "{command:?}: {outcome:#?}");
    for word in words {
        assert_eq!(line.matches(word).count(), 1, "{word:?} once: {line}");
    }
}

fn prepare(folder: &Path, output: &str) -> Command {
    let mut prepare = glimpse_train();
    prepare.arg("prepare").arg("--captions").arg(folder.join("captions.txt"));
    for split in SPLITS {
        prepare.arg(format!("--{split}-list")).arg(folder.join(format!("{split}.txt")));
    }
    prepare.arg("--output").arg(folder.join(output));
    prepare
}

fn train(folder: &Path, data: &str, epochs: usize) -> Command {
    let mut train = glimpse_train();
    train.args(["train", "--threads", "1", "--scst-epochs", "0"]);
    train.args(["--epochs", &epochs.to_string()]);
    train.arg("--data").arg(folder.join(data)).arg("--output").arg(folder.join("run"));
    train
}

#[test]
fn mistakes_are_met_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    write_dataset(folder);
    fs::write(at("text.txt"), "no captions\nat all\n").unwrap();

    let missing = |words: &[&str], flags: &[&str]| {
        let mut command = glimpse_train();
        command.arg("prepare").args(flags).arg("--output").arg(at("data"));
        refused(command.current_dir(folder), words);
    };
    missing(&["nowhere.txt", "No such file"], &["--captions", "nowhere.txt", "--images", "images"]);
    missing(&["--images nowhere", "No such file"], &["--captions", "captions.txt", "--images", "nowhere"]);
    missing(&["text.txt", "no known caption layout"], &["--captions", "text.txt", "--images", "images"]);
    let images = at("images");
    refused(
        prepare(folder, "data").arg("--min-frequency").arg("1000").arg("--images").arg(&images),
        &["the vocabulary is empty", "1000"],
    );
    refused(&mut train(folder, "data", 1), &["dataset.json", "glimpse-train prepare"]);

    // A photo that is missing and one that is broken are listed; a folder of the wrong photos is refused.
    fs::remove_file(images.join("beach-train.jpg")).unwrap();
    fs::write(images.join("canyon-train.jpg"), "no picture").unwrap();
    refused(
        prepare(folder, "data").arg("--max-bad-images").arg("1").arg("--images").arg(&images),
        &["2 photos", "--max-bad-images 1", "beach-train.jpg"],
    );
    assert!(!at("data").exists(), "nothing is written of what is refused");
    let outcome = Outcome::of(prepare(folder, "data").arg("--images").arg(&images));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let listed: Vec<_> = outcome.stderr.iter().filter(|line| line.starts_with("left out")).collect();
    assert!(listed.len() == 2 && listed[0].contains("beach-train.jpg"), "{outcome:#?}");

    refused(&mut train(folder, "data", 1), &["no features", "glimpse-train features"]);
    run(glimpse_train().arg("features").arg("--data").arg(at("data")));
    refused(train(folder, "data", 1).args(["--augmentation", "resized-crop"]), &["no features"]);
    refused(
        train(folder, "data", 1).args(["--embeddings", "text.txt"]).current_dir(folder),
        &["text.txt", "layout"],
    );
    let last = at("run/last.safetensors");

    // A loss that is no number: before the first checkpoint, and after it.
    refused(
        train(folder, "data", 3).args(["--batch-images", "1", "--learning-rate", "1e30"]),
        &["NaN", "begin again"],
    );
    assert!(!last.exists());
    run(&mut train(folder, "data", 1));
    let [checkpoint, best] =
        ["last", "best"].map(|name| fs::read(at(&format!("run/{name}.safetensors"))).unwrap());
    let mut again = train(folder, "data", 4);
    again.args(["--resume", "--change-recipe", "--learning-rate", "1e30"]);
    refused(&mut again, &["NaN", "--resume", "last.safetensors"]);
    refused(&mut train(folder, "data", 1), &["last.safetensors", "--resume"]);

    // What would fail after the bundle was replaced is refused before.
    let bundle = at("bundle");
    let export = |flags: &[&str]| {
        let mut export = glimpse_train();
        export.arg("export").arg("--checkpoint").arg(at("run/best.safetensors"));
        export.arg("--output").arg(&bundle).args(flags);
        export
    };
    refused(&mut export(&["--precision", "int8"]), &["--calibration"]);
    refused(&mut export(&["--glimpse", "no/such/program"]), &["no/such/program"]);
    refused(&mut export(&["--check-images", "no-photo.jpg"]), &["no-photo.jpg"]);
    assert!(!bundle.exists());
    run(&mut export(&[]));
    refused(prepare(folder, "bundle").arg("--images").arg(&images), &["is a bundle"]);

    // Other captions, other words.
    let captions = fs::read_to_string(at("captions.txt")).unwrap();
    fs::write(at("captions.txt"), captions.replace("camera", "tripod")).unwrap();
    run(prepare(folder, "other").arg("--images").arg(&images));
    run(glimpse_train().arg("features").arg("--data").arg(at("other")));
    refused(train(folder, "other", 1).arg("--resume"), &["last.safetensors", "another vocabulary"]);

    let held = ["last", "best"].map(|name| fs::read(at(&format!("run/{name}.safetensors"))).unwrap());
    assert!(held == [checkpoint, best], "no refusal touched the checkpoints");
}
