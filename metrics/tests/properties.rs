//! Properties that hold for any captions.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::{HashMap, HashSet};

use glimpse_metrics::{BleuCounts, CiderD, Diversity, bleu, evaluate, ptb};
use proptest::collection::vec;
use proptest::prelude::*;

/// Captions of words, marks and contractions that everyday captions have.
fn caption() -> impl Strategy<Value = String> {
    const WORDS: [&str; 16] = [
        "a", "dog", "Dog's", "runs", "isn't", "the", ",", ".", "t-shirt", "(", ")", "5", "U.S.", "\"",
        "café", "1/2",
    ];
    vec(prop::sample::select(&WORDS[..]), 0..12).prop_map(|words| words.join(" "))
}

/// Images with a hypothesis and one to five references each.
fn images() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    vec((caption(), vec(caption(), 1..6)), 1..8)
}

fn score(images: &[(String, Vec<String>)]) -> Vec<(&'static str, f64, Vec<f64>)> {
    let numbered = || images.iter().enumerate().map(|(i, image)| (i.to_string(), image));
    evaluate(
        numbered().map(|(key, (hypothesis, _))| (key, hypothesis)),
        numbered().map(|(key, (_, references))| (key, references.clone())),
    )
    .unwrap()
    .scores()
    .iter()
    .map(|(metric, score)| (*metric, score.corpus, score.per_image.clone()))
    .collect()
}

fn close(a: f64, b: f64) -> bool {
    // Both are not a number where no image has a noun.
    (a - b).abs() < 1e-9 || (a.is_nan() && b.is_nan())
}

/// CIDEr-D straight from its definition, to compare the fast one with.
fn plain_cider_d(hypothesis: &[u32], image: usize, references: &[Vec<Vec<u32>>]) -> f64 {
    let mut total = 0.0;
    for n in 1..=4 {
        let count = |tokens: &[u32]| {
            let mut counts: HashMap<Vec<u32>, f64> = HashMap::new();
            tokens.windows(n).for_each(|ngram| *counts.entry(ngram.to_vec()).or_default() += 1.0);
            counts
        };
        let idf = |ngram: &[u32]| {
            let has = |tokens: &Vec<u32>| tokens.windows(n).any(|other| other == ngram);
            let images = references.iter().filter(|captions| captions.iter().any(has)).count();
            (references.len() as f64 / images.max(1) as f64).ln()
        };
        let norm = |counts: &HashMap<Vec<u32>, f64>| {
            counts.iter().map(|(ngram, count)| (count * idf(ngram)).powi(2)).sum::<f64>().sqrt()
        };
        let ours = count(hypothesis);
        for reference in &references[image] {
            let theirs = count(reference);
            let dot: f64 = ours
                .iter()
                .filter_map(|(ngram, &a)| theirs.get(ngram).map(|&b| a.min(b) * b * idf(ngram).powi(2)))
                .sum();
            let difference = hypothesis.len().max(1) as f64 - reference.len().max(1) as f64;
            let norms = norm(&ours) * norm(&theirs);
            if norms > 0.0 {
                total += dot / norms * (-difference.powi(2) / 72.0).exp();
            }
        }
    }
    10.0 * total / 4.0 / references[image].len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_stay_within_their_bounds(images in images()) {
        for (metric, corpus, per_image) in score(&images) {
            let top = if metric == "CIDEr" { 10.0 } else { 1.0 };
            for value in per_image.into_iter().chain([corpus]) {
                let no_nouns = metric == "NounRecall" && value.is_nan();
                prop_assert!(no_nouns || (0.0..=top + 1e-9).contains(&value), "{metric}: {value}");
            }
        }
    }

    #[test]
    fn the_order_of_references_does_not_matter(images in images(), turn in 0_usize..6) {
        let turned: Vec<_> = images
            .iter()
            .map(|(hypothesis, references)| {
                let mut references = references.clone();
                let middle = turn % references.len();
                references.rotate_left(middle);
                references.reverse();
                (hypothesis.clone(), references)
            })
            .collect();
        for ((metric, corpus, per_image), (_, other_corpus, other_per_image)) in
            score(&images).into_iter().zip(score(&turned))
        {
            prop_assert!(close(corpus, other_corpus), "{metric}");
            prop_assert!(per_image.iter().zip(&other_per_image).all(|(&a, &b)| close(a, b)), "{metric}");
        }
    }

    #[test]
    fn a_repeated_reference_is_a_perfect_caption(references in vec(caption(), 1..6), pick in 0_usize..6) {
        let hypothesis = references[pick % references.len()].clone();
        let length = ptb::tokenize(&hypothesis).split_whitespace().count();
        for (metric, corpus, _) in score(&[(hypothesis, references)]) {
            let has_ngrams = match metric {
                "Bleu_1" => length >= 1,
                "Bleu_2" => length >= 2,
                "Bleu_3" => length >= 3,
                "Bleu_4" => length >= 4,
                "ROUGE_L" => true,
                _ => false,
            };
            if has_ngrams {
                prop_assert!((corpus - 1.0).abs() < 1e-6, "{metric}: {corpus}");
            }
        }
    }

    #[test]
    fn another_reference_never_lowers_bleu_precision(
        hypothesis in vec(0_u32..6, 0..10),
        references in vec(vec(0_u32..6, 0..10), 2..5),
    ) {
        let fewer = BleuCounts::new(&hypothesis, &references[1..]);
        let all = BleuCounts::new(&hypothesis, &references);
        for order in 0..4 {
            prop_assert!(fewer.matches[order] <= all.matches[order]);
            prop_assert!(all.matches[order] <= all.ngrams[order]);
        }
        prop_assert_eq!(bleu(&[all])[0].corpus, all.scores()[0]);
    }

    #[test]
    fn cider_d_follows_its_definition(
        references in vec(vec(vec(0_u32..8, 0..8), 1..4), 2..6),
        hypothesis in vec(0_u32..10, 0..8),
    ) {
        let scorer = CiderD::new(&references).unwrap();
        for image in 0..references.len() {
            let (fast, plain) = (scorer.score(image, &hypothesis).unwrap(), plain_cider_d(&hypothesis, image, &references));
            prop_assert!(close(fast, plain), "{fast} is not {plain}");
        }
    }

    #[test]
    fn any_text_becomes_clean_tokens(text in any::<String>()) {
        let tokens = ptb::tokenize(&text);
        prop_assert_eq!(tokens.to_lowercase(), tokens.clone());
        for token in tokens.split(' ') {
            prop_assert!(![".", ",", "!", "?", ":", ";", "'", "''", "`", "``", "-", "--", "..."].contains(&token));
        }
    }

    #[test]
    fn captions_with_a_full_stop_do_not_depend_on_their_neighbours(captions in vec("[a-z ]{0,20}[a-z]{3}\\.", 0..6)) {
        let alone: Vec<String> = captions.iter().map(|caption| ptb::tokenize(caption)).collect();
        let lengths = |tokens: &[String]| tokens.iter().map(String::len).collect::<Vec<_>>();
        let together = ptb::tokenize_all(&captions);
        prop_assert_eq!(lengths(&alone), lengths(&together));
        prop_assert_eq!(alone, together);
    }

    #[test]
    fn diversity_is_made_of_shares(captions in vec(caption(), 0..10)) {
        let tokens = ptb::tokenize_all(&captions);
        let diversity = Diversity::new(&tokens, None);
        let words: HashSet<&str> = tokens.iter().flat_map(|caption| caption.split_whitespace()).collect();
        prop_assert_eq!(diversity.vocabulary_size, words.len());
        let shares = [diversity.distinct_1, diversity.distinct_2];
        for share in shares.into_iter().chain(diversity.repeated_ngrams).chain(diversity.captions_with_repetition) {
            prop_assert!((0.0..=1.0).contains(&share));
        }
        // A longer n-gram repeats only where a shorter one does.
        prop_assert!(diversity.captions_with_repetition.is_sorted_by(|longer, shorter| longer >= shorter));
    }
}
