//! Greedy and beam search written as plainly as possible: one photo, one row at a time, the full
//! vocabulary, whole sequences. What these say, the runtime must say.

use crate::libtorch::Photo;
use glimpse_runtime::generation::GenerationConfig;
use std::rc::Rc;

#[derive(Clone, Default)]
pub struct Sequence {
    pub token_ids: Vec<u32>,
    pub token_logprobs: Vec<f32>,
    sum: f64,
}

impl Sequence {
    fn then(&self, id: u32, log_prob: f32) -> Self {
        let mut longer = self.clone();
        longer.token_ids.push(id);
        longer.token_logprobs.push(log_prob);
        longer.sum += f64::from(log_prob);
        longer
    }

    pub fn score(&self, options: &GenerationConfig) -> f64 {
        self.sum / (self.token_ids.len() as f64).powf(f64::from(options.length_penalty))
    }

    fn last(&self, options: &GenerationConfig) -> u32 {
        self.token_ids.last().copied().unwrap_or(options.decoder_start_token_id)
    }

    fn ends(&self, options: &GenerationConfig) -> bool {
        // <sos> counts.
        options.eos_token_id.contains(self.last(options)) || self.token_ids.len() + 1 == options.max_length
    }

    /// No word that is never said, no n words twice, `<sos>` counted.
    fn is_allowed(&self, options: &GenerationConfig) -> bool {
        let n = options.no_repeat_ngram_size;
        let words = [&[options.decoder_start_token_id], self.token_ids.as_slice()].concat();
        let repeats = n > 0 && words.len() > n && {
            let (before, last) = (&words[..words.len() - 1], &words[words.len() - n..]);
            before.windows(n).any(|ngram| ngram == last)
        };
        !repeats && !options.suppress_tokens.contains(&self.last(options))
    }
}

pub fn greedy(photo: &Photo<'_>, options: &GenerationConfig) -> Sequence {
    let (mut sequence, mut state) = (Sequence::default(), photo.start());
    while !sequence.ends(options) {
        let (log_probs, next) = photo.step(sequence.last(options), &state);
        let allowed =
            (0..).zip(&log_probs).filter(|&(id, &log_prob)| sequence.then(id, log_prob).is_allowed(options));
        let (id, &log_prob) = allowed.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
        (sequence, state) = (sequence.then(id, log_prob), next);
    }
    sequence
}

pub fn beam_search(photo: &Photo<'_>, options: &GenerationConfig) -> Vec<Sequence> {
    let num_beams = options.num_beams;
    let mut beams = vec![(Sequence::default(), Rc::new(photo.start()))];
    let mut finished: Vec<Sequence> = Vec::new();
    loop {
        let steps = beams.iter().map(|(sequence, state)| photo.step(sequence.last(options), state));
        let steps: Vec<_> = steps.map(|(log_probs, state)| (log_probs, Rc::new(state))).collect();
        let mut continuations = Vec::new();
        for (beam, (log_probs, _)) in steps.iter().enumerate() {
            for (id, &log_prob) in log_probs.iter().enumerate() {
                continuations.push((beams[beam].0.sum + f64::from(log_prob), beam, id));
            }
        }
        continuations.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let longer = continuations.iter().map(|&(_, beam, id)| {
            let (log_probs, state) = &steps[beam];
            (beams[beam].0.then(id as u32, log_probs[id]), state.clone())
        });
        let ranked = longer.filter(|(sequence, _)| sequence.is_allowed(options)).take(2 * num_beams);
        let (ended, running): (Vec<_>, Vec<_>) =
            ranked.enumerate().partition(|(_, (sequence, _))| sequence.ends(options));

        // What ends behind the first num_beams ranks is dropped.
        let ended = ended.into_iter().filter(|&(rank, _)| rank < num_beams);
        finished.extend(ended.map(|(_, (sequence, _))| sequence));
        finished.sort_by(|a, b| b.score(options).total_cmp(&a.score(options)));
        finished.truncate(num_beams);
        beams = running.into_iter().map(|(_, beam)| beam).take(num_beams).collect();
        let full = finished.len() == num_beams;
        let hopeless =
            |best: &Sequence| full && finished[num_beams - 1].score(options) >= best.score(options);
        if beams.first().is_none_or(|(best, _)| hopeless(best)) {
            finished.truncate(options.num_return_sequences);
            return finished;
        }
    }
}
