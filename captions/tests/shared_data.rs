//! The data sets beside the project, where they are there.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{Dataset, FindingKind, Layout, SeededSplit, SplitLists, Splits, read_split_list};
use std::path::{Path, PathBuf};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn both_flickr8k_files_hold_the_same_captions() {
    let (Some(token), Some(kaggle)) =
        (shared("flickr8k/Flickr8k.token.txt"), shared("flickr8k/captions.txt"))
    else {
        return;
    };
    let token = Dataset::read(&token, None).unwrap();
    let kaggle = Dataset::read(&kaggle, None).unwrap();
    assert_eq!((token.layout, kaggle.layout), (Layout::Token, Layout::Kaggle));
    assert_eq!((kaggle.images.len(), kaggle.report.captions), (8_091, 40_455));
    assert!(kaggle.report.findings.is_empty(), "{}", kaggle.report);
    assert_eq!((token.images.len(), token.report.captions), (8_092, 40_460));
    assert_eq!(token.report.places(FindingKind::UnusualName).collect::<Vec<_>>(), [6731]);
    let mut images: Vec<_> =
        token.images.into_iter().filter(|image| !image.file_name.ends_with(".1")).collect();
    images.sort_by(|a, b| a.file_name.cmp(&b.file_name));
    let mut others = kaggle.images;
    others.sort_by(|a, b| a.file_name.cmp(&b.file_name));
    assert!(images == others);
}

#[test]
fn the_official_flickr8k_lists_split_it() {
    let Some(folder) = shared("flickr8k") else { return };
    let list = |name: &str| read_split_list(&folder.join(format!("Flickr_8k.{name}Images.txt"))).unwrap();
    let lists = SplitLists { train: list("train"), validation: list("dev"), test: list("test") };
    let images = Dataset::read(&folder.join("Flickr8k.token.txt"), None).unwrap().images;
    let (splits, report) = Splits::by_lists(images, &lists).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (6_000, 1_000, 1_000));
    assert!(splits.train.iter().chain(&splits.test).all(|image| image.captions.len() == 5));
    assert_eq!((report.missing.len(), report.unlisted), (0, 92));
}

#[test]
fn the_cut_captions_of_the_flickr30k_sample_are_found() {
    let Some(path) = shared("flickr30k-sample/results.csv") else { return };
    let dataset = Dataset::read(&path, None).unwrap();
    assert_eq!(dataset.layout, Layout::ResultsComma);
    eprintln!("{}", dataset.report);
    assert_eq!(dataset.report.rows, 6_995);
    assert_eq!(dataset.images.len(), 1_399);
    assert_eq!(dataset.report.count(FindingKind::CutAtComma), 726);
    assert_eq!(dataset.report.captions, 6_995 - 726);
    assert_eq!(dataset.report.places(FindingKind::CutAtComma).take(3).collect::<Vec<_>>(), [28, 77, 88]);
    let splits = Splits::seeded(dataset.images, &SeededSplit::default()).unwrap();
    assert_eq!((splits.train.len(), splits.test.len()), (1_119, 280));
}
