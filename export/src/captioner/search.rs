//! Beam search as a `Loop`, with the semantics of the runtime's search: transformers' `_beam_search`
//! with `early_stopping=False`.

use super::constants::{Source, inline};
use super::ops::Ops;
use super::step::{
    Candidates, Finishing, Hypotheses, Outer, StepNumbers, extend, finish, go_on, is_decided, rank,
};
use crate::graph::{Attribute, GraphBuilder, Signature, Value, unshaped};
use crate::proto::DataType;
use crate::{Error, Result};
use glimpse_bundle::{DecoderInterface, GenerationConfig, tensors};
use std::collections::HashMap;

/// What the search is given; values are of the graph around the loop.
pub(super) struct Search<'a> {
    pub interface: &'a DecoderInterface,
    pub generation: &'a GenerationConfig,
    pub decoder: &'a Source<'a>,
    /// Cells of the grid.
    pub cells: usize,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// i64 scalar
    pub num_beams: Value,
    /// i64 scalar
    pub max_length: Value,
    /// f32 scalar
    pub length_penalty: Value,
}

/// What the search found.
pub(super) struct Found {
    pub sequences: Value,
    pub scores: Value,
    pub attentions: Value,
}

/// What one step leaves to the next, in the order of the loop's inputs: these two, the decoder's state, and
/// [`HYPOTHESES`]. `width` is 1 before the first step and num_beams after it.
const STEP: [(&str, DataType); 2] = [
    ("input_ids", DataType::Int64), // [batch_size x width]
    ("beam_idx", DataType::Int64),  // [batch_size x width]
];

/// The hypotheses that are kept from step to step. Sequences are max_length - 1 tokens long.
const HYPOTHESES: [(&str, DataType); 7] = [
    ("running_sums", DataType::Float),        // [batch_size, width]
    ("running_sequences", DataType::Int64),   // [batch_size, width, tokens]
    ("running_attentions", DataType::Float),  // [batch_size, width, tokens, cells]
    ("is_done", DataType::Bool),              // [batch_size]
    ("finished_scores", DataType::Float),     // [batch_size, num_beams], best first
    ("finished_sequences", DataType::Int64),  // [batch_size, num_beams, tokens]
    ("finished_attentions", DataType::Float), // [batch_size, num_beams, tokens, cells]
];

impl Search<'_> {
    /// Adds the search to the graph, over what the encoder gave.
    pub fn build(
        &self,
        graph: &mut GraphBuilder,
        pixel_values: Value,
        encoded: &HashMap<&str, Value>,
    ) -> Result<Found> {
        let cells = self.cells as i64;
        let mut ops = Ops(graph);
        let batch_size = ops.sizes("batch_size", pixel_values, 0, 1);
        let beams = ops.unsqueeze("beams", self.num_beams, 0);
        let one = ops.int("one", 1);
        let steps = ops.op("Sub", "steps", [self.max_length, one]);
        let tokens = ops.unsqueeze("tokens", steps, 0);
        let [single, cells] = [("single", 1), ("cells", cells)].map(|(name, size)| ops.0.ints(name, &[size]));
        let k = self.candidates(&mut ops, steps);
        let ks = ops.unsqueeze("ks", k, 0);

        let zero = ops.int("zero", 0);
        let batch = ops.op("Squeeze", "batch", [batch_size]);
        let rows = ops.op("Range", "images.row", [zero, batch, one]);
        let images = ops.unsqueeze("images", rows, 1);
        let [start, pad] =
            [("start", self.generation.decoder_start_token_id), ("pad", self.generation.pad_token_id)]
                .map(|(name, id)| ops.int(name, i64::from(id)));
        let [nothing, impossible] = [("nothing", 0.0), ("impossible", f32::NEG_INFINITY)]
            .map(|(name, number)| ops.float(name, number));
        let no = ops.0.tensor("no", DataType::Bool, &[], vec![0]);
        let yes = ops.0.tensor("yes", DataType::Bool, &[], vec![1]);

        let width = ops.shape("start.width", [batch_size, single]);
        let sequence = ops.shape("start.sequence", [batch_size, single, tokens]);
        let attention = ops.shape("start.attention", [batch_size, single, tokens, cells]);
        let found = ops.shape("found.scores", [batch_size, beams]);
        let found_sequences = ops.shape("found.sequences", [batch_size, beams, tokens]);
        let found_attentions = ops.shape("found.attentions", [batch_size, beams, tokens, cells]);
        let mut filled = |name: &str, with, shape| ops.op("Expand", name, [with, shape]);
        let first_step = [filled("start.input_ids", start, batch_size), rows];
        let hypotheses = [
            filled("start.sums", nothing, width),
            filled("start.sequences", pad, sequence),
            filled("start.attentions", nothing, attention),
            filled("start.is_done", no, batch_size),
            filled("start.finished_scores", impossible, found),
            filled("start.finished_sequences", pad, found_sequences),
            filled("start.finished_attentions", nothing, found_attentions),
        ];
        let of_encoder = |name: &str| {
            encoded.get(name).copied().ok_or_else(|| Error::UnsoundGraph {
                graph: "encoder".into(),
                reason: format!("it gives no `{name}`"),
            })
        };
        let state = self.interface.state.iter().filter_map(|state| state.initial.as_deref());
        let state = state.map(of_encoder).collect::<Result<Vec<_>>>()?;
        let images_of_decoder = self.interface.image_tensors.iter().map(|tensor| of_encoder(&tensor.output));
        let outer = Outer {
            batch_size,
            images,
            num_beams: self.num_beams,
            beams,
            max_length: self.max_length,
            length_penalty: self.length_penalty,
            k,
            ks,
            tokens,
            images_of_decoder: images_of_decoder.collect::<Result<_>>()?,
        };
        let mut body = graph.body();
        let outer = outer.inside(graph, &mut body);
        self.body(&mut body, &outer)?;
        let body = graph.adopt(body, "step");
        let initial = [steps, yes].into_iter().chain(first_step).chain(state).chain(hypotheses);
        let inputs: Vec<Value> = initial.collect();
        let names: Vec<_> = self.carried().into_iter().map(|(name, _)| format!("last.{name}")).collect();
        let outputs = graph.node_with_many_outputs("Loop", "search", &inputs, [("body", body)], &names);
        let &[.., scores, sequences, attentions] = &outputs[..] else { unreachable!("as many as names") };
        Ok(Found { sequences, scores, attentions })
    }

    /// How many of a row's best tokens a step looks at, an i64 scalar; `steps` is the length of a sequence.
    fn candidates(&self, ops: &mut Ops<'_>, steps: Value) -> Value {
        // Twice the beams, as so many may end; and more, as the best may be suppressed.
        let two = ops.int("two", 2);
        let suppressed = ops.int("suppressed", self.generation.suppress_tokens.len() as i64);
        let k = ops.op("Mul", "twice", [self.num_beams, two]);
        let mut k = ops.op("Add", "k.suppressed", [k, suppressed]);
        if self.blocks_pairs() {
            // Each token of a sequence may forbid one.
            k = ops.op("Add", "k.blocked", [k, steps]);
        }
        let vocab_size = ops.int("vocab_size", self.vocab_size as i64);
        ops.op("Min", "k", [k, vocab_size])
    }

    /// Name and type of everything that one step leaves to the next.
    fn carried(&self) -> Vec<(String, DataType)> {
        let owned = |(name, data_type): (&str, DataType)| (name.to_string(), data_type);
        let state = self.interface.state.iter().map(|state| (state.past.clone(), DataType::Float));
        STEP.into_iter().map(owned).chain(state).chain(HYPOTHESES.into_iter().map(owned)).collect()
    }

    /// One token for every hypothesis.
    fn body(&self, body: &mut GraphBuilder, outer: &Outer) -> Result<()> {
        let mut scalar = |name, data_type, doc| body.input(Signature { name, data_type, axes: &[], doc });
        let step = scalar("step", DataType::Int64, "steps before this one");
        scalar("goes_on", DataType::Bool, "always true");
        let carried = self.carried();
        let values: Vec<Value> =
            carried.iter().map(|(name, data_type)| body.declared_input(unshaped(name, *data_type))).collect();
        let (fed, hypotheses) = values.split_at(values.len() - HYPOTHESES.len());
        let &[sums, sequences, attentions, is_done, finished_scores, finished_sequences, finished_attentions] =
            hypotheses
        else {
            unreachable!("as many as HYPOTHESES")
        };
        let decoded = self.decode(body, fed, outer)?;
        let mut ops = Ops(body);
        let log_probs = self.allowed(&mut ops, &decoded);
        let ids = decoded[tensors::TOP_TOKEN_IDS];
        let log_probs = self.without_repeated_pairs(&mut ops, (log_probs, ids), fed[0], sequences, outer);
        let best = rank(&mut ops, log_probs, ids, sums, outer);
        let numbers = StepNumbers::new(&mut ops, step, self.cells, outer);
        let running = Hypotheses { sequences, attentions };
        let extended = extend(&mut ops, &running, &best, decoded[tensors::ATTENTIONS], &numbers);
        let ends = self.ends(&mut ops, &best, &numbers, outer);
        let divisor = self.divisor(&mut ops, numbers.length, outer);
        let finished =
            (finished_scores, Hypotheses { sequences: finished_sequences, attentions: finished_attentions });
        let finishing = Finishing { ends, is_done, divisor };
        let (finished_scores, finished) =
            finish(&mut ops, finished, &finishing, &best, &extended, &numbers, outer);
        let next = go_on(&mut ops, ends, &best, &extended, &numbers, outer);
        let is_done = is_decided(&mut ops, is_done, next.sums, (finished_scores, divisor), &numbers, outer);
        let done = ops.cast("is_done.number", is_done, DataType::Int32);
        let all_done = ops.0.node("ReduceMin", "all_done.number", [&done], [("keepdims", Attribute::Int(0))]);
        let all_done = ops.cast("all_done", all_done, DataType::Bool);
        let goes_on = ops.op("Not", "goes_on.next", [all_done]);

        let state = self.interface.state.iter().map(|state| decoded[state.present.as_str()]);
        let left = [next.input_ids, next.beam_idx].into_iter().chain(state).chain([
            next.sums,
            next.hypotheses.sequences,
            next.hypotheses.attentions,
            is_done,
            finished_scores,
            finished.sequences,
            finished.attentions,
        ]);
        body.declared_output(goes_on, unshaped("goes_on.out", DataType::Bool));
        for (value, (name, data_type)) in left.zip(carried) {
            body.declared_output(value, unshaped(&format!("{name}.out"), data_type));
        }
        Ok(())
    }

    /// Runs the decoder on what the last step left: its outputs by their names.
    fn decode(&self, body: &mut GraphBuilder, fed: &[Value], outer: &Outer) -> Result<HashMap<&str, Value>> {
        let names = [tensors::INPUT_IDS, tensors::BEAM_IDX].into_iter();
        let names = names.chain(self.interface.state.iter().map(|state| state.past.as_str()));
        let images = self.interface.image_tensors.iter().map(|tensor| tensor.input.as_str());
        let inputs =
            names.zip(fed.iter().copied()).chain(images.zip(outer.images_of_decoder.iter().copied()));
        let inputs: Vec<_> = inputs.chain([(tensors::K, outer.k)]).collect();
        let decoded = inline(body, self.decoder, "decoder", &inputs)?;
        let present = self.interface.state.iter().map(|state| state.present.as_str());
        let wanted = [tensors::TOP_LOG_PROBS, tensors::TOP_TOKEN_IDS, tensors::ATTENTIONS];
        match wanted.into_iter().chain(present).find(|name| !decoded.contains_key(name)) {
            Some(name) => {
                Err(Error::UnsoundGraph { graph: "decoder".into(), reason: format!("it gives no `{name}`") })
            }
            None => Ok(decoded),
        }
    }

    /// Which candidates end here, bool [batch_size, kept]: by the end token, or by the length.
    fn ends(&self, ops: &mut Ops<'_>, best: &Candidates, numbers: &StepNumbers, outer: &Outer) -> Value {
        let eos = ops.int("eos", i64::from(self.generation.eos_token_id.first()));
        let next_length = ops.op("Add", "length.next", [numbers.length, numbers.one]);
        let is_last = ops.op("Equal", "is_last", [next_length, outer.max_length]);
        let ends = ops.op("Equal", "is_eos", [best.tokens, eos]);
        ops.op("Or", "ends", [ends, is_last])
    }

    /// The decoder's log-probabilities [rows, k], minus infinity for tokens that are never generated.
    fn allowed(&self, ops: &mut Ops<'_>, decoded: &HashMap<&str, Value>) -> Value {
        let log_probs = decoded[tensors::TOP_LOG_PROBS];
        let suppressed: Vec<_> = self.generation.suppress_tokens.iter().copied().map(i64::from).collect();
        if suppressed.is_empty() {
            return log_probs;
        }
        let impossible = ops.float("impossible.allowed", f32::NEG_INFINITY);
        let suppressed = ops.0.ints("suppress_tokens", &suppressed);
        let ids = ops.unsqueeze("ids.token", decoded[tensors::TOP_TOKEN_IDS], -1);
        let equal = ops.op("Equal", "ids.equal", [ids, suppressed]);
        let equal = ops.cast("ids.equal.number", equal, DataType::Float);
        let last = [("axes", Attribute::Ints(vec![-1])), ("keepdims", Attribute::Int(0))];
        let any = ops.0.node("ReduceMax", "ids.any", [&equal], last);
        let any = ops.cast("ids.suppressed", any, DataType::Bool);
        ops.op("Where", "log_probs.allowed", [any, impossible, log_probs])
    }

    fn blocks_pairs(&self) -> bool {
        self.generation.no_repeat_ngram_size == 2
    }

    /// The log-probabilities [rows, k] of the tokens `ids`, minus infinity for those that would repeat a pair of tokens
    /// of their sequence, where the options ask for it.
    fn without_repeated_pairs(
        &self,
        ops: &mut Ops<'_>,
        (log_probs, ids): (Value, Value),
        input_ids: Value,
        sequences: Value,
        outer: &Outer,
    ) -> Value {
        if !self.blocks_pairs() {
            return log_probs;
        }
        let rest = ops.0.ints("pairs.rest", &[-1]);
        let flat = ops.shape("pairs.flat", [rest, outer.tokens]);
        let sequences = ops.op("Reshape", "pairs.sequences", [sequences, flat]);
        let [start, second, end, before_last, axis] =
            [("start", 0), ("second", 1), ("end", i64::MAX), ("before_last", -1), ("axis", 1)]
                .map(|(name, number)| ops.0.ints(&format!("pairs.{name}"), &[number]));
        let firsts = ops.op("Slice", "pairs.firsts", [sequences, start, before_last, axis]);
        let seconds = ops.op("Slice", "pairs.seconds", [sequences, second, end, axis]);
        // Where the last token stood before, [rows, 1, tokens - 1], and which candidates followed it there.
        let last = ops.unsqueeze("pairs.last", input_ids, 1);
        let stood = ops.op("Equal", "pairs.stood", [firsts, last]);
        let stood = ops.unsqueeze("pairs.stood.row", stood, 1);
        let seconds = ops.unsqueeze("pairs.seconds.row", seconds, 1);
        let candidates = ops.unsqueeze("pairs.candidates", ids, 2);
        let followed = ops.op("Equal", "pairs.followed", [candidates, seconds]);
        let repeats = ops.op("And", "pairs.repeats", [followed, stood]);
        let repeats = ops.cast("pairs.repeats.number", repeats, DataType::Float);
        let axes = ops.0.ints("pairs.axes", &[-1]);
        let not_kept = [("keepdims", Attribute::Int(0))];
        let repeats = ops.0.node("ReduceSum", "pairs.count", [&repeats, &axes], not_kept);
        let repeats = ops.cast("pairs.blocked", repeats, DataType::Bool);
        let impossible = ops.float("impossible.pairs", f32::NEG_INFINITY);
        ops.op("Where", "log_probs.unrepeated", [repeats, impossible, log_probs])
    }

    /// length^length_penalty, in f64 as the runtime has it, then f32.
    fn divisor(&self, ops: &mut Ops<'_>, length: Value, outer: &Outer) -> Value {
        let length = ops.cast("length.f64", length, DataType::Double);
        let penalty = ops.cast("length_penalty.f64", outer.length_penalty, DataType::Double);
        let power = ops.op("Pow", "divisor.f64", [length, penalty]);
        ops.cast("divisor", power, DataType::Float)
    }
}
