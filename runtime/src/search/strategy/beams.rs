use crate::search::SearchOptions;
use crate::search::image::{Finished, Hypotheses, StepResult};
use crate::search::trellis::NodeId;
use glimpse_bundle::EarlyStopping;
use std::ops::Range;

/// Beams that compete with each other: all of an image's, or one group of a diverse beam search.
///
/// All beams together follow `_beam_search` of transformers 4.57 and 5. Groups follow
/// `_group_beam_search` and its `BeamSearchScorer`, which 4.x had last; the two differ in how they
/// judge whether a search is done and in what counts at `max_length`.
#[derive(Debug)]
pub(in crate::search) struct BeamGroup {
    size: usize,
    is_only: bool,
    /// Which rows are this group's; none once it is done.
    rows: Range<usize>,
    /// Best first, at most `size`.
    finished: Vec<Finished>,
}

impl BeamGroup {
    pub(in crate::search) fn new(group: usize, options: &SearchOptions) -> Self {
        let size = options.group_size();
        Self {
            size,
            is_only: options.num_beam_groups == 1,
            rows: group..group + 1,
            finished: Vec::with_capacity(size + 1),
        }
    }

    /// One step of all groups in turn: what the earlier ones say costs the later ones.
    pub(in crate::search) fn advance_all(
        groups: &mut [Self],
        hypotheses: &mut Hypotheses,
        step: &StepResult<'_>,
    ) {
        hypotheses.said.clear();
        for group in groups.iter_mut().filter(|group| !group.rows.is_empty()) {
            let first = hypotheses.next.len();
            group.advance(hypotheses, step);
            if !group.is_only {
                let Hypotheses { next, said, .. } = hypotheses;
                said.extend(next[first..].iter().map(|beam| beam.token_id));
            }
            if group.is_done(first, hypotheses, step) {
                hypotheses.next.truncate(first);
            }
            group.rows = first..hypotheses.next.len();
        }
    }

    /// The finished hypotheses of all groups, best first.
    pub(in crate::search) fn best_of_all(groups: Vec<Self>) -> Vec<Finished> {
        let mut finished: Vec<_> = groups.into_iter().flat_map(|group| group.finished).collect();
        finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        finished
    }

    /// Ranks the 2 x size best continuations: at most size of them end with `<eos>`, so that as many
    /// can go on.
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>) {
        hypotheses.collect(self.rows.clone(), 2 * self.size, step);
        if hypotheses.candidates.is_empty() {
            return self.give_up(hypotheses, step);
        }
        let first = hypotheses.next.len();
        let all_end = step.is_last && self.is_only;
        for rank in 0..hypotheses.candidates.len() {
            let candidate = hypotheses.candidates[rank];
            if candidate.token_id == step.options.eos_token_id || all_end {
                // What ends below the first ranks is dropped: a beam search would not have gone that
                // way either.
                if rank < self.size {
                    let last = hypotheses.extend(candidate);
                    self.finish(last, step.options.score(candidate.sum_logprobs, step.length));
                }
            } else if hypotheses.next.len() - first < self.size {
                hypotheses.go_on(candidate);
            }
        }
    }

    /// Whether the beams from `first` on need no further step; what they wrote is kept if it counts.
    fn is_done(&mut self, first: usize, hypotheses: &Hypotheses, step: &StepResult<'_>) -> bool {
        let running = &hypotheses.next[first..];
        let Some(best) = running.first() else { return true };
        // BeamSearchScorer takes the best of all continuations, even one that ends.
        let best = if self.is_only { best.sum_logprobs } else { hypotheses.candidates[0].sum_logprobs };
        if self.cannot_improve(best, step) {
            return true;
        }
        if step.is_last {
            for beam in running {
                self.finish(beam.last, step.options.score(beam.sum_logprobs, step.length));
            }
        }
        step.is_last
    }

    /// Whether the group is full and will stay as it is.
    fn cannot_improve(&self, best_sum_logprobs: f32, step: &StepResult<'_>) -> bool {
        let options = step.options;
        let Some(worst) = self.finished.last().filter(|_| self.finished.len() == self.size) else {
            return false;
        };
        let length = match options.early_stopping {
            EarlyStopping::FirstFinished => return true,
            // Sums are negative: the longer the caption, the better it may yet score.
            EarlyStopping::Never if options.length_penalty > 0.0 => options.max_length - 1,
            EarlyStopping::Never | EarlyStopping::Heuristic => step.length,
        };
        worst.score >= options.score(best_sum_logprobs, length)
    }

    /// Files a finished hypothesis, best first; among equals the earlier one leads.
    fn finish(&mut self, last: NodeId, score: f32) {
        let rank = self.finished.partition_point(|kept| kept.score >= score);
        self.finished.insert(rank, Finished { last, score });
        self.finished.truncate(self.size);
    }

    /// Every word is blocked or impossible. Unfinished beams count only when nothing has finished.
    fn give_up(&mut self, hypotheses: &Hypotheses, step: &StepResult<'_>) {
        if self.finished.is_empty() {
            for beam in &hypotheses.running[self.rows.clone()] {
                self.finish(beam.last, step.options.score(beam.sum_logprobs, step.length - 1));
            }
        }
    }
}
