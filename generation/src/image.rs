use crate::hypothesis_tree::{HypothesisTree, NodeId};
use crate::processors::Processors;
use crate::strategy::{Strategy, StrategyKind};
use crate::trace::{SearchTrace, Tracer};
use crate::{GenerationConfig, Hypothesis, TopCandidates};
use std::ops::Range;

/// A hypothesis that is not finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beam {
    pub(crate) last: NodeId,
    /// Sum of its tokens' log-probabilities after penalties.
    pub(crate) sum_logprobs: f32,
    /// The token to feed next.
    pub(crate) token_id: u32,
    /// The row of the last step that it continues, counted within the image.
    pub(crate) parent: usize,
}

/// A finished hypothesis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) last: NodeId,
    pub(crate) score: f32,
}

/// A token that may follow a beam.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Sum for the beam and this token, after penalties.
    pub(crate) sum_logprobs: f32,
    /// The token's log-probability after penalties.
    pub(crate) penalised: f32,
    /// The token's log-probability from the model.
    pub(crate) log_prob: f32,
    /// The row that it continues, counted within the image.
    pub(crate) beam: usize,
    pub(crate) token_id: u32,
}

/// The result of a step for one image.
#[derive(Clone, Copy)]
pub(crate) struct StepResult<'a> {
    pub(crate) top: &'a TopCandidates,
    pub(crate) processors: &'a Processors,
    pub(crate) options: &'a GenerationConfig,
    /// Row of the image's first beam.
    pub(crate) first_row: usize,
    /// Tokens of each hypothesis after this step.
    pub(crate) length: usize,
    /// Whether this is the last step.
    pub(crate) is_last: bool,
    /// Candidates per row.
    pub(crate) k: usize,
    /// Cells of the feature grid; 0 without attentions.
    pub(crate) cells: usize,
}

/// The hypotheses of one image, which a strategy reads and writes. The buffers are reused.
#[derive(Debug)]
pub(crate) struct Hypotheses {
    pub(crate) tree: HypothesisTree,
    /// One beam for each row.
    pub(crate) running: Vec<Beam>,
    /// The rows of the next step, filled during this one.
    pub(crate) next: Vec<Beam>,
    /// Result of [`Hypotheses::collect`], best first.
    pub(crate) candidates: Vec<Candidate>,
    /// Tokens that earlier groups of beams chose in this step, see `diversity_penalty`.
    pub(crate) chosen_before: Vec<u32>,
    /// The tree's row of attention for the first beam of this step.
    first_attention: usize,
    /// Records the search, where that is asked for.
    tracer: Option<Box<Tracer>>,
}

impl Hypotheses {
    /// Finds the `kept` best tokens that may follow the beams of `rows`. Of equal ones the lower beam is first, then
    /// the lower id.
    pub(crate) fn collect(&mut self, rows: Range<usize>, kept: usize, step: &StepResult<'_>) {
        let StepResult { processors, options, .. } = step;
        let in_order = self.chosen_before.is_empty() && !processors.change_order();
        let limit = if in_order { kept } else { step.k };
        self.candidates.clear();
        for beam in rows {
            let sum_logprobs = self.running[beam].sum_logprobs;
            let row = step.first_row + beam;
            let tokens = step.top.row(row, step.k).filter_map(|(token_id, log_prob)| {
                let repeats = self.chosen_before.iter().filter(|&&chosen| chosen == token_id).count();
                let diverse = log_prob - options.diversity_penalty * repeats as f32;
                let penalised = processors.process(row, token_id, diverse)?;
                let sum_logprobs = sum_logprobs + penalised;
                Some(Candidate { sum_logprobs, penalised, log_prob, beam, token_id })
            });
            self.candidates.extend(tokens.take(limit));
        }
        self.candidates.sort_unstable_by(|a, b| {
            let by_score = b.sum_logprobs.total_cmp(&a.sum_logprobs);
            by_score.then(a.beam.cmp(&b.beam)).then(a.token_id.cmp(&b.token_id))
        });
        self.candidates.truncate(kept);
        if let Some(tracer) = &mut self.tracer {
            tracer.rank(&self.candidates, step);
        }
    }

    /// Adds a candidate's token to the tree.
    pub(crate) fn extend(&mut self, candidate: Candidate) -> NodeId {
        let Candidate { log_prob, beam, token_id, .. } = candidate;
        let last = self.tree.push(self.running[beam].last, token_id, log_prob, self.first_attention + beam);
        if let Some(tracer) = &mut self.tracer {
            tracer.extend(candidate, last);
        }
        last
    }

    /// Makes a candidate a beam of the next step.
    pub(crate) fn go_on(&mut self, candidate: Candidate) {
        let Candidate { sum_logprobs, token_id, beam: parent, .. } = candidate;
        let last = self.extend(candidate);
        if let Some(tracer) = &mut self.tracer {
            tracer.go_on();
        }
        self.next.push(Beam { last, sum_logprobs, token_id, parent });
    }
}

/// The search over one image.
#[derive(Debug)]
pub(crate) struct ImageSearch {
    hypotheses: Hypotheses,
    strategy: Box<dyn Strategy>,
}

impl ImageSearch {
    /// `image_key` is a number of the image's own, by which sampling draws. With `alternatives`, the search is
    /// recorded, with so many of the best tokens of each row.
    pub(crate) fn new(
        kind: &StrategyKind,
        options: &GenerationConfig,
        image_key: u64,
        alternatives: Option<usize>,
    ) -> Self {
        let start = Beam {
            last: NodeId::START,
            sum_logprobs: 0.0,
            token_id: options.decoder_start_token_id,
            parent: 0,
        };
        let starts = (kind.starts)(options);
        let rows = options.num_beams.max(starts);
        let mut running = Vec::with_capacity(rows);
        running.resize(starts, start);
        let hypotheses = Hypotheses {
            tree: HypothesisTree::default(),
            running,
            next: Vec::with_capacity(rows),
            candidates: Vec::new(),
            chosen_before: Vec::new(),
            first_attention: 0,
            tracer: alternatives.map(|alternatives| Box::new(Tracer::new(alternatives))),
        };
        Self { hypotheses, strategy: (kind.begin)(options, image_key) }
    }

    /// The rows of the next step.
    pub(crate) fn running(&self) -> &[Beam] {
        &self.hypotheses.running
    }

    pub(crate) fn is_done(&self) -> bool {
        self.hypotheses.running.is_empty()
    }

    /// The token ids of a beam, `<sos>` first.
    pub(crate) fn sequence(&self, beam: usize, options: &GenerationConfig, sequence: &mut Vec<u32>) {
        let Hypotheses { tree, running, .. } = &self.hypotheses;
        tree.sequence(running[beam].last, options.decoder_start_token_id, sequence);
    }

    /// Reads one step's candidates and chooses the beams of the next step.
    pub(crate) fn advance(&mut self, step: &StepResult<'_>) {
        let hypotheses = &mut self.hypotheses;
        let from = step.first_row * step.cells;
        let attentions = &step.top.attentions[from..from + hypotheses.running.len() * step.cells];
        hypotheses.first_attention = hypotheses.tree.push_attentions(attentions, step.cells);
        if let Some(tracer) = &mut hypotheses.tracer {
            let rows = hypotheses.running.iter().enumerate();
            tracer.begin_step(rows.map(|(row, beam)| (*beam, step.top.row(step.first_row + row, step.k))));
        }
        self.strategy.advance(hypotheses, step);
        std::mem::swap(&mut hypotheses.running, &mut hypotheses.next);
        hypotheses.next.clear();
    }

    /// What was recorded; empty if nothing was.
    pub(crate) fn take_trace(&mut self) -> SearchTrace {
        let attentions = self.hypotheses.tree.attentions();
        self.hypotheses.tracer.take().map(|tracer| tracer.finish(attentions)).unwrap_or_default()
    }

    /// The hypotheses to return: those of a search best first, samples in the order in which they were drawn.
    pub(crate) fn into_hypotheses(self, options: &GenerationConfig) -> Vec<Hypothesis> {
        let tree = self.hypotheses.tree;
        let finished = self.strategy.into_finished();
        let returned = finished.iter().take(options.num_return_sequences);
        returned.map(|end| tree.hypothesis(end.last, end.score, options.output_attentions)).collect()
    }
}
