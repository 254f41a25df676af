use crate::hypothesis_tree::{HypothesisTree, NodeId};
use crate::processors::Processors;
use crate::strategy::{Strategy, StrategyKind};
use crate::{GenerationConfig, Hypothesis, TopCandidates};
use std::ops::Range;

/// A hypothesis that is not finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beam {
    pub(crate) last: NodeId,
    /// What its tokens are ranked by, summed.
    pub(crate) sum_logprobs: f32,
    /// The token to feed next.
    pub(crate) token_id: u32,
    /// Which of the image's rows of the last step it continues.
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
    /// Of the beam and the token, penalties included.
    pub(crate) sum_logprobs: f32,
    /// The token's log-probability after penalties.
    pub(crate) ranked_by: f32,
    /// The token's log-probability as the model gave it.
    pub(crate) log_prob: f32,
    /// Which of the image's rows.
    pub(crate) beam: usize,
    pub(crate) token_id: u32,
}

/// A step's outcome for one image.
#[derive(Clone, Copy)]
pub(crate) struct StepResult<'a> {
    pub(crate) top: &'a TopCandidates,
    pub(crate) processors: &'a Processors,
    pub(crate) options: &'a GenerationConfig,
    /// Row of the image's first beam.
    pub(crate) first_row: usize,
    /// Tokens of each hypothesis once this step is done.
    pub(crate) length: usize,
    /// No step follows.
    pub(crate) is_last: bool,
    /// Candidates per row.
    pub(crate) k: usize,
    /// Grid cells; 0 without attentions.
    pub(crate) cells: usize,
}

/// The hypotheses of one image: what a strategy reads and writes. The buffers are reused.
#[derive(Debug)]
pub(crate) struct Hypotheses {
    pub(crate) tree: HypothesisTree,
    /// One beam a row.
    pub(crate) running: Vec<Beam>,
    /// The rows of the next step, while this one is under way.
    pub(crate) next: Vec<Beam>,
    /// What [`Hypotheses::collect`] found, best first.
    pub(crate) candidates: Vec<Candidate>,
    /// Tokens that earlier groups of beams chose in this step.
    pub(crate) chosen_before: Vec<u32>,
    /// Which of the tree's rows of attention this step's first one is.
    attention: usize,
}

impl Hypotheses {
    /// The `kept` best tokens that may follow the beams of `rows`. Ties go to the lower beam, then to
    /// the lower id.
    pub(crate) fn collect(&mut self, rows: Range<usize>, kept: usize, step: &StepResult<'_>) {
        let StepResult { processors, options, .. } = step;
        let in_order = self.chosen_before.is_empty() && !processors.change_order();
        let most = if in_order { kept } else { step.k };
        self.candidates.clear();
        for beam in rows {
            let sum_logprobs = self.running[beam].sum_logprobs;
            let row = step.first_row + beam;
            let tokens = step.top.row(row, step.k).filter_map(|(token_id, log_prob)| {
                let repeats = self.chosen_before.iter().filter(|&&chosen| chosen == token_id).count();
                let diverse = log_prob - options.diversity_penalty * repeats as f32;
                let ranked_by = processors.process(row, token_id, diverse)?;
                let sum_logprobs = sum_logprobs + ranked_by;
                Some(Candidate { sum_logprobs, ranked_by, log_prob, beam, token_id })
            });
            self.candidates.extend(tokens.take(most));
        }
        self.candidates.sort_unstable_by(|a, b| {
            let by_score = b.sum_logprobs.total_cmp(&a.sum_logprobs);
            by_score.then(a.beam.cmp(&b.beam)).then(a.token_id.cmp(&b.token_id))
        });
        self.candidates.truncate(kept);
    }

    /// Adds a candidate's token to the tree.
    pub(crate) fn extend(&mut self, candidate: Candidate) -> NodeId {
        let Candidate { log_prob, beam, token_id, .. } = candidate;
        self.tree.push(self.running[beam].last, token_id, log_prob, self.attention + beam)
    }

    /// Lets a candidate go on in the next step.
    pub(crate) fn go_on(&mut self, candidate: Candidate) {
        let Candidate { sum_logprobs, token_id, beam: parent, .. } = candidate;
        let last = self.extend(candidate);
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
    /// `image_key` tells the image from others, for sampling.
    pub(crate) fn new(kind: &StrategyKind, options: &GenerationConfig, image_key: u64) -> Self {
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
            attention: 0,
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

    /// Reads one step's candidates and chooses the beams of the next.
    pub(crate) fn advance(&mut self, step: &StepResult<'_>) {
        let hypotheses = &mut self.hypotheses;
        let from = step.first_row * step.cells;
        let attentions = &step.top.attentions[from..from + hypotheses.running.len() * step.cells];
        hypotheses.attention = hypotheses.tree.push_attentions(attentions, step.cells);
        self.strategy.advance(hypotheses, step);
        std::mem::swap(&mut hypotheses.running, &mut hypotheses.next);
        hypotheses.next.clear();
    }

    /// The hypotheses to return: searched ones best first, drawn ones in the order of drawing.
    pub(crate) fn into_hypotheses(self, options: &GenerationConfig) -> Vec<Hypothesis> {
        let tree = self.hypotheses.tree;
        let finished = self.strategy.into_finished();
        let wanted = finished.iter().take(options.num_return_sequences);
        wanted.map(|kept| tree.hypothesis(kept.last, kept.score, options.output_attentions)).collect()
    }
}
