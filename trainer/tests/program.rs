//! `glimpse-train` run as a user would: what it prints, how it ends, and what it refuses.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_trainer::FolderLock;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// All done.
const DONE: i32 = 0;
/// Some inputs failed.
const SOME_FAILED: i32 = 1;
/// Wrong use.
const WRONG_USE: i32 = 2;

/// What a program printed and how it ended.
#[derive(Debug)]
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the program from the project's root, with no setting of its own in the environment.
fn glimpse_train(arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-train"));
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GLIMPSE_")) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Three photos of which the first is cut off, with captions in each part of a split.
struct Photos {
    folder: TempDir,
}

impl Photos {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        fs::create_dir(&images).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos-one-broken");
        for photo in ["1000000010.jpg", "10000001.jpg", "1100000011.jpg"] {
            fs::copy(fixture.join(photo), images.join(photo)).unwrap();
        }
        let captions = "image,caption,split\n1000000010.jpg,A dog runs .,train\n10000001.jpg,A dog runs .,train\n\
                        1100000011.jpg,A dog runs .,val\n";
        fs::write(folder.path().join("captions.csv"), captions).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn prepare(&self, further: &[&str]) -> Outcome {
        let (captions, images, output) = (self.at("captions.csv"), self.at("images"), self.at("data"));
        let arguments = ["prepare", "--captions", &captions, "--images", &images, "--output", &output];
        glimpse_train(&[&arguments[..], &["--min-frequency", "1"], further].concat())
    }

    fn features(&self) -> Outcome {
        glimpse_train(&["features", "--data", &self.at("data"), "--threads", "1", "--workers", "1"])
    }
}

#[test]
fn prepare_names_the_broken_photo_and_takes_the_files_own_split() {
    let photos = Photos::new();
    let outcome = photos.prepare(&[]);
    assert_eq!(outcome.code, DONE, "{outcome:#?}");
    let left_out: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("left out: ")).collect();
    let [line] = left_out[..] else { panic!("{outcome:#?}") };
    let name = fs::canonicalize(photos.at("images")).unwrap().join("1000000010.jpg").display().to_string();
    assert!(line.starts_with(&format!("left out: {name}: ")) && line.matches(&name).count() == 1, "{line}");
    assert!(outcome.stderr.contains("1 training, 1 validation, 0 test photos"), "{outcome:#?}");
    let data = fs::read_to_string(photos.at("data/dataset.json")).unwrap();
    assert!(!data.contains("\"split\""), "{data}");

    let refused = photos.prepare(&["--max-bad-images", "0"]);
    assert_eq!(refused.code, WRONG_USE, "{refused:#?}");
    assert!(refused.stderr.contains("1000000010.jpg"), "{refused:#?}");
}

#[test]
fn lists_go_together() {
    let photos = Photos::new();
    for (given, missing) in [
        (&["--train-list", "t"][..], "add --validation-list and --test-list"),
        (&["--test-list", "t"], "add --train-list and --validation-list"),
        (&["--train-list", "t", "--test-list", "t"], "add --validation-list"),
    ] {
        let outcome = photos.prepare(given);
        assert_eq!(outcome.code, WRONG_USE, "{outcome:#?}");
        assert!(outcome.stderr.trim_end().ends_with(missing), "{missing}: {outcome:#?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
    }
    let help = glimpse_train(&["prepare", "--help"]).stdout;
    assert_eq!(help.matches("the lists of all three splits are given, or none").count(), 3, "{help}");
}

#[test]
fn the_device_is_chosen_as_by_the_other_program() {
    for command in ["features", "train", "evaluate", "sample", "export"] {
        let help = glimpse_train(&[command, "--help"]).stdout;
        assert!(help.contains("GLIMPSE_DEVICE") && help.contains("[default: auto]"), "{command}: {help}");
    }
}

#[test]
fn what_a_terminal_obeys_is_escaped() {
    let photos = Photos::new();
    let captions = "image,caption\nred\u{1b}[31m.jpg,A dog runs .\n10000001.jpg,A dog \u{9b}2Jruns .\n";
    fs::write(photos.at("captions.csv"), captions).unwrap();
    let outcome = photos.prepare(&["--train-percent", "100"]);
    assert_eq!(outcome.code, DONE, "{outcome:#?}");
    assert!(outcome.stderr.contains("red\\u{1b}[31m.jpg"), "{outcome:#?}");
    assert!(outcome.stderr.contains("dog \\u{9b}2jruns"), "among the frequent words: {outcome:#?}");
    let refused = photos.prepare(&["--layout", "\u{1b}[31mtoken"]);
    assert_eq!((refused.code, refused.stderr.lines().count()), (WRONG_USE, 1), "{refused:#?}");
    for text in [outcome.stderr, refused.stderr] {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn a_photo_that_cannot_be_read_and_a_folder_in_use_end_with_codes_of_their_own() {
    let photos = Photos::new();
    photos.prepare(&[]);
    let photo = photos.at("images/10000001.jpg");
    let whole = fs::read(&photo).unwrap();
    fs::write(&photo, "no picture").unwrap();
    let outcome = photos.features();
    assert_eq!(outcome.code, SOME_FAILED, "{outcome:#?}");
    assert!(outcome.stderr.contains("10000001.jpg") && outcome.stderr.contains("prepare"), "{outcome:#?}");

    fs::write(&photo, whole).unwrap();
    let outcome = photos.features();
    assert_eq!(outcome.code, DONE, "{outcome:#?}");
    let cache = fs::read_dir(photos.at("data/features")).unwrap().next().unwrap().unwrap().path();
    let train = || {
        let (data, output) = (photos.at("data"), photos.at("run"));
        let sizes = ["--project-dim", "0", "--embed-dim", "8", "--decoder-dim", "8", "--attention-dim", "8"];
        let short = ["--epochs", "1", "--scst-epochs", "0", "--threads", "1"];
        glimpse_train(&[&["train", "--data", &data, "--output", &output][..], &sizes, &short].concat())
    };
    let refused = |outcome: Outcome, folder: &Path| {
        assert_eq!(outcome.code, WRONG_USE, "{outcome:#?}");
        let line = outcome.stderr.lines().last().unwrap();
        assert!(line.starts_with(&format!("error: {} is in use", folder.display())), "{outcome:#?}");
    };
    // This process holds them, the program is another.
    let held = FolderLock::take(&cache).unwrap();
    refused(photos.features(), &cache);
    drop(held);
    let run = photos.folder.path().join("run");
    let held = FolderLock::take(&run).unwrap();
    refused(train(), &run);
    drop(held);
    assert_eq!(photos.features().code, DONE);
    let outcome = train();
    assert_eq!(outcome.code, DONE, "{outcome:#?}");
    assert!(run.join("best.safetensors").is_file());
}
