//! Words against NLTK's `word_tokenize`, ids and decoded text against Python's `tokenizers`.
//!
//! Golden files: `pip install nltk==3.10.4 && python bundle/tests/tokenizer/make_golden.py`.

use glimpse_bundle::{CaptionTokenizer, EOS_ID, PAD_ID, SPECIALS, UNK_ID, WordCounts};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    words: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizer")
}

fn golden() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("awkward.json")).unwrap();
    serde_json::from_str::<Golden>(&text).unwrap().cases
}

fn small() -> CaptionTokenizer {
    CaptionTokenizer::build(["a", "dog", "runs", ".", "'s"]).unwrap()
}

#[test]
fn awkward_strings_are_cut_as_nltk_cuts_them() {
    let tokenizer = small();
    let cases = golden();
    assert!(cases.len() > 60);
    for Case { text, words } in cases {
        assert_eq!(tokenizer.pre_tokenize(&text).unwrap(), words, "{text:?}");
    }
}

/// The captions of a data set beside the project in file order, or `None` with a printed line.
fn captions(path: &str, column: usize) -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    Some(reader.records().filter_map(|row| row.unwrap().get(column).map(str::to_string)).collect())
}

fn assert_digests(captions: &[String], digests: &str) {
    let expected = std::fs::read(folder().join(digests)).unwrap();
    assert_eq!(expected.len(), captions.len() * 4);
    let tokenizer = small();
    for (caption, expected) in captions.iter().zip(expected.chunks(4)) {
        let words = tokenizer.pre_tokenize(caption).unwrap();
        assert_eq!(Sha256::digest(words.join("\u{1f}"))[..4], *expected, "{words:?}");
    }
}

#[test]
fn every_flickr8k_caption_is_cut_as_nltk_cuts_it() {
    if let Some(captions) = captions("flickr8k/captions.txt", 1) {
        assert_eq!(captions.len(), 40_455);
        assert_digests(&captions, "flickr8k.digests");
    }
}

#[test]
fn every_caption_of_the_flickr30k_sample_is_cut_as_nltk_cuts_it() {
    if let Some(captions) = captions("flickr30k-sample/results.csv", 2) {
        assert_digests(&captions, "flickr30k-sample.digests");
    }
}
