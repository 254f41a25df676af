//! Good photos and bad ones.

use crate::{DONE, SOME_FAILED, WRONG_USE, caption, example, keys};
use glimpse_tests::photos::pictures_in;
use glimpse_tests::places::{examples, project};
use glimpse_tests::programs::Outcome;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// Everything that is no photo, each with words of the line that says so.
struct Faults {
    folder: TempDir,
    all: Vec<(&'static str, &'static [&'static str])>,
}

impl Faults {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        fs::write(at("text.jpg"), "These are words, not pixels.\n").unwrap();
        let photo = fs::read(example("beach.jpg")).unwrap();
        fs::write(at("truncated.jpg"), &photo[..photo.len() / 2]).unwrap();
        fs::write(at("no-bytes.jpg"), "").unwrap();
        let huge = project().join("bundle/tests/image/refused/huge.png");
        fs::copy(huge, at("huge.png")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        image::RgbImage::new(1, 1).save(at("one-pixel.png")).unwrap();
        let all: Vec<(&str, &[&str])> = vec![
            ("missing.jpg", &["No such file"]),
            ("text.jpg", &["not a picture"]),
            ("truncated.jpg", &["cut short"]),
            ("no-bytes.jpg", &["empty"]),
            ("one-pixel.png", &["1x1", "too few"]),
            ("huge.png", &["30000x30000", "too large"]),
            ("empty", &["no picture"]),
            ("*.gif", &["no file matches"]),
        ];
        Self { folder, all }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One line on stderr that names the file and the fault.
    #[track_caller]
    fn assert_line(&self, line: &str, name: &str, words: &[&str]) {
        assert!(line.contains(self.path(name).to_str().unwrap()), "{line:?} does not name {name}");
        for word in words {
            assert!(line.contains(word), "{line:?} does not say {word:?}");
        }
    }
}

#[test]
fn each_fault_alone_gets_one_line() {
    let faults = Faults::new();
    for (name, words) in &faults.all {
        let outcome = Outcome::of(caption().arg(faults.path(name)));
        assert_eq!(outcome.code, Some(SOME_FAILED), "{name}: {outcome:#?}");
        assert!(outcome.stdout.is_empty(), "{name}: {outcome:#?}");
        assert_eq!(outcome.stderr.len(), 1, "{name}: {outcome:#?}");
        faults.assert_line(&outcome.stderr[0], name, words);
    }
}

#[test]
fn good_photos_between_bad_ones_are_captioned() {
    let faults = Faults::new();
    let mut command = caption();
    command.arg("--json").args(["--batch-size", "2"]).arg(example("beach.jpg"));
    for (name, _) in &faults.all {
        command.arg(faults.path(name));
    }
    command.arg(example("canyon.jpg"));
    let outcome = Outcome::of(&mut command);
    let lines = outcome.json(SOME_FAILED);
    assert_eq!(lines.len(), faults.all.len() + 2);
    for (line, name) in [(lines.first(), "beach.jpg"), (lines.last(), "canyon.jpg")] {
        let line = line.unwrap();
        assert_eq!(line["image"], example(name).to_str().unwrap());
        assert_eq!(line["captions"].as_array().unwrap().len(), 1);
    }
    assert_eq!(outcome.stderr.len(), faults.all.len(), "{outcome:#?}");
    let bad = faults.all.iter().zip(&lines[1..]).zip(&outcome.stderr);
    for (((name, words), line), complaint) in bad {
        faults.assert_line(complaint, name, words);
        assert_eq!(keys(line), ["error", "image"]);
        assert_eq!(line["image"], faults.path(name).to_str().unwrap());
        assert!(complaint.contains(line["error"].as_str().unwrap()), "{complaint:?} is not {line}");
    }
}

/// The photos that `glimpse caption --json` names.
fn named(command: &mut std::process::Command) -> Vec<PathBuf> {
    let lines = Outcome::of(command.arg("--json")).json(DONE);
    lines.iter().map(|line| PathBuf::from(line["image"].as_str().unwrap())).collect()
}

#[test]
fn folders_globs_and_files_become_photos() {
    let all = pictures_in(&examples());
    assert_eq!(named(caption().arg(examples())), all);
    assert_eq!(named(caption().arg(examples().join("*.jpg"))), all);
    let two = [example("two-dogs.jpg"), example("beach.jpg")];
    assert_eq!(named(caption().args(&two)), two, "in the order given");
    assert_eq!(
        named(caption().arg("assets/photos/b*.jpg")),
        [Path::new("assets/photos/beach.jpg")],
        "as they were named"
    );
}

#[test]
fn a_photo_on_standard_input_is_the_same_photo() {
    let from_file = Outcome::of(caption().arg("--json").arg(example("beach.jpg"))).json(DONE);
    let piped = |file: &Path| {
        let photo = File::open(file).unwrap();
        Outcome::of(caption().args(["--json", "-"]).stdin(photo))
    };
    let from_pipe = piped(&example("beach.jpg")).json(DONE);
    assert_eq!(from_pipe[0]["image"], "-");
    assert_eq!(from_pipe[0]["captions"], from_file[0]["captions"]);

    let faults = Faults::new();
    let text = piped(&faults.path("text.jpg"));
    assert_eq!((text.code, text.stderr.len()), (Some(SOME_FAILED), 1), "{text:#?}");
    let nothing = Outcome::of(caption().arg("-").stdin(Stdio::null()));
    assert_eq!(nothing.code, Some(SOME_FAILED));
    assert_eq!(nothing.stderr, ["-: standard input is empty"]);
    let twice = Outcome::of(caption().args(["-", "-"]));
    assert_eq!((twice.code, twice.stderr.len()), (Some(WRONG_USE), 1), "{twice:#?}");
}

#[test]
fn no_photo_at_all_is_wrong_use() {
    let outcome = Outcome::of(&mut caption());
    assert_eq!(outcome.code, Some(WRONG_USE));
    assert!(outcome.stdout.is_empty());
}
