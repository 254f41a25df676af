//! What a search considered, with the tokens as text: the beam tree of a photo.

use glimpse_generation::{Fate, SearchTrace};
use serde::Serialize;

/// Every continuation that the search of a photo ranked, kept or not; see [`Captioner::decode_traced`].
///
/// [`Captioner::decode_traced`]: crate::Captioner::decode_traced
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trace {
    /// The rows that the decoder ran, step by step. The first ones continue `<sos>`.
    pub rows: Vec<TraceRow>,
    /// The continuations that were ranked, step by step, best first within a step.
    pub nodes: Vec<TraceNode>,
}

/// One row of one step: a hypothesis, and the model's best next tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TraceRow {
    /// The node at which the hypothesis ends; `None` is `<sos>`.
    pub node: Option<usize>,
    /// The model's best next tokens, best first, before penalties and blocks.
    pub alternatives: Vec<Alternative>,
    /// The attention over the cells of the grid with which the row predicted its next token; with
    /// `output_attentions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Vec<f32>>,
}

/// A token that the model proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alternative {
    /// Its id.
    pub token_id: u32,
    /// Its text, special tokens included.
    pub token: String,
    /// Its natural log-probability.
    pub token_logprob: f32,
}

/// A token that the search ranked as the continuation of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TraceNode {
    /// The row that it continues.
    pub row: usize,
    /// Its id.
    pub token_id: u32,
    /// Its text, special tokens included.
    pub token: String,
    /// Its natural log-probability, as the model returned it.
    pub token_logprob: f32,
    /// Sum of the log-probabilities up to this token, after penalties.
    pub sum_logprobs: f32,
    /// `sum_logprobs` / length^length_penalty, as if the caption ended here.
    pub score: f32,
    /// `pruned`, `kept` or `finished`.
    pub fate: &'static str,
}

impl Trace {
    /// `text` gives the text of a token.
    pub(crate) fn new(trace: SearchTrace, text: impl Fn(u32) -> String) -> Self {
        let attentions = &trace.attentions;
        let rows = trace.rows.into_iter().enumerate().map(|(row, traced)| TraceRow {
            node: traced.node,
            alternatives: traced
                .alternatives
                .into_iter()
                .map(|(token_id, token_logprob)| Alternative {
                    token_id,
                    token: text(token_id),
                    token_logprob,
                })
                .collect(),
            attention: attentions.as_ref().map(|attentions| attentions.row(row).to_vec()),
        });
        let nodes = trace.nodes.into_iter().map(|node| TraceNode {
            row: node.row,
            token_id: node.token_id,
            token: text(node.token_id),
            token_logprob: node.log_prob,
            sum_logprobs: node.sum_logprobs,
            score: node.score,
            fate: match node.fate {
                Fate::Kept => "kept",
                Fate::Finished => "finished",
                _ => "pruned",
            },
        });
        Self { rows: rows.collect(), nodes: nodes.collect() }
    }
}
