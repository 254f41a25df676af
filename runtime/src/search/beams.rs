use super::blocked::BlockedTokens;
use super::trellis::{NodeId, Trellis};
use super::{Hypothesis, SearchOptions, TopCandidates};

/// A hypothesis that is still being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beam {
    last: NodeId,
    sum_logprobs: f32,
    /// The word to feed next.
    pub(super) token_id: u32,
    /// Which of the image's beams of the last step it continues.
    pub(super) parent: usize,
}

#[derive(Debug, Clone, Copy)]
struct Finished {
    last: NodeId,
    score: f32,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    sum_logprobs: f32,
    log_prob: f32,
    beam: usize,
    token_id: u32,
}

/// The search over one image.
#[derive(Debug)]
pub(super) struct ImageSearch {
    trellis: Trellis,
    running: Vec<Beam>,
    /// Best first, at most `num_beams`.
    finished: Vec<Finished>,
    candidates: Vec<Candidate>,
    done: bool,
}

/// Where in a step an image's rows lie.
pub(super) struct Place {
    /// Row of the image's first beam.
    pub(super) first_row: usize,
    /// Words generated per hypothesis once this step is done.
    pub(super) length: usize,
    /// No step follows.
    pub(super) is_last: bool,
    /// Candidates per row.
    pub(super) k: usize,
    /// Grid cells; 0 without attentions.
    pub(super) cells: usize,
}

impl ImageSearch {
    pub(super) fn new(options: &SearchOptions) -> Self {
        let start = Beam {
            last: NodeId::START,
            sum_logprobs: 0.0,
            token_id: options.decoder_start_token_id,
            parent: 0,
        };
        Self {
            trellis: Trellis::default(),
            running: vec![start],
            finished: Vec::with_capacity(options.num_beams + 1),
            candidates: Vec::new(),
            done: false,
        }
    }

    pub(super) fn running(&self) -> &[Beam] {
        &self.running
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The words of a beam, start word first.
    pub(super) fn sequence(&self, beam: usize, options: &SearchOptions, sequence: &mut Vec<u32>) {
        self.trellis.sequence(self.running[beam].last, options.decoder_start_token_id, sequence);
    }

    /// Takes one step's candidates and chooses the beams of the next.
    pub(super) fn advance(
        &mut self,
        top: &TopCandidates,
        place: &Place,
        blocked: &BlockedTokens,
        options: &SearchOptions,
    ) {
        self.collect(top, place, blocked, options);
        let from = place.first_row * place.cells;
        let rows = &top.attentions[from..from + self.running.len() * place.cells];
        let attention = self.trellis.push_attentions(rows, place.cells);
        if self.candidates.is_empty() {
            // Every word is blocked or impossible: what was said so far must do.
            self.give_up(place.length - 1, options);
        } else if options.num_beams == 1 {
            self.advance_greedy(attention, place, options);
        } else {
            self.advance_beams(attention, place, options);
        }
    }

    /// The 2 x num_beams best continuations of all beams: at most num_beams of them end with
    /// `<eos>`, so num_beams can go on. Ties go to the lower beam, then to the lower id.
    fn collect(
        &mut self,
        top: &TopCandidates,
        place: &Place,
        blocked: &BlockedTokens,
        options: &SearchOptions,
    ) {
        let kept = if options.num_beams == 1 { 1 } else { 2 * options.num_beams };
        self.candidates.clear();
        for (index, beam) in self.running.iter().enumerate() {
            let row = place.first_row + index;
            let range = row * place.k..(row + 1) * place.k;
            let allowed = top.log_probs[range.clone()]
                .iter()
                .zip(&top.token_ids[range])
                .map(|(&log_prob, &token_id)| (log_prob, token_id as u32))
                .filter(|&(log_prob, id)| log_prob > f32::NEG_INFINITY && !blocked.contains(row, id))
                .take(kept);
            self.candidates.extend(allowed.map(|(log_prob, token_id)| Candidate {
                sum_logprobs: beam.sum_logprobs + log_prob,
                log_prob,
                beam: index,
                token_id,
            }));
        }
        self.candidates.sort_unstable_by(|a, b| {
            let by_score = b.sum_logprobs.total_cmp(&a.sum_logprobs);
            by_score.then(a.beam.cmp(&b.beam)).then(a.token_id.cmp(&b.token_id))
        });
        self.candidates.truncate(kept);
    }

    fn extend(&mut self, candidate: Candidate, attention: usize) -> NodeId {
        let Candidate { log_prob, beam, token_id, .. } = candidate;
        self.trellis.push(self.running[beam].last, token_id, log_prob, attention + beam)
    }

    fn advance_greedy(&mut self, attention: usize, place: &Place, options: &SearchOptions) {
        let best = self.candidates[0];
        let last = self.extend(best, attention);
        if best.token_id == options.eos_token_id || place.is_last {
            self.finish(last, options.score(best.sum_logprobs, place.length), options.num_beams);
            self.done = true;
        } else {
            self.running[0] =
                Beam { last, sum_logprobs: best.sum_logprobs, token_id: best.token_id, parent: 0 };
        }
    }

    /// `_beam_search` of transformers 4.57 and 5 with `early_stopping=False`.
    fn advance_beams(&mut self, attention: usize, place: &Place, options: &SearchOptions) {
        let num_beams = options.num_beams;
        let parents = self.running.len();
        for rank in 0..self.candidates.len() {
            let candidate = self.candidates[rank];
            if candidate.token_id == options.eos_token_id || place.is_last {
                // What ends below the first num_beams ranks is dropped: a beam search would not
                // have gone that way either.
                if rank < num_beams {
                    let last = self.extend(candidate, attention);
                    self.finish(last, options.score(candidate.sum_logprobs, place.length), num_beams);
                }
            } else if self.running.len() - parents < num_beams {
                let last = self.extend(candidate, attention);
                self.running.push(Beam {
                    last,
                    sum_logprobs: candidate.sum_logprobs,
                    token_id: candidate.token_id,
                    parent: candidate.beam,
                });
            }
        }
        self.running.drain(..parents);
        self.done = match (self.running.first(), self.finished.last()) {
            (None, _) => true,
            (Some(best), Some(worst)) if self.finished.len() == num_beams => {
                worst.score >= options.score(best.sum_logprobs, place.length)
            }
            _ => false,
        };
    }

    /// Files a finished hypothesis, best first; among equals the earlier one leads.
    fn finish(&mut self, last: NodeId, score: f32, num_beams: usize) {
        let rank = self.finished.partition_point(|kept| kept.score >= score);
        self.finished.insert(rank, Finished { last, score });
        self.finished.truncate(num_beams);
    }

    /// Ends the search; unfinished beams count only when nothing has finished.
    fn give_up(&mut self, length: usize, options: &SearchOptions) {
        if self.finished.is_empty() {
            for index in 0..self.running.len() {
                let beam = self.running[index];
                self.finish(beam.last, options.score(beam.sum_logprobs, length), options.num_beams);
            }
        }
        self.done = true;
    }

    /// The best hypotheses, best first.
    pub(super) fn into_hypotheses(self, options: &SearchOptions) -> Vec<Hypothesis> {
        self.finished
            .iter()
            .take(options.num_return_sequences)
            .map(|kept| self.trellis.hypothesis(kept.last, kept.score, options.output_attentions))
            .collect()
    }
}
