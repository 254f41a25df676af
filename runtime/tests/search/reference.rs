//! Beam search written as plainly as possible: one image, whole sequences, full vocabulary, no
//! state. What it says, the real search must say.

use crate::toy::{BOS, EOS, Language};
use glimpse_runtime::search::SearchOptions;

#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    pub token_ids: Vec<u32>,
    pub sum: f32,
    pub score: f32,
}

fn score(sum: f32, length: usize, options: &SearchOptions) -> f32 {
    sum / (length as f64).powf(f64::from(options.length_penalty)) as f32
}

fn repeats_ngram(token_ids: &[u32], next: u32, n: usize) -> bool {
    if n == 0 {
        return false;
    }
    let mut sequence = vec![BOS];
    sequence.extend(token_ids);
    sequence.push(next);
    if sequence.len() < n {
        return false;
    }
    let (past, newest) = (&sequence[..sequence.len() - 1], &sequence[sequence.len() - n..]);
    past.windows(n).any(|ngram| ngram == newest)
}

/// All words that may follow, in id order.
fn continuations(
    language: &Language,
    image: u64,
    token_ids: &[u32],
    options: &SearchOptions,
) -> Vec<(u32, f32)> {
    let mut prefix = vec![BOS];
    prefix.extend(token_ids);
    let log_probs = language.log_probs(image, &prefix);
    (0..)
        .zip(log_probs)
        .filter(|&(id, _)| !options.suppress_tokens.contains(&id))
        .filter(|&(id, _)| !repeats_ngram(token_ids, id, options.no_repeat_ngram_size))
        .collect()
}

pub fn greedy(language: &Language, image: u64, options: &SearchOptions) -> Plain {
    let (mut token_ids, mut sum) = (Vec::new(), 0.0);
    loop {
        let allowed = continuations(language, image, &token_ids, options);
        let mut best = allowed[0];
        for &(id, log_prob) in &allowed[1..] {
            if log_prob > best.1 {
                best = (id, log_prob);
            }
        }
        token_ids.push(best.0);
        sum += best.1;
        if best.0 == EOS || token_ids.len() + 1 == options.max_length {
            let score = score(sum, token_ids.len(), options);
            return Plain { token_ids, sum, score };
        }
    }
}

pub fn beam_search(language: &Language, image: u64, options: &SearchOptions) -> Vec<Plain> {
    let num_beams = options.num_beams;
    let mut beams = vec![Plain { token_ids: Vec::new(), sum: 0.0, score: 0.0 }];
    let mut finished: Vec<Plain> = Vec::new();
    for length in 1..options.max_length {
        let mut ranked = Vec::new();
        for beam in &beams {
            for (id, log_prob) in continuations(language, image, &beam.token_ids, options) {
                let mut token_ids = beam.token_ids.clone();
                token_ids.push(id);
                let sum = beam.sum + log_prob;
                ranked.push(Plain { token_ids, sum, score: score(sum, length, options) });
            }
        }
        // Stable: equals stay in the order of beams, then of ids.
        ranked.sort_by(|a, b| b.sum.total_cmp(&a.sum));
        ranked.truncate(2 * num_beams);
        let ends = |plain: &Plain| plain.token_ids.ends_with(&[EOS]) || length + 1 == options.max_length;
        finished.extend(ranked.iter().take(num_beams).filter(|plain| ends(plain)).cloned());
        finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        finished.truncate(num_beams);
        beams = ranked.into_iter().filter(|plain| !ends(plain)).take(num_beams).collect();
        let Some(best) = beams.first() else { break };
        if finished.len() == num_beams && finished[num_beams - 1].score >= score(best.sum, length, options) {
            break;
        }
    }
    finished.truncate(options.num_return_sequences);
    finished
}

/// The best of all sequences, found by trying them all.
pub fn exhaustive(language: &Language, image: u64, options: &SearchOptions) -> Plain {
    fn visit(
        language: &Language,
        image: u64,
        options: &SearchOptions,
        token_ids: &mut Vec<u32>,
        sum: f32,
        best: &mut Option<Plain>,
    ) {
        for (id, log_prob) in continuations(language, image, token_ids, options) {
            token_ids.push(id);
            let sum = sum + log_prob;
            if id == EOS || token_ids.len() + 1 == options.max_length {
                let score = score(sum, token_ids.len(), options);
                if best.as_ref().is_none_or(|best| score > best.score) {
                    *best = Some(Plain { token_ids: token_ids.clone(), sum, score });
                }
            } else {
                visit(language, image, options, token_ids, sum, best);
            }
            token_ids.pop();
        }
    }
    let mut best = None;
    visit(language, image, options, &mut Vec::new(), 0.0, &mut best);
    best.expect("some word is allowed")
}
