//! Requests and answers as OpenAPI describes them. What is answered is `glimpse_runtime::Answer`; a test holds both
//! together.

#![allow(dead_code)] // Described, never made.

use serde::Serialize;
use utoipa::ToSchema;

/// The answer to photos.
#[derive(Serialize, ToSchema)]
pub struct Results {
    /// In the order of the photos; with a list of `num_beams`, a result for each photo and number of beams.
    results: Vec<PhotoResult>,
}

/// A photo's captions, or why it has none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PhotoResult {
    Captioned(Captioned),
    Failed(Failed),
}

/// The captions of a photo.
#[derive(Serialize, ToSchema)]
pub struct Captioned {
    /// The photo's file name, its name, its number from 1, or `-`.
    image: String,
    /// Where `num_beams` was a list: the search that these captions are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    num_beams: Option<usize>,
    /// `num_return_sequences` captions, best first.
    captions: Vec<Caption>,
    /// With `timings`: the photo's share of the time of its batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    milliseconds: Option<Milliseconds>,
    /// With `trace`: all that the search considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trace: Option<Trace>,
}

/// A photo's share of the time of its batch.
#[derive(Serialize, ToSchema)]
pub struct Milliseconds {
    /// Of the encoder, which runs once for all searches of a photo.
    encoder: f64,
    /// Of this search.
    search: f64,
}

/// The beam tree.
#[derive(Serialize, ToSchema)]
pub struct Trace {
    /// The rows that the decoder ran, step by step.
    rows: Vec<TraceRow>,
    /// The continuations that were ranked, step by step, best first within a step.
    nodes: Vec<TraceNode>,
}

/// One row of one step: a hypothesis, and the model's best next tokens.
#[derive(Serialize, ToSchema)]
pub struct TraceRow {
    /// The node at which the hypothesis ends; null is `<sos>`.
    node: Option<usize>,
    /// The model's best next tokens, best first.
    alternatives: Vec<Alternative>,
    /// With `output_attentions`: the attention with which the row predicted its next token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attention: Option<Vec<f32>>,
}

/// A token that the model proposed.
#[derive(Serialize, ToSchema)]
pub struct Alternative {
    /// Its id.
    token_id: u32,
    /// Its text.
    token: String,
    /// Its natural log-probability.
    token_logprob: f32,
}

/// A token that the search ranked as the continuation of a row.
#[derive(Serialize, ToSchema)]
pub struct TraceNode {
    /// The row that it continues.
    row: usize,
    /// Its id.
    token_id: u32,
    /// Its text.
    token: String,
    /// Its natural log-probability.
    token_logprob: f32,
    /// Sum of the log-probabilities up to this token, after penalties.
    sum_logprobs: f32,
    /// `sum_logprobs` / length^length_penalty, as if the caption ended here.
    score: f32,
    /// What became of it: `kept`, `finished` or `pruned`.
    fate: Fate,
}

/// What became of a continuation in its step.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It was ranked and left.
    Pruned,
    /// It became a row of the next step.
    Kept,
    /// It ended a caption.
    Finished,
}

/// A caption.
#[derive(Serialize, ToSchema)]
pub struct Caption {
    /// The text, without special tokens.
    generated_text: String,
    /// Sum of log-probabilities / length^length_penalty; higher is better.
    score: f32,
    /// Generated ids: without `<sos>`, with `<eos>` if it was reached.
    token_ids: Vec<u32>,
    /// Natural log-probability of each of `token_ids`.
    token_logprobs: Vec<f32>,
    /// With `output_attentions`: for each token, the attention over the cells of the feature grid, row by row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attentions: Option<Vec<Vec<f32>>>,
}

/// A photo that could not be captioned.
#[derive(Serialize, ToSchema)]
pub struct Failed {
    /// As in captions.
    image: String,
    /// Why, in one line.
    error: String,
}

/// A request that is refused.
#[derive(Serialize, ToSchema)]
pub struct Refused {
    /// Why, in one line.
    error: String,
    /// The decoding option that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    option: Option<String>,
    /// Where no photo could be captioned: what can be said of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    results: Option<Vec<Failed>>,
}

/// Photos in base64; give `image` or `images`. Decoding options stand beside them.
#[derive(Serialize, ToSchema)]
pub struct JsonPhotos {
    /// One photo.
    #[schema(nullable = false)]
    image: Option<JsonPhoto>,
    /// Many photos.
    #[schema(nullable = false)]
    images: Option<Vec<JsonPhoto>>,
}

/// A photo in base64.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum JsonPhoto {
    /// The base64 alone, or a data URI of it.
    Data(String),
    /// With a name for the answer.
    Named {
        /// Any text.
        name: String,
        /// The base64, or a data URI of it.
        data: String,
    },
}

/// Each part with a file name is a photo. Decoding options are parts without one.
#[derive(Serialize, ToSchema)]
pub struct FormPhotos {
    /// The photos.
    image: Vec<String>,
}

/// Whether the server is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    status: String,
}
