//! Golden cases: for the same toy decoders the search finds the ids, log-probabilities and scores of `generate` in
//! Hugging Face's transformers, and sampling draws from the same distributions.
//!
//! `generate.py` regenerates the three files of cases; its header has the commands.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod table;

use glimpse_generation::{GenerationConfig, search, warp};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use table::{PAD, Tables};

/// Scores have six decimals in the files, and are summed in another order.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Golden<C> {
    cases: Vec<C>,
}

fn cases<C: for<'de> Deserialize<'de>>(json: &str) -> Vec<C> {
    serde_json::from_str::<Golden<C>>(json).expect("a file of generate.py").cases
}

#[derive(Debug, Deserialize)]
struct Searched {
    table: usize,
    options: Map<String, Value>,
    captions: Vec<Caption>,
}

#[derive(Debug, Deserialize)]
struct Caption {
    token_ids: Vec<u32>,
    /// Greedy search has none.
    score: Option<f32>,
}

/// Hugging Face's options, read as `generation_config.json` is.
fn options(given: &Map<String, Value>) -> GenerationConfig {
    let mut config = given.clone();
    config.entry("num_beams").or_insert(1.into());
    let defaults = serde_json::to_value(GenerationConfig::default()).unwrap();
    for (key, value) in defaults.as_object().unwrap() {
        config.entry(key).or_insert(value.clone());
    }
    GenerationConfig::from_object(config).unwrap()
}

fn assert_equals_generate(json: &str) {
    let tables = Tables::read();
    let cases: Vec<Searched> = cases(json);
    assert!(cases.len() > 100);
    for case in &cases {
        let options = options(&case.options);
        let found = search(&mut tables.table(case.table), 1, &options).unwrap().remove(0);
        let ids: Vec<_> = found.iter().map(|hypothesis| &hypothesis.token_ids).collect();
        let expected: Vec<_> = case.captions.iter().map(|caption| &caption.token_ids).collect();
        assert_eq!(ids, expected, "{case:?}");
        for (hypothesis, caption) in found.iter().zip(&case.captions) {
            let score = caption.score.unwrap_or(hypothesis.score);
            assert!((hypothesis.score - score).abs() <= TOLERANCE, "{} in {case:?}", hypothesis.score);
            let logprobs = tables.table(case.table).log_probs_of(&hypothesis.token_ids);
            for (found, expected) in hypothesis.token_logprobs.iter().zip(logprobs) {
                assert!((found - expected).abs() <= TOLERANCE, "{found}, not {expected}, in {case:?}");
            }
        }
    }
}

#[test]
fn searches_equal_generate_of_transformers() {
    assert_equals_generate(include_str!("cases.json"));
}

#[test]
fn diverse_searches_equal_generate_of_transformers() {
    assert_equals_generate(include_str!("groups.json"));
}

#[derive(Debug, Deserialize)]
struct Warped {
    table: usize,
    start: u32,
    options: Map<String, Value>,
    /// Of each token, by id.
    probabilities: Vec<f64>,
}

#[test]
fn tokens_are_drawn_from_the_same_distributions() {
    let tables = Tables::read();
    let cases: Vec<Warped> = cases(include_str!("warped.json"));
    assert!(cases.len() > 40);
    for case in &cases {
        let log_probs = tables.table(case.table).log_probs(PAD, case.start);
        let mut ranked: Vec<_> = (0..).zip(log_probs).collect();
        ranked.sort_by(|(_, a), (_, b)| f32::total_cmp(b, a));
        let mut probabilities = Vec::new();
        warp(ranked.iter().map(|&(_, log_prob)| log_prob), &options(&case.options), &mut probabilities);
        let kept: BTreeMap<usize, f64> = ranked.iter().map(|&(id, _)| id).zip(probabilities).collect();
        for (id, expected) in case.probabilities.iter().enumerate() {
            let found = kept.get(&id).copied().unwrap_or(0.0);
            assert_eq!(found > 0.0, *expected > 0.0, "token {id} of {case:?}: {kept:?}");
            assert!((found - expected).abs() < 1e-6, "token {id} of {case:?}: {kept:?}");
        }
    }
}

/// Pearson's statistic of how often each pair of tokens was drawn, given the pairs' probabilities.
fn chi_square(counts: &[usize], expected: &[((u32, u32), f64)]) -> f64 {
    let draws: usize = counts.iter().sum();
    let terms = counts.iter().zip(expected).map(|(&count, (_, probability))| {
        let expected = probability * draws as f64;
        (count as f64 - expected).powi(2) / expected
    });
    terms.sum()
}

/// With 24 degrees of freedom, the statistic is larger than this once in a million times. The seed is fixed: the test
/// always has the same result.
const CHI_SQUARE_24: f64 = 79.0;

/// Draws for a large batch of images: each token of a caption, and the captions of an image, are drawn independently
/// given the tokens before.
#[test]
fn draws_follow_the_distributions() {
    const IMAGES: usize = 5_000;
    let tables = Tables::read();
    let mut options = GenerationConfig::default();
    (options.num_beams, options.do_sample) = (1, true);
    (options.num_return_sequences, options.max_length) = (2, 3);
    (options.temperature, options.top_k) = (1.5, 5);
    options.suppress_tokens = options.eos_token_id.as_slice().to_vec();
    let drawn = search(&mut tables.table(0), IMAGES, &options).unwrap();

    let table = tables.table(0);
    let distribution = |before: u32, last: u32| {
        let mut ranked: Vec<_> = (0u32..).zip(table.log_probs(before, last)).collect();
        ranked.retain(|(id, _)| !options.eos_token_id.contains(*id));
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let mut probabilities = Vec::new();
        warp(ranked.iter().map(|&(_, log_prob)| log_prob), &options, &mut probabilities);
        ranked.into_iter().map(|(id, _)| id).zip(probabilities).collect::<Vec<_>>()
    };
    let first = distribution(PAD, options.decoder_start_token_id);
    assert_eq!(first.len(), 5);

    let (mut tokens, mut captions) = (BTreeMap::new(), BTreeMap::new());
    for drawn in &drawn {
        let [one, other] = [0, 1].map(|caption| &drawn[caption].token_ids);
        *tokens.entry((one[0], one[1])).or_insert(0) += 1;
        *captions.entry((one[0], other[0])).or_insert(0) += 1;
    }
    let (mut expected_tokens, mut expected_captions) = (Vec::new(), Vec::new());
    for &(a, p) in &first {
        let second = distribution(options.decoder_start_token_id, a);
        expected_tokens.extend(second.into_iter().map(|(b, q)| ((a, b), p * q)));
        expected_captions.extend(first.iter().map(|&(b, q)| ((a, b), p * q)));
    }
    for (mut found, expected) in [(tokens, expected_tokens), (captions, expected_captions)] {
        let counts: Vec<usize> = expected.iter().map(|(pair, _)| found.remove(pair).unwrap_or(0)).collect();
        assert!(found.is_empty(), "no other tokens are drawn: {found:?}");
        let statistic = chi_square(&counts, &expected);
        assert!(statistic < CHI_SQUARE_24, "{statistic}: {counts:?}");
    }
}
