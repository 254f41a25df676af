//! Beam search in its simplest form: one image, whole sequences, full vocabulary, no state. The real search must find
//! the same captions.

use crate::toy::{BOS, EOS, Language};
use glimpse_generation::{EarlyStopping, GenerationConfig};

#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    pub token_ids: Vec<u32>,
    /// Sum of the tokens' log-probabilities from the model.
    pub log_prob: f32,
    /// `log_prob` after penalties, by which sequences are ranked.
    pub sum: f32,
    pub score: f32,
}

impl Plain {
    fn start() -> Self {
        Self { token_ids: Vec::new(), log_prob: 0.0, sum: 0.0, score: 0.0 }
    }

    fn then(&self, token: Token, options: &GenerationConfig) -> Self {
        let mut longer = self.clone();
        longer.token_ids.push(token.id);
        longer.log_prob += token.log_prob;
        longer.sum += token.penalised;
        longer.score = score(longer.sum, longer.token_ids.len(), options);
        longer
    }
}

#[derive(Clone, Copy)]
struct Token {
    id: u32,
    log_prob: f32,
    penalised: f32,
}

fn score(sum: f32, length: usize, options: &GenerationConfig) -> f32 {
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

/// All tokens that may follow, in the order of ids.
fn continuations(
    language: &Language,
    image: u64,
    token_ids: &[u32],
    options: &GenerationConfig,
) -> Vec<Token> {
    let mut prefix = vec![BOS];
    prefix.extend(token_ids);
    let tokens = (0..).zip(language.log_probs(image, &prefix)).map(|(id, log_prob)| {
        let penalty = if prefix.contains(&id) { options.repetition_penalty } else { 1.0 };
        Token { id, log_prob, penalised: log_prob * penalty }
    });
    tokens
        .filter(|token| !options.suppress_tokens.contains(&token.id))
        .filter(|token| token.id != EOS || prefix.len() >= options.min_length)
        .filter(|token| !repeats_ngram(token_ids, token.id, options.no_repeat_ngram_size))
        .collect()
}

fn ends(plain: &Plain, options: &GenerationConfig) -> bool {
    plain.token_ids.ends_with(&[EOS]) || plain.token_ids.len() + 1 == options.max_length
}

pub fn greedy(language: &Language, image: u64, options: &GenerationConfig) -> Plain {
    let mut plain = Plain::start();
    while !ends(&plain, options) {
        let allowed = continuations(language, image, &plain.token_ids, options);
        let mut best = allowed[0];
        for &token in &allowed[1..] {
            if token.penalised > best.penalised {
                best = token;
            }
        }
        plain = plain.then(best, options);
    }
    plain
}

pub fn beam_search(language: &Language, image: u64, options: &GenerationConfig) -> Vec<Plain> {
    let num_beams = options.num_beams;
    let mut beams = vec![Plain::start()];
    let mut finished: Vec<Plain> = Vec::new();
    for length in 1..options.max_length {
        let mut ranked = Vec::new();
        for beam in &beams {
            let tokens = continuations(language, image, &beam.token_ids, options);
            ranked.extend(tokens.into_iter().map(|token| beam.then(token, options)));
        }
        // The sort is stable: equal ones stay in the order of beams, then of ids.
        ranked.sort_by(|a, b| b.sum.total_cmp(&a.sum));
        ranked.truncate(2 * num_beams);
        finished.extend(ranked.iter().take(num_beams).filter(|plain| ends(plain, options)).cloned());
        finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        finished.truncate(num_beams);
        beams = ranked.into_iter().filter(|plain| !ends(plain, options)).take(num_beams).collect();
        let Some(best) = beams.first() else { break };
        let attainable = match options.early_stopping {
            EarlyStopping::FirstFinished => f32::NEG_INFINITY,
            EarlyStopping::Never if options.length_penalty > 0.0 => {
                score(best.sum, options.max_length - 1, options)
            }
            _ => score(best.sum, length, options),
        };
        if finished.len() == num_beams && finished[num_beams - 1].score >= attainable {
            break;
        }
    }
    finished.truncate(options.num_return_sequences);
    finished
}

/// All sequences that end or have the largest length, best first.
pub fn exhaustive(language: &Language, image: u64, options: &GenerationConfig) -> Vec<Plain> {
    let (mut open, mut all) = (vec![Plain::start()], Vec::new());
    while let Some(plain) = open.pop() {
        for token in continuations(language, image, &plain.token_ids, options) {
            let longer = plain.then(token, options);
            if ends(&longer, options) { all.push(longer) } else { open.push(longer) }
        }
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}
