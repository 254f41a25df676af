//! Splits: exact sizes, the promise that a seed never changes its meaning, and mistakes in lists.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{CaptionedImage, Error, SeededSplit, Split, SplitLists, Splits, read_split_list};
use std::collections::HashSet;

fn images(n: usize) -> Vec<CaptionedImage> {
    (0..n).map(|i| named(&format!("{i:05}.jpg"))).collect()
}

fn named(file_name: &str) -> CaptionedImage {
    CaptionedImage {
        file_name: file_name.into(),
        captions: vec!["A kite .".into()],
        ..CaptionedImage::default()
    }
}

fn names(images: &[CaptionedImage]) -> Vec<&str> {
    images.iter().map(|image| image.file_name.as_str()).collect()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn flickr30k_splits_as_in_the_report() {
    let splits = Splits::seeded(images(31_783), &SeededSplit::default()).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (25_426, 0, 6_357));
    let halves = splits.clone().halve_training(42);
    assert_eq!((halves.train.len(), halves.validation.len(), halves.test.len()), (12_713, 12_713, 6_357));
    assert_eq!(halves.test, splits.test);
    let mut rejoined: Vec<_> = halves.train.into_iter().chain(halves.validation).collect();
    rejoined.sort_by(|a, b| a.file_name.cmp(&b.file_name));
    assert_eq!(rejoined, splits.train);
}

const TRAIN: [&str; 6] = ["00000.jpg", "00001.jpg", "00003.jpg", "00004.jpg", "00005.jpg", "00007.jpg"];
const VALIDATION: [&str; 3] = ["00006.jpg", "00008.jpg", "00009.jpg"];

/// The same by `make_seeded_split.py`, which has its own ChaCha8.
#[test]
fn a_seed_names_the_same_split_for_ever() {
    let options = SeededSplit { seed: 42, train_percent: 50, validation_percent: 25 };
    let splits = Splits::seeded(images(12), &options).unwrap();
    assert_eq!(names(&splits.train), TRAIN);
    assert_eq!(names(&splits.validation), VALIDATION);
    assert_eq!(splits.test.len(), 3);
}

#[test]
fn the_order_of_the_file_changes_no_part() {
    let options = SeededSplit { seed: 7, train_percent: 60, validation_percent: 20 };
    let splits = Splits::seeded(images(50), &options).unwrap();
    let mut reversed = images(50);
    reversed.reverse();
    let other = Splits::seeded(reversed, &options).unwrap();
    let set = |part: &[CaptionedImage]| names(part).into_iter().map(String::from).collect::<HashSet<_>>();
    assert_eq!(set(&splits.train), set(&other.train));
    assert_eq!(set(&splits.validation), set(&other.validation));
    assert_ne!(
        set(&splits.train),
        set(&Splits::seeded(images(50), &SeededSplit { seed: 8, ..options }).unwrap().train)
    );
}

#[test]
fn every_share_of_every_size_is_a_partition() {
    for n in [0, 1, 2, 3, 10, 101] {
        for (train_percent, validation_percent) in [(80, 0), (80, 10), (0, 100), (100, 0), (33, 33), (1, 1)] {
            let options = SeededSplit { seed: n as u64, train_percent, validation_percent };
            let splits = Splits::seeded(images(n), &options).unwrap();
            assert_eq!(splits.train.len(), n * usize::from(train_percent) / 100);
            assert_eq!(splits.validation.len(), n * usize::from(validation_percent) / 100);
            let all = [&splits.train, &splits.validation, &splits.test].into_iter().flatten();
            assert_eq!(all.map(|image| &image.file_name).collect::<HashSet<_>>().len(), n);
        }
    }
}

#[test]
fn impossible_shares_are_refused() {
    for (train_percent, validation_percent) in [(0, 0), (90, 11), (101, 0), (255, 255)] {
        let options = SeededSplit { seed: 1, train_percent, validation_percent };
        assert!(matches!(Splits::seeded(images(3), &options), Err(Error::Shares { .. })));
    }
}

#[test]
fn lists_name_files_with_or_without_suffix() {
    let images = vec![named("1.jpg"), named("2.jpg"), named("sub/3.png"), named("4.jpg")];
    let lists = SplitLists { train: strings(&["1.jpg", "3"]), validation: vec![], test: strings(&["2"]) };
    let (splits, report) = Splits::by_lists(images, &lists).unwrap();
    assert_eq!(names(&splits.train), ["1.jpg", "sub/3.png"]);
    assert_eq!(names(&splits.test), ["2.jpg"]);
    assert_eq!((report.missing.len(), report.unlisted), (0, 1));
}

#[test]
fn a_few_missing_names_are_reported_and_many_refused() {
    let lists = |names: &[&str], n: usize| SplitLists {
        train: (0..n).map(|i| format!("{i:05}.jpg")).chain(strings(names)).collect(),
        ..SplitLists::default()
    };
    let (splits, report) = Splits::by_lists(images(40), &lists(&["lost.jpg"], 40)).unwrap();
    assert_eq!(splits.train.len(), 40);
    assert_eq!(report.missing, [(Split::Train, "lost.jpg".to_string())]);
    assert!(report.to_string().contains("lost.jpg of the training list has no caption"));
    let error = Splits::by_lists(images(40), &lists(&["lost.jpg"], 10)).unwrap_err();
    assert!(matches!(
        &error,
        Error::ListMismatch { split: Split::Train, listed: 11, missing: 1, example } if example == "lost.jpg"
    ));
}

#[test]
fn an_image_in_two_lists_is_refused() {
    let lists = SplitLists {
        train: strings(&["00000.jpg", "00001.jpg"]),
        validation: vec![],
        test: strings(&["00001.jpg"]),
    };
    let error = Splits::by_lists(images(2), &lists).unwrap_err();
    assert_eq!(
        error.to_string(),
        "00001.jpg is in the training part and in the test part; an image may be in one only"
    );
}

#[test]
fn only_files_with_a_split_have_one() {
    assert!(matches!(Splits::own(images(2)), Err(Error::NoOwnSplit)));
    let mut two = images(3);
    two[0].split = Some(Split::Test);
    two[2].split = Some("restval".parse().unwrap());
    let splits = Splits::own(two).unwrap();
    assert_eq!((names(&splits.train), names(&splits.test)), (vec!["00002.jpg"], vec!["00000.jpg"]));
}

#[test]
fn a_list_is_read_without_blanks_and_repetitions() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\u{feff}b.jpg \r\n\r\na.jpg\r\nb.jpg\r\n").unwrap();
    assert_eq!(read_split_list(file.path()).unwrap(), ["b.jpg", "a.jpg"]);
    std::fs::write(file.path(), "\n \n").unwrap();
    assert!(matches!(read_split_list(file.path()), Err(Error::EmptyList { .. })));
}
