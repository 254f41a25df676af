//! Kinds of decoders: a folder and a row in [`decoder_kinds`] each.

pub mod attention_lstm;

use crate::graph::{Attribute, Axis, GraphBuilder, Signature, Value};
use crate::proto::{DataType, GraphProto};
use crate::{Checkpoint, Error, Result};
use glimpse_bundle::{self as bundle, Architecture, DecoderInterface, tensors};
use std::ops::Range;

/// A kind of decoder: which weights it has, and the graphs that they become. What a graph declares to the outside
/// follows from [`interface`](Self::interface).
pub trait DecoderKind: std::fmt::Debug + Sync {
    /// Its name, in [`DecoderInterface::kind`].
    fn name(&self) -> &'static str;

    /// The tensors between encoder, decoder and search.
    fn interface(&self, sizes: &Architecture) -> DecoderInterface;

    /// Names and shapes of the weights of everything behind the backbone, no more and no less, in the order in which
    /// training draws them.
    fn weight_shapes(&self, sizes: &Architecture) -> Vec<(&'static str, Vec<usize>)>;

    /// Which weight, `[vocab_size]`, is added to the logits; `None` where there is none.
    fn output_bias(&self) -> Option<&'static str> {
        None
    }

    /// Where the numbers of a weight lie in [`Checkpoint::seeded`].
    fn seeded_range(&self, name: &str, shape: &[usize], sizes: &Architecture) -> Range<f32>;

    /// Adds what the encoder gives besides the backbone's grid, which is `features`, f32 [batch_size, cells,
    /// feature_dim]. Returns the values of [`DecoderInterface::encoder_outputs`], in their order.
    ///
    /// # Errors
    /// A weight that is missing or of another shape.
    fn encode(
        &self,
        graph: &mut GraphBuilder,
        checkpoint: &Checkpoint,
        features: Value,
    ) -> Result<Vec<Value>>;

    /// Adds one step for every row.
    ///
    /// # Errors
    /// A weight that is missing or of another shape.
    fn step(
        &self,
        graph: &mut GraphBuilder,
        checkpoint: &Checkpoint,
        inputs: &StepInputs,
    ) -> Result<StepOutputs>;
}

/// What a step reads; rows = batch_size x num_beams, image by image.
#[derive(Debug)]
pub struct StepInputs {
    /// i64 \[rows\]: the last token of each row.
    pub input_ids: Value,
    /// The state of each row, in the order of [`DecoderInterface::state`]. Where the decoder gathers its state, this
    /// is done already.
    pub past: Vec<Value>,
    /// What the encoder gave of each image, in the order of [`DecoderInterface::image_tensors`].
    pub images: Vec<Value>,
}

/// What a step gives.
#[derive(Debug)]
pub struct StepOutputs {
    /// f32 [rows, vocab_size]
    pub logits: Value,
    /// The next state, in the order of [`DecoderInterface::state`].
    pub present: Vec<Value>,
    /// f32 [rows, cells], where [`DecoderInterface::has_attentions`].
    pub attentions: Option<Value>,
}

/// Every kind of decoder.
pub fn decoder_kinds() -> &'static [&'static dyn DecoderKind] {
    &[&attention_lstm::AttentionLstm]
}

/// The kind of decoder called `name`.
///
/// # Errors
/// [`Error::UnknownDecoder`], which names all kinds.
pub fn decoder_kind(name: &str) -> Result<&'static dyn DecoderKind> {
    decoder_kinds().iter().copied().find(|kind| kind.name() == name).ok_or_else(|| Error::UnknownDecoder {
        name: name.into(),
        known: decoder_kinds().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    })
}

/// `decoder_model.onnx`: one token for every row, rows = batch_size x num_beams.
///
/// # Errors
/// A weight that is missing or of another shape, and sizes that contradict each other.
pub fn decoder_graph(checkpoint: &Checkpoint) -> Result<GraphProto> {
    checkpoint.config.architecture.validate()?;
    let interface = checkpoint.config.decoder_interface();
    let mut graph = GraphBuilder::new();
    let (inputs, k) = inputs(&mut graph, &interface);
    let outputs = checkpoint.decoder_kind()?.step(&mut graph, checkpoint, &inputs)?;

    let rows = Axis::Dynamic(tensors::ROWS);
    let candidates = [rows, Axis::Dynamic(tensors::K)];
    let output = |graph: &mut GraphBuilder, value, name: &str, data_type, axes: &[Axis<'_>], doc: &str| {
        graph.output(value, Signature { name, data_type, axes, doc });
    };
    let (float, int64) = (DataType::Float, DataType::Int64);
    match k {
        Some(k) => {
            let [log_probs, ids] = top_k(&mut graph, &outputs.logits, &k);
            let doc = "log-probabilities, best first";
            output(&mut graph, log_probs, tensors::TOP_LOG_PROBS, float, &candidates, doc);
            output(&mut graph, ids, tensors::TOP_TOKEN_IDS, int64, &candidates, "ids of the best tokens");
        }
        None => {
            let axes = [rows, Axis::Fixed(checkpoint.config.architecture.vocab_size)];
            let doc = "log-probabilities before normalisation";
            output(&mut graph, outputs.logits, tensors::LOGITS, float, &axes, doc);
        }
    }
    for (value, state) in outputs.present.into_iter().zip(&interface.state) {
        output(
            &mut graph,
            value,
            &state.present,
            float,
            &axes_of(&state.axes, &[]),
            "state after this token",
        );
    }
    if let Some(attentions) = outputs.attentions {
        let axes = [rows, Axis::Fixed(checkpoint.config.architecture.num_cells)];
        output(&mut graph, attentions, tensors::ATTENTIONS, float, &axes, "where each row looked; sums to 1");
    }
    Ok(graph.finish("decoder"))
}

/// The declared inputs, and `k` where the graph ranks tokens.
fn inputs(graph: &mut GraphBuilder, interface: &DecoderInterface) -> (StepInputs, Option<Value>) {
    let rows = Axis::Dynamic(tensors::ROWS);
    let (float, int64) = (DataType::Float, DataType::Int64);
    let input = |graph: &mut GraphBuilder, name: &str, data_type, axes: &[Axis<'_>], doc: &str| {
        graph.input(Signature { name, data_type, axes, doc })
    };
    let input_ids = input(graph, tensors::INPUT_IDS, int64, &[rows], "the last token of each row");
    let beam_idx = interface.gathers_state.then(|| {
        input(graph, tensors::BEAM_IDX, int64, &[rows], "which row of the last step each row continues")
    });
    let past_rows: &[_] = if interface.gathers_state { &[(tensors::ROWS, tensors::PAST_ROWS)] } else { &[] };
    let past: Vec<Value> = interface
        .state
        .iter()
        .map(|state| {
            let doc = format!("{} of the last step", state.present);
            input(graph, &state.past, float, &axes_of(&state.axes, past_rows), &doc)
        })
        .collect();
    let images = interface.image_tensors.iter().map(|tensor| {
        let doc = format!("the encoder's {}, once per image", tensor.output);
        input(graph, &tensor.input, float, &axes_of(&tensor.axes, &[]), &doc)
    });
    let images = images.collect();
    let k = interface
        .ranks_tokens
        .then(|| input(graph, tensors::K, int64, &[], "how many candidates a row to return"));
    let past = match beam_idx {
        Some(beam_idx) => {
            let gathered = interface.state.iter().zip(past).map(|(state, past)| {
                graph.node("Gather", &format!("{}.gathered", state.past), [&past, &beam_idx], [])
            });
            gathered.collect()
        }
        None => past,
    };
    (StepInputs { input_ids, past, images }, k)
}

/// The k best of each row, as log-probabilities over the whole vocabulary, and their ids.
fn top_k(graph: &mut GraphBuilder, logits: &Value, k: &Value) -> [Value; 2] {
    // Subtracting ReduceLogSumExp from the k best is the same and writes less, but ONNX Runtime
    // vectorises LogSoftmax alone: 18 against 64 us for a row of 12,509 tokens.
    let log_probs = graph.node("LogSoftmax", "log_softmax", [logits], [("axis", Attribute::Int(-1))]);
    let axis = graph.ints("k.axis", &[0]);
    let k = graph.node("Unsqueeze", "k.vector", [k, &axis], []);
    graph.node_with_outputs("TopK", "top_k", [&log_probs, &k], [], ["top_k.log_probs", "top_k.ids"])
}

/// The axes of a declared tensor, some of them under another name.
pub(crate) fn axes_of<'a>(axes: &'a [bundle::Axis], renamed: &[(&str, &'a str)]) -> Vec<Axis<'a>> {
    let axis = |axis: &'a bundle::Axis| match axis {
        bundle::Axis::Fixed(size) => Axis::Fixed(*size),
        bundle::Axis::Named(name) => {
            let other = renamed.iter().find_map(|(from, to)| (from == name).then_some(*to));
            Axis::Dynamic(other.unwrap_or(name))
        }
    };
    axes.iter().map(axis).collect()
}

/// Half the width of the uniform distribution with standard deviation gain / sqrt(inputs).
pub(crate) fn spread(inputs: usize, gain: f32) -> f32 {
    gain * (3.0 / inputs as f32).sqrt()
}

pub(crate) fn around(centre: f32, half_width: f32) -> Range<f32> {
    centre - half_width..centre + half_width
}
