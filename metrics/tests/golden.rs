//! Equality with pycocoevalcap 1.2. `golden/generate.py` wrote its tokens and scores:
//! `python metrics/tests/golden/generate.py --flickr8k ../shared/data/flickr8k`.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use glimpse_metrics::{Evaluation, Meteor, References, metrics, ptb};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const TOLERANCE: f64 = 1e-6;

/// The key of the only score that has no counterpart there.
const NOT_OF_PYCOCOEVALCAP: &str = "NounRecall";

/// Scores by the names of pycocoevalcap.
#[derive(Deserialize)]
struct Expected {
    corpus: BTreeMap<String, f64>,
    per_image: BTreeMap<String, Vec<f64>>,
}

/// The hand-written images of `cases.py`.
#[derive(Deserialize)]
struct Cases {
    images: Vec<(String, Vec<String>)>,
    #[serde(flatten)]
    expected: Expected,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read_json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&fs::read(golden(name)).unwrap()).unwrap()
}

/// `../shared/data/flickr8k` beside the project, or `None` with a line that says so.
fn flickr8k() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/flickr8k");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// A running METEOR, or `None` with a line that says so.
fn meteor() -> Option<Meteor> {
    let Some(jar) = std::env::var_os("GLIMPSE_METEOR_JAR") else {
        println!("skipped: GLIMPSE_METEOR_JAR does not name a meteor-1.5.jar");
        return None;
    };
    let java = std::env::var_os("GLIMPSE_JAVA").unwrap_or_else(|| "java".into());
    Some(Meteor::start(jar.as_ref(), java.as_ref()).unwrap())
}

/// The captions of every image that exists, in the order of the file.
fn flickr8k_captions(folder: &Path) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(folder.join("Flickr8k.token.txt")).unwrap();
    let mut images: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        let (key, caption) = line.split_once('\t').unwrap();
        let (image, _) = key.split_once('#').unwrap();
        if !image.ends_with(".jpg") {
            continue;
        }
        match images.last_mut() {
            Some((last, captions)) if last == image => captions.push(caption.to_owned()),
            _ => images.push((image.to_owned(), vec![caption.to_owned()])),
        }
    }
    images
}

#[track_caller]
fn assert_equal(evaluation: &Evaluation, expected: &Expected) {
    for (metric, score) in evaluation.scores().iter().filter(|(metric, _)| *metric != NOT_OF_PYCOCOEVALCAP) {
        let (corpus, per_image) = (expected.corpus[*metric], &expected.per_image[*metric]);
        assert!((score.corpus - corpus).abs() < TOLERANCE, "{metric}: {} is not {corpus}", score.corpus);
        assert_eq!(score.per_image.len(), per_image.len(), "{metric}");
        for ((image, ours), theirs) in evaluation.images().iter().zip(&score.per_image).zip(per_image) {
            assert!((ours - theirs).abs() < TOLERANCE, "{metric} of image {image}: {ours} is not {theirs}");
        }
    }
}

fn evaluate_cases(cases: &Cases, meteor: Option<Meteor>) -> Evaluation {
    let numbered = || cases.images.iter().enumerate().map(|(i, image)| (i.to_string(), image));
    let references = numbered().map(|(image, (_, references))| (image, references.clone()));
    let references = References::with_metrics(references, metrics(meteor)).unwrap();
    references.evaluate(numbered().map(|(image, (hypothesis, _))| (image, hypothesis))).unwrap()
}

/// The first caption of every test image against its four others.
fn evaluate_flickr8k(folder: &Path, meteor: Option<Meteor>) -> Evaluation {
    let captions: BTreeMap<String, Vec<String>> = flickr8k_captions(folder).into_iter().collect();
    let test = fs::read_to_string(folder.join("Flickr_8k.testImages.txt")).unwrap();
    let test: Vec<&str> = test.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let references = test.iter().map(|&image| (image, captions[image][1..].to_vec()));
    let references = References::with_metrics(references, metrics(meteor)).unwrap();
    references.evaluate(test.iter().map(|&image| (image, &captions[image][0]))).unwrap()
}

#[test]
fn tokens_of_difficult_captions() {
    let (captions, expected): (Vec<String>, Vec<String>) =
        read_json::<Vec<(String, String)>>("tokens.json").into_iter().unzip();
    for ((caption, ours), theirs) in captions.iter().zip(ptb::tokenize_all(&captions)).zip(&expected) {
        assert_eq!(&ours, theirs, "tokens of {caption:?}");
    }
}

#[test]
fn tokens_of_all_captions_of_flickr8k() {
    let Some(folder) = flickr8k() else { return };
    let images = flickr8k_captions(&folder);
    let captions: Vec<&String> = images.iter().flat_map(|(_, captions)| captions).collect();
    let expected = fs::read(golden("flickr8k_tokens.bin")).unwrap();
    assert_eq!(captions.len() * 4, expected.len());
    for (i, tokens) in ptb::tokenize_all(&captions).iter().enumerate() {
        let digest = Sha256::digest(tokens);
        assert_eq!(digest[..4], expected[i * 4..][..4], "caption {i}, counted from 0: {tokens:?}");
    }
}

#[test]
fn scores_of_difficult_captions() {
    let cases: Cases = read_json("scores.json");
    let evaluation = evaluate_cases(&cases, None);
    assert_equal(&evaluation, &cases.expected);
}

#[test]
fn scores_of_the_test_images_of_flickr8k() {
    let Some(folder) = flickr8k() else { return };
    let evaluation = evaluate_flickr8k(&folder, None);
    assert_equal(&evaluation, &read_json("flickr8k_scores.json"));
}

#[test]
fn meteor_of_difficult_captions() {
    let Some(meteor) = meteor() else { return };
    let cases: Cases = read_json("scores.json");
    let evaluation = evaluate_cases(&cases, Some(meteor));
    assert!(evaluation.score("METEOR").is_some());
    assert_equal(&evaluation, &cases.expected);
}

#[test]
fn meteor_of_the_test_images_of_flickr8k() {
    let (Some(folder), Some(meteor)) = (flickr8k(), meteor()) else { return };
    let evaluation = evaluate_flickr8k(&folder, Some(meteor));
    assert_equal(&evaluation, &read_json("flickr8k_scores.json"));
}

#[test]
fn meteor_of_a_resampled_set() {
    let Some(meteor) = meteor() else { return };
    let cases: Cases = read_json("scores.json");
    let evaluation = evaluate_cases(&cases, Some(meteor));
    let bootstrap = glimpse_metrics::Bootstrap { num_resamples: 200, ..Default::default() };
    let intervals = bootstrap.intervals(&evaluation).unwrap();
    let (_, interval) = intervals.iter().find(|(metric, _)| *metric == "METEOR").unwrap();
    assert!(interval.lower < interval.estimate && interval.estimate < interval.upper, "{interval:?}");
}
