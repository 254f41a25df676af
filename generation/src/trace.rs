//! What a search considered: every continuation that it ranked, kept or not. Recorded only by
//! [`search_traced`](crate::search_traced).

use crate::hypothesis_tree::NodeId;
use crate::image::{Beam, Candidate, StepResult};
use crate::score::score;
use ndarray::Array2;

/// Everything that the search of one image ranked, step by step.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SearchTrace {
    /// The rows that the decoder ran, in their order. The first ones continue `<sos>`.
    pub rows: Vec<TraceRow>,
    /// The continuations that were ranked, step by step, best first within a step.
    pub nodes: Vec<TraceNode>,
    /// [rows, cells]: the attention weights with which each row predicted its next token; with
    /// [`GenerationConfig::output_attentions`](crate::GenerationConfig::output_attentions).
    pub attentions: Option<Array2<f32>>,
}

/// One row of one step: a hypothesis, and the model's best next tokens.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TraceRow {
    /// The node of [`SearchTrace::nodes`] at which the hypothesis ends; `None` is `<sos>`.
    pub node: Option<usize>,
    /// The model's best next tokens with their log-probabilities, best first, before penalties and blocks.
    pub alternatives: Vec<(u32, f32)>,
}

/// A token that the search ranked as the continuation of a row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TraceNode {
    /// The row of [`SearchTrace::rows`] that it continues.
    pub row: usize,
    /// The token.
    pub token_id: u32,
    /// Natural log-probability of the token, as the model returned it.
    pub log_prob: f32,
    /// Sum of the log-probabilities up to this token, after penalties.
    pub sum_logprobs: f32,
    /// `sum_logprobs` / length^length_penalty, as if the caption ended here.
    pub score: f32,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a continuation in its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was ranked and left.
    Pruned,
    /// It became a row of the next step, or would have if the search had gone on.
    Kept,
    /// It ended a hypothesis.
    Finished,
}

/// Records a search.
#[derive(Debug)]
pub(crate) struct Tracer {
    trace: SearchTrace,
    alternatives: usize,
    /// The node of each node of the tree.
    of_tree: Vec<usize>,
    /// The row of the image's first beam in this step.
    first_row: usize,
    /// The first node of this step.
    first_node: usize,
}

impl Tracer {
    pub(crate) fn new(alternatives: usize) -> Self {
        let trace = SearchTrace::default();
        Self { trace, alternatives, of_tree: Vec::new(), first_row: 0, first_node: 0 }
    }

    /// Begins a step. `rows` has the beams, each with its best tokens.
    pub(crate) fn begin_step<T: Iterator<Item = (u32, f32)>>(
        &mut self,
        rows: impl Iterator<Item = (Beam, T)>,
    ) {
        self.first_row = self.trace.rows.len();
        self.first_node = self.trace.nodes.len();
        for (beam, tokens) in rows {
            let node = beam.last.index().map(|node| self.of_tree[node]);
            let alternatives = tokens.take(self.alternatives).collect();
            self.trace.rows.push(TraceRow { node, alternatives });
        }
    }

    /// Adds the continuations that a strategy ranks.
    pub(crate) fn rank(&mut self, candidates: &[Candidate], step: &StepResult<'_>) {
        let first_row = self.first_row;
        self.trace.nodes.extend(candidates.iter().map(|candidate| TraceNode {
            row: first_row + candidate.beam,
            token_id: candidate.token_id,
            log_prob: candidate.log_prob,
            sum_logprobs: candidate.sum_logprobs,
            score: score(step.options, candidate.sum_logprobs, step.length),
            fate: Fate::Pruned,
        }));
    }

    /// A ranked continuation became a node of the tree.
    pub(crate) fn extend(&mut self, candidate: Candidate, last: NodeId) {
        let row = self.first_row + candidate.beam;
        let of_step = &mut self.trace.nodes[self.first_node..];
        let place = of_step.iter().position(|node| node.row == row && node.token_id == candidate.token_id);
        let (Some(place), Some(tree_node)) = (place, last.index()) else { return };
        of_step[place].fate = Fate::Finished;
        debug_assert_eq!(self.of_tree.len(), tree_node);
        self.of_tree.push(self.first_node + place);
    }

    /// The last continuation that was added to the tree goes on.
    pub(crate) fn go_on(&mut self) {
        if let Some(&node) = self.of_tree.last() {
            self.trace.nodes[node].fate = Fate::Kept;
        }
    }

    /// The trace. `attentions` has a row for each of its rows.
    pub(crate) fn finish(mut self, attentions: Option<Array2<f32>>) -> SearchTrace {
        self.trace.attentions = attentions;
        self.trace
    }
}
