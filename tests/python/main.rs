//! A bundle works without Glimpse: `portable.py` captions with it by onnxruntime, tokenizers, PIL and
//! numpy alone, and gets the same words. Runs where Python has these (`make test` installs them).

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::models::{self, SeededModel};
use glimpse_tests::photos::{photos, pictures_in};
use glimpse_tests::places::{examples, project, shared, shipped_bundle};
use glimpse_tests::programs::{Outcome, glimpse, glimpse_path, python};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const WIDTHS: [&str; 3] = ["1", "3", "5"];

fn portable() -> Option<Command> {
    let mut command = python("numpy, onnx, onnxruntime, PIL, tokenizers")?;
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/portable.py"));
    Some(command)
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The photos by `portable.py` and by `glimpse`, greedy, with three beams and with five.
fn assert_same_words(bundle: &Path, photos: &[PathBuf], tolerance: f64) {
    let Some(mut portable) = portable() else { return };
    portable.args(["caption", "--check", "--num-beams"]).args(WIDTHS).arg("--").arg(bundle).args(photos);
    let outcome = Outcome::of(&mut portable);
    let expected = outcome.json(0);
    assert_eq!(expected.len(), WIDTHS.len() * photos.len());

    let mut found = Vec::new();
    for num_beams in WIDTHS {
        let mut command = glimpse();
        command
            .args(["caption", "--device", "cpu", "--json", "--num-beams", num_beams, "--model"])
            .arg(bundle);
        found.extend(Outcome::of(command.args(photos)).json(0));
    }
    let mut largest = 0f64;
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found["image"], expected["image"]);
        let (ours, theirs) = (&found["captions"][0], &expected["captions"][0]);
        assert_eq!(ours["token_ids"], theirs["token_ids"], "{expected}");
        assert_eq!(ours["generated_text"], theirs["generated_text"]);
        let [our_score, their_score] = [ours, theirs].map(|caption| caption["score"].as_f64().unwrap());
        assert!((our_score - their_score).abs() < tolerance, "{our_score} is not {their_score}");
        for (a, b) in floats(&ours["token_logprobs"]).into_iter().zip(floats(&theirs["token_logprobs"])) {
            largest = largest.max((a - b).abs());
        }
    }
    println!("{}: log-probabilities at most {largest:.1e} apart", bundle.display());
    assert!(largest < tolerance, "they are {largest} apart");
}

/// Photos that every decoder reads alike and that need no resize.
fn plain_photos(folder: &Path) -> Vec<PathBuf> {
    let windows = photos(4).into_iter().enumerate().map(|(number, photo)| {
        let path = folder.join(format!("{number}.png"));
        image::imageops::crop_imm(&photo, 0, 0, 224, 224).to_image().save(&path).unwrap();
        path
    });
    windows.collect()
}

/// 200 photos of Flickr8k's, evenly spread, at the network's size; fewer where there is no Flickr8k.
fn many_photos(folder: &Path) -> Vec<PathBuf> {
    let Some(images) = shared("data/flickr8k/images") else { return plain_photos(folder) };
    let all = pictures_in(&images);
    let spread = all.iter().step_by((all.len() / 200).max(1)).take(200).enumerate();
    let resized = spread.map(|(number, file)| {
        let path = folder.join(format!("{number}.png"));
        let photo = image::open(file).unwrap().to_rgb8();
        image::imageops::thumbnail(&photo, 224, 224).save(&path).unwrap();
        path
    });
    resized.collect()
}

/// JPEG decoders differ by a tenth of a grey level on average, which moves the log-probability of a
/// word by some hundredths.
#[test]
fn the_shipped_bundle_gives_python_the_same_words() {
    assert_same_words(&shipped_bundle(), &pictures_in(&examples()), 0.2);
    // A photo on its side, with the orientation in its EXIF.
    let turned = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/exif-orientation-6.jpg");
    assert_same_words(&shipped_bundle(), &[turned], 0.2);
    let folder = tempfile::tempdir().unwrap();
    assert_same_words(&shipped_bundle(), &many_photos(folder.path()), 1e-4);
}

#[test]
fn a_bundle_of_another_backbone_gives_python_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    assert_same_words(&SeededModel::write(models::report()).bundle, &plain_photos(folder.path()), 1e-4);
}

/// Beams share their image's grid: the runtime captions with a decoder that bears one grid alone,
/// whatever the number of beams, and only two photos at once are too many for it.
#[test]
fn the_runtime_repeats_no_grid() {
    let Some(mut portable) = portable() else { return };
    let model = SeededModel::write(models::small());
    let folder = tempfile::tempdir().unwrap();
    let altered: PathBuf = folder.path().join("bundle");
    let outcome = Outcome::of(portable.arg("one-image").arg(&model.bundle).arg(&altered));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");

    let caption = |bundle: &Path, batch_size: &str| {
        let mut command = glimpse();
        command.args([
            "caption",
            "--device",
            "cpu",
            "--json",
            "--num-beams",
            "5",
            "--batch-size",
            batch_size,
        ]);
        Outcome::of(
            command.arg("--model").arg(bundle).arg("assets/photos/beach.jpg").arg("assets/photos/canyon.jpg"),
        )
    };
    assert_eq!(caption(&altered, "1").json(0), caption(&model.bundle, "1").json(0));
    let together = caption(&altered, "2");
    assert_eq!(together.code, Some(1), "two grids reach the graph together: {together:#?}");
}

/// The all-in-one graph in Python (and in Node.js where `GLIMPSE_NODE_MODULES` names a folder with
/// onnxruntime-node): the words of `glimpse` with 1, 3 and 5 beams, alone and in batches.
#[test]
fn the_captioner_graph_says_the_same_words() {
    let Some(mut compare) = python("numpy, onnx, onnxruntime, PIL") else { return };
    compare.arg(project().join("tests/captioner/compare.py"));
    let model = SeededModel::write(models::edge());
    compare.current_dir(project()).arg(&model.bundle).arg("--glimpse").arg(glimpse_path());
    match std::env::var_os("GLIMPSE_NODE_MODULES") {
        Some(folder) => {
            compare.arg("--node").arg(folder);
        }
        None => println!("not compared with Node.js: GLIMPSE_NODE_MODULES is not set"),
    }
    compare.args(["--num-beams", "1", "3", "5", "--count"]);
    let outcome = match shared("data/flickr8k/images") {
        Some(photos) => Outcome::of(compare.arg("200").arg("--").arg(photos)),
        None => Outcome::of(compare.arg("5").arg("--").arg(examples())),
    };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    println!("{}", outcome.stdout.join("\n"));
}

/// The graph with its weights inside, in a folder without the other files.
#[test]
fn the_self_contained_captioner_says_the_same_words() {
    let Some(compare) = python("numpy, onnx, onnxruntime, PIL") else { return };
    let compare = || {
        let mut command = Command::new(compare.get_program());
        command.args(compare.get_args()).current_dir(project());
        command
    };
    let folder = tempfile::tempdir().unwrap();
    for precision in ["fp32", "int8"] {
        let file = folder.path().join(format!("{precision}.onnx"));
        let mut write = glimpse();
        write.args(["bundle", "--precision", precision, "--self-contained"]).arg(&file);
        let outcome = Outcome::of(&mut write);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let outcome = Outcome::of(
            compare()
                .arg(project().join("tests/captioner/compare.py"))
                .arg(shipped_bundle())
                .arg(examples())
                .args(["--num-beams", "1", "5", "--precision", precision, "--captioner"])
                .arg(&file)
                .arg("--glimpse")
                .arg(glimpse_path()),
        );
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
    let mut write = glimpse();
    let inside = shipped_bundle().join("one-file.onnx");
    let outcome = Outcome::of(write.args(["bundle", "--self-contained"]).arg(&inside));
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    assert!(!inside.exists());
}
