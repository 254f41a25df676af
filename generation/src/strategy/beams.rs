use super::{Strategy, StrategyKind};
use crate::hypothesis_tree::NodeId;
use crate::image::{Finished, Hypotheses, StepResult};
use crate::score::score;
use glimpse_bundle::{EarlyStopping, GenerationConfig};
use std::ops::Range;

/// Beam search, in one group of beams or in several (diverse beam search).
pub(crate) const BEAM_SEARCH: StrategyKind = StrategyKind {
    is_chosen: |options| options.num_beams > 1,
    starts: |options| options.num_beam_groups,
    // The penalty for tokens of other groups may move as many tokens down.
    candidates: |options| continuations(options) + options.num_beams - group_size(options),
    begin: |options, _| {
        Box::new(Groups((0..options.num_beam_groups).map(|group| BeamGroup::new(group, options)).collect()))
    },
};

/// Beams of each group; all beams if there is one group.
fn group_size(options: &GenerationConfig) -> usize {
    options.num_beams / options.num_beam_groups
}

/// How many of a group's best continuations are ranked. Each beam may end with each of the end tokens; even then enough
/// continuations remain for the next beams.
fn continuations(options: &GenerationConfig) -> usize {
    (1 + options.eos_token_id.as_slice().len()) * group_size(options)
}

/// All groups of an image.
#[derive(Debug)]
struct Groups(Vec<BeamGroup>);

impl Strategy for Groups {
    /// One step of all groups, one after the other: tokens that earlier groups chose are penalised in later ones.
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>) {
        hypotheses.chosen_before.clear();
        for group in self.0.iter_mut().filter(|group| !group.rows.is_empty()) {
            let first = hypotheses.next.len();
            group.advance(hypotheses, step);
            if !group.is_only {
                let Hypotheses { next, chosen_before, .. } = hypotheses;
                chosen_before.extend(next[first..].iter().map(|beam| beam.token_id));
            }
            if group.is_done(first, hypotheses, step) {
                hypotheses.next.truncate(first);
            }
            group.rows = first..hypotheses.next.len();
        }
    }

    /// The finished hypotheses of all groups, best first.
    fn into_finished(self: Box<Self>) -> Vec<Finished> {
        let mut finished: Vec<_> = self.0.into_iter().flat_map(|group| group.finished).collect();
        finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        finished
    }
}

/// Beams that compete with each other: all of an image's, or one group of a diverse beam search.
///
/// One group of all beams follows `_beam_search` of transformers 4.57 and 5. Several groups follow `_group_beam_search`
/// and its `BeamSearchScorer` of transformers 4.52. The two have different rules for the end of a search and for
/// unfinished beams at `max_length`.
#[derive(Debug)]
struct BeamGroup {
    size: usize,
    is_only: bool,
    /// The rows of this group; empty when its search has ended.
    rows: Range<usize>,
    /// Best first, at most `size`.
    finished: Vec<Finished>,
}

impl BeamGroup {
    fn new(group: usize, options: &GenerationConfig) -> Self {
        let size = group_size(options);
        Self {
            size,
            is_only: options.num_beam_groups == 1,
            rows: group..group + 1,
            finished: Vec::with_capacity(size + 1),
        }
    }

    /// Ranks the best continuations, see [`continuations`].
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>) {
        hypotheses.collect(self.rows.clone(), continuations(step.options), step);
        if hypotheses.candidates.is_empty() {
            return self.give_up(hypotheses, step);
        }
        let first = hypotheses.next.len();
        let all_end = step.is_last && self.is_only;
        for rank in 0..hypotheses.candidates.len() {
            let candidate = hypotheses.candidates[rank];
            if step.options.eos_token_id.contains(candidate.token_id) || all_end {
                // Ends below the first `size` ranks are dropped: without `<eos>` they would not become beams either.
                if rank < self.size {
                    let last = hypotheses.extend(candidate);
                    self.finish(last, score(step.options, candidate.sum_logprobs, step.length));
                }
            } else if hypotheses.next.len() - first < self.size {
                hypotheses.go_on(candidate);
            }
        }
    }

    /// Whether the search of this group has ended. At the last step, the beams from `first` on become finished.
    fn is_done(&mut self, first: usize, hypotheses: &Hypotheses, step: &StepResult<'_>) -> bool {
        let running = &hypotheses.next[first..];
        let Some(best) = running.first() else { return true };
        // BeamSearchScorer takes the best of all continuations, including those that end.
        let best = if self.is_only { best.sum_logprobs } else { hypotheses.candidates[0].sum_logprobs };
        if self.cannot_improve(best, step) {
            return true;
        }
        if step.is_last {
            for beam in running {
                self.finish(beam.last, score(step.options, beam.sum_logprobs, step.length));
            }
        }
        step.is_last
    }

    /// Whether the group has all its finished hypotheses and no beam can replace one of them.
    fn cannot_improve(&self, best_sum_logprobs: f32, step: &StepResult<'_>) -> bool {
        let options = step.options;
        let Some(worst) = self.finished.last().filter(|_| self.finished.len() == self.size) else {
            return false;
        };
        let length = match options.early_stopping {
            EarlyStopping::FirstFinished => return true,
            // Sums are negative: dividing by a larger length gives a higher score.
            EarlyStopping::Never if options.length_penalty > 0.0 => options.max_sequence_length() - 1,
            EarlyStopping::Never | EarlyStopping::Heuristic => step.length,
        };
        worst.score >= score(options, best_sum_logprobs, length)
    }

    /// Adds a finished hypothesis, best first; of equal ones the earlier one is first.
    fn finish(&mut self, last: NodeId, score: f32) {
        let rank = self.finished.partition_point(|kept| kept.score >= score);
        self.finished.insert(rank, Finished { last, score });
        self.finished.truncate(self.size);
    }

    /// Ends the search when every token is blocked or impossible. Unfinished beams are kept only if no hypothesis is
    /// finished.
    fn give_up(&mut self, hypotheses: &Hypotheses, step: &StepResult<'_>) {
        if self.finished.is_empty() {
            for beam in &hypotheses.running[self.rows.clone()] {
                self.finish(beam.last, score(step.options, beam.sum_logprobs, step.length - 1));
            }
        }
    }
}
