//! Words against NLTK's `word_tokenize`; ids, vocabulary and decoded sentences.
//!
//! Golden files: `pip install nltk==3.10.4 && python bundle/tests/tokenizer/make_golden.py`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::{BOS_ID, CaptionTokenizer, EOS_ID, Error, PAD_ID, SPECIALS, UNK_ID, WordCounts};
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
    assert!(cases.len() > 360);
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

#[test]
fn ids_follow_the_specials() {
    let tokenizer = small();
    assert_eq!(tokenizer.vocab_size(), 9);
    for (id, word) in (0..).zip(SPECIALS) {
        assert_eq!(tokenizer.word_to_id(word), Some(id));
        assert_eq!(tokenizer.id_to_word(id).as_deref(), Some(word));
    }
    assert_eq!(tokenizer.encode("A DOG runs, a dog's .").unwrap(), [4, 5, 6, UNK_ID, 4, 5, 8, 7]);
    assert_eq!(tokenizer.encode(" ").unwrap(), [0u32; 0]);
    assert_eq!((tokenizer.word_to_id("cat"), tokenizer.id_to_word(9)), (None, None));
}

#[test]
fn a_spelled_special_word_is_text() {
    let tokenizer = CaptionTokenizer::build(["<", ">", "eos"]).unwrap();
    assert_eq!(tokenizer.encode("<eos> <EOS>").unwrap(), [4, 6, 5, 4, 6, 5]);
}

#[test]
fn a_batch_gives_what_each_text_gives() {
    let tokenizer = small();
    let cases = golden();
    let texts: Vec<_> = cases.iter().map(|case| case.text.as_str()).collect();
    let batch = tokenizer.encode_batch(&texts).unwrap();
    let single: Vec<_> = texts.iter().map(|text| tokenizer.encode(text).unwrap()).collect();
    assert_eq!(batch, single);
}

#[test]
fn json_gives_the_tokenizer_back() {
    let words =
        WordCounts::from_captions(golden().iter().map(|case| &case.text)).unwrap().vocabulary(1).unwrap();
    let tokenizer = CaptionTokenizer::build(&words).unwrap();
    let json = tokenizer.to_json().unwrap();
    let again = CaptionTokenizer::from_json(&json).unwrap();
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(again.vocab_size(), words.len() + SPECIALS.len());
    for Case { text, words } in golden() {
        let ids = again.encode(&text).unwrap();
        assert_eq!(ids, tokenizer.encode(&text).unwrap());
        let back: Vec<_> = ids.iter().map(|id| again.id_to_word(*id).unwrap()).collect();
        assert_eq!(back, words);
    }
}

#[test]
fn decoded_sentences_read_well() {
    let sentences = [
        "a man's hat is red.",
        "they don't stop, and he can't care!",
        "we'd say it's what they'll see; i'm sure they've left...",
        "a sign (in red) says \"welcome.\"",
        "the boys' shirts, the girl's t-shirt: 3.5 % off?",
        "she cannot swim, but is gonna try",
        "cannot gonna gimme gotta lemme wanna",
        "$3.50 for #1 -- or 2 -- at 10:30.",
        "[a {b} c]",
    ];
    let words = WordCounts::from_captions(sentences).unwrap().vocabulary(1).unwrap();
    let tokenizer = CaptionTokenizer::build(words).unwrap();
    for sentence in sentences {
        let mut ids = tokenizer.encode(sentence).unwrap();
        assert!(!ids.contains(&UNK_ID));
        ids.insert(0, BOS_ID);
        ids.extend([EOS_ID, PAD_ID, PAD_ID]);
        assert_eq!(tokenizer.decode(&ids).unwrap(), sentence.replace("3.5 %", "3.5%"));
    }
    assert_eq!(tokenizer.decode(&[BOS_ID, EOS_ID]).unwrap(), "");
}

#[test]
fn a_vocabulary_is_ordered_by_frequency_then_word() {
    let captions = ["a b b", "c a B", "c d, ü"];
    let counts = WordCounts::from_captions(captions).unwrap();
    let expected = [("b", 3), ("a", 2), ("c", 2), (",", 1), ("d", 1), ("ü", 1)];
    assert_eq!(counts.iter().collect::<Vec<_>>(), expected);
    assert_eq!(counts.total(), 10);
    assert_eq!(counts.most_common(1), [("b".to_string(), 3)]);
    assert_eq!(counts.most_common(100).len(), 6);
    assert_eq!(counts.vocabulary(2).unwrap(), ["b", "a", "c"]);
    assert_eq!(counts.vocabulary(0).unwrap().len(), 6);
}

fn reason(result: Result<impl Sized, Error>) -> String {
    match result {
        Err(Error::Tokenizer(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn empty_vocabularies_are_refused() {
    let counts = WordCounts::from_captions(["a dog", "the cat"]).unwrap();
    assert!(reason(counts.vocabulary(2)).contains("below the minimum frequency 2"));
    assert!(reason(WordCounts::from_captions([" "]).unwrap().vocabulary(1)).contains("no captions"));
    assert!(reason(CaptionTokenizer::build([""; 0])).contains("the vocabulary is empty"));
}

#[test]
fn words_with_two_ids_are_refused() {
    assert!(reason(CaptionTokenizer::build(["a", "b", "a"])).contains("two ids, 4 and 6"));
    assert!(reason(CaptionTokenizer::build(["<eos>"])).contains("two ids, 2 and 4"));
    assert!(reason(CaptionTokenizer::build(["a", ""])).contains("word 5 of the vocabulary is empty"));
}

#[test]
fn foreign_files_are_refused() {
    let json = small().to_json().unwrap();
    let moved = json.replace("\"<eos>\": 2", "\"<eos>\": 20").replace("\"a\": 4", "\"a\": 2");
    assert_ne!(moved, json);
    assert!(reason(CaptionTokenizer::from_json(&moved)).contains("<eos> is not at id 2"));
    let gap = json.replace("\"runs\": 6", "\"runs\": 60");
    assert_ne!(gap, json);
    assert!(reason(CaptionTokenizer::from_json(&gap)).contains("ids leave gaps"));
    let shared = json.replace("\"runs\": 6", "\"runs\": 5");
    assert!(reason(CaptionTokenizer::from_json(&shared)).contains("the same id"));
    assert!(!reason(CaptionTokenizer::from_json("{}")).is_empty());

    let missing = folder().join("no_such_tokenizer.json");
    assert!(matches!(CaptionTokenizer::from_file(&missing), Err(Error::Io { path, .. }) if path == missing));
    assert!(reason(CaptionTokenizer::from_file(&folder().join("awkward.json"))).contains("awkward.json"));
}
