//! Beam search as a `Loop`, with the semantics of the runtime's search: transformers' `_beam_search`
//! with `early_stopping=False`.

use super::constants::{Source, inline};
use crate::Result;
use crate::graph::{Attribute, GraphBuilder, Signature, Value, unshaped};
use crate::proto::DataType;
use glimpse_bundle::{GenerationConfig, NUM_CELLS, tensors};
use std::collections::HashMap;

/// What the search is given; values are of the graph around the loop.
pub(super) struct Search<'a> {
    pub generation: &'a GenerationConfig,
    pub decoder: &'a Source<'a>,
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

/// What one step leaves to the next, in the order of the loop's inputs. `width` is 1 before the first
/// step and num_beams after it.
const STATE: [(&str, DataType); 11] = [
    ("input_ids", DataType::Int64),           // [batch_size x width]
    ("beam_idx", DataType::Int64),            // [batch_size x width]
    ("h", DataType::Float),                   // [rows of the last step, decoder_dim]
    ("c", DataType::Float),                   // [rows of the last step, decoder_dim]
    ("running_sums", DataType::Float),        // [batch_size, width]
    ("running_sequences", DataType::Int64),   // [batch_size, width, words]
    ("running_attentions", DataType::Float),  // [batch_size, width, words, cells]
    ("is_done", DataType::Bool),              // [batch_size]
    ("finished_scores", DataType::Float),     // [batch_size, num_beams], best first
    ("finished_sequences", DataType::Int64),  // [batch_size, num_beams, words]
    ("finished_attentions", DataType::Float), // [batch_size, num_beams, words, cells]
];

/// Values of the graph around the loop that its body reads.
struct Outer {
    batch_size: Value,
    /// [batch_size, 1]: 0, 1, 2...
    images: Value,
    num_beams: Value,
    /// [1]
    beams: Value,
    max_length: Value,
    length_penalty: Value,
    /// Candidates of a row, i64 scalar and [1].
    k: Value,
    ks: Value,
    /// [1]: words of a sequence.
    words: Value,
    grid: Value,
    keys: Value,
}

/// Short names for what a search adds to a graph.
struct Ops<'a>(&'a mut GraphBuilder);

impl Ops<'_> {
    fn op<const N: usize>(&mut self, op_type: &'static str, name: &str, inputs: [Value; N]) -> Value {
        self.0.node(op_type, name, &inputs, [])
    }

    fn axis<const N: usize>(
        &mut self,
        op_type: &'static str,
        name: &str,
        inputs: [Value; N],
        axis: i64,
    ) -> Value {
        self.0.node(op_type, name, &inputs, [("axis", Attribute::Int(axis))])
    }

    fn cast(&mut self, name: &str, input: Value, data_type: DataType) -> Value {
        self.0.node("Cast", name, [&input], [("to", Attribute::element_type(data_type))])
    }

    /// An i64 scalar.
    fn int(&mut self, name: &str, number: i64) -> Value {
        self.0.int_tensor(name, &[], &[number])
    }

    fn float(&mut self, name: &str, number: f32) -> Value {
        self.0.floats(name, &[], &[number])
    }

    fn unsqueeze(&mut self, name: &str, input: Value, axis: i64) -> Value {
        let axis = self.0.ints(&format!("{name}.axis"), &[axis]);
        self.op("Unsqueeze", name, [input, axis])
    }

    /// A shape of several parts, each [n].
    fn shape<const N: usize>(&mut self, name: &str, parts: [Value; N]) -> Value {
        self.axis("Concat", name, parts, 0)
    }

    /// Part of a tensor's shape, [end - start].
    fn sizes(&mut self, name: &str, input: Value, start: i64, end: i64) -> Value {
        let part = [("start", Attribute::Int(start)), ("end", Attribute::Int(end))];
        self.0.node("Shape", name, [&input], part)
    }

    /// The best of the last axis, ties in order: values and indices.
    fn top_k(&mut self, name: &str, input: Value, k: Value) -> [Value; 2] {
        let (values, indices) = (format!("{name}.values"), format!("{name}.indices"));
        self.0.node_with_outputs("TopK", name, [&input, &k], [], [&values, &indices])
    }

    /// Rows of [batch_size, items, rest...] by indices [batch_size, n] within each image:
    /// [batch_size, n, rest...]. `flat` is [-1, rest...].
    fn rows(&mut self, name: &str, items: Value, index: Value, flat: Value) -> Value {
        let items = self.op("Reshape", &format!("{name}.flat"), [items, flat]);
        self.op("Gather", name, [items, index])
    }
}

impl Search<'_> {
    /// Adds the search to the graph, over what the encoder gave.
    pub fn build(
        &self,
        graph: &mut GraphBuilder,
        pixel_values: Value,
        encoded: &HashMap<&str, Value>,
    ) -> Result<Found> {
        let cells = NUM_CELLS as i64;
        let mut ops = Ops(graph);
        let batch_size = ops.sizes("batch_size", pixel_values, 0, 1);
        let beams = ops.unsqueeze("beams", self.num_beams, 0);
        let one = ops.int("one", 1);
        let steps = ops.op("Sub", "steps", [self.max_length, one]);
        let words = ops.unsqueeze("words", steps, 0);
        let [single, cells] = [("single", 1), ("cells", cells)].map(|(name, size)| ops.0.ints(name, &[size]));
        // Twice the beams, as so many may end; and more, as the best may be suppressed.
        let two = ops.int("two", 2);
        let suppressed = ops.int("suppressed", self.generation.suppress_tokens.len() as i64);
        let k = ops.op("Mul", "twice", [self.num_beams, two]);
        let k = ops.op("Add", "k.wanted", [k, suppressed]);
        let vocab_size = ops.int("vocab_size", self.vocab_size());
        let k = ops.op("Min", "k", [k, vocab_size]);
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
        let sequence = ops.shape("start.sequence", [batch_size, single, words]);
        let attention = ops.shape("start.attention", [batch_size, single, words, cells]);
        let found = ops.shape("found.scores", [batch_size, beams]);
        let found_sequences = ops.shape("found.sequences", [batch_size, beams, words]);
        let found_attentions = ops.shape("found.attentions", [batch_size, beams, words, cells]);
        let mut filled = |name: &str, with, shape| ops.op("Expand", name, [with, shape]);
        let initial = [
            filled("start.input_ids", start, batch_size),
            rows,
            encoded[tensors::INITIAL_H],
            encoded[tensors::INITIAL_C],
            filled("start.sums", nothing, width),
            filled("start.sequences", pad, sequence),
            filled("start.attentions", nothing, attention),
            filled("start.is_done", no, batch_size),
            filled("start.finished_scores", impossible, found),
            filled("start.finished_sequences", pad, found_sequences),
            filled("start.finished_attentions", nothing, found_attentions),
        ];

        let outer = Outer {
            batch_size,
            images,
            num_beams: self.num_beams,
            beams,
            max_length: self.max_length,
            length_penalty: self.length_penalty,
            k,
            ks,
            words,
            grid: encoded[tensors::LAST_HIDDEN_STATE],
            keys: encoded[tensors::ENCODER_KEYS],
        };
        let mut body = graph.body();
        let outer = outer.inside(graph, &mut body);
        self.body(&mut body, &outer)?;
        let body = graph.adopt(body, "step");
        let inputs: Vec<Value> = [steps, yes].into_iter().chain(initial).collect();
        let names = STATE.map(|(name, _)| format!("last.{name}"));
        let outputs = graph.node_with_outputs(
            "Loop",
            "search",
            &inputs,
            [("body", body)],
            names.each_ref().map(String::as_str),
        );
        let [.., scores, sequences, attentions] = outputs;
        Ok(Found { sequences, scores, attentions })
    }

    /// Words of the decoder's vocabulary, by the bias that ends its last product.
    fn vocab_size(&self) -> i64 {
        let bias = self.decoder.graph.initializer.iter().find(|tensor| tensor.name() == "vocab.bias");
        bias.and_then(|bias| bias.dims.first().copied()).unwrap_or(i64::MAX)
    }

    /// One word for every hypothesis.
    fn body(&self, body: &mut GraphBuilder, outer: &Outer) -> Result<()> {
        let mut scalar = |name, data_type, doc| body.input(Signature { name, data_type, axes: &[], doc });
        let step = scalar("step", DataType::Int64, "steps before this one");
        scalar("goes_on", DataType::Bool, "always true");
        let state = STATE.map(|(name, data_type)| body.declared_input(unshaped(name, data_type)));
        let [input_ids, beam_idx, past_h, past_c, sums, sequences, attentions, is_done, ..] = state;
        let [.., finished_scores, finished_sequences, finished_attentions] = state;
        let inputs = [
            (tensors::INPUT_IDS, input_ids),
            (tensors::BEAM_IDX, beam_idx),
            (tensors::PAST_H, past_h),
            (tensors::PAST_C, past_c),
            (tensors::ENCODER_HIDDEN_STATES, outer.grid),
            (tensors::ENCODER_KEYS, outer.keys),
            (tensors::K, outer.k),
        ];
        let decoded = inline(body, self.decoder, "decoder", &inputs)?;
        let mut ops = Ops(body);
        let impossible = ops.float("impossible.step", f32::NEG_INFINITY);
        let log_probs = self.allowed(&mut ops, &decoded, impossible);

        // The best continuations of all beams of an image, [batch_size, kept].
        let rest = ops.0.ints("rest", &[-1]);
        let shape = ops.shape("candidates.shape", [outer.batch_size, rest, outer.ks]);
        let log_probs = ops.op("Reshape", "candidates.log_probs", [log_probs, shape]);
        let so_far = ops.unsqueeze("candidates.so_far", sums, -1);
        let candidates = ops.op("Add", "candidates.sums", [log_probs, so_far]);
        let shape = ops.shape("candidates.flat", [outer.batch_size, rest]);
        let candidates = ops.op("Reshape", "candidates", [candidates, shape]);
        let ids = ops.op("Reshape", "candidates.ids", [decoded[tensors::TOP_TOKEN_IDS], shape]);
        let two = ops.0.ints("two.step", &[2]);
        let kept = ops.op("Mul", "kept.wanted", [outer.beams, two]);
        let there = ops.sizes("kept.there", candidates, 1, 2);
        let kept = ops.op("Min", "kept", [kept, there]);
        let [best, index] = ops.top_k("best", candidates, kept);
        let tokens = ops.axis("GatherElements", "best.tokens", [ids, index], 1);
        let beam = ops.op("Div", "best.beam", [index, outer.k]);
        let width = ops.sizes("width", sums, 1, 2);
        let first_row = ops.op("Mul", "first_row", [outer.images, width]);
        let parent = ops.op("Add", "best.parent", [beam, first_row]);

        // What each of them would be, written down.
        let cells = ops.0.ints("cells.step", &[NUM_CELLS as i64]);
        let flat_words = ops.shape("flat.words", [rest, outer.words]);
        let flat_cells = ops.shape("flat.cells", [rest, outer.words, cells]);
        let [zero, one] = [("zero.step", 0), ("one.step", 1)].map(|(name, number)| ops.int(name, number));
        let length = ops.op("Add", "length", [step, one]);
        let words = ops.op("Squeeze", "words.step", [outer.words]);
        let positions = ops.op("Range", "positions", [zero, words, one]);
        let here = ops.op("Equal", "here", [positions, step]);
        let said = ops.rows("best.said", sequences, parent, flat_words);
        let token = ops.unsqueeze("best.token", tokens, -1);
        let said = ops.op("Where", "best.sequences", [here, token, said]);
        let looked = ops.rows("best.looked", attentions, parent, flat_cells);
        let look = ops.op("Gather", "best.look", [decoded[tensors::ATTENTIONS], parent]);
        let look = ops.unsqueeze("best.look.word", look, 2);
        let here = ops.unsqueeze("here.cells", here, -1);
        let looked = ops.op("Where", "best.attentions", [here, look, looked]);

        // Those of the first num_beams ranks that end join the finished ones.
        let eos = ops.int("eos", i64::from(self.generation.eos_token_id.first()));
        let next_length = ops.op("Add", "length.next", [length, one]);
        let is_last = ops.op("Equal", "is_last", [next_length, outer.max_length]);
        let ends = ops.op("Equal", "is_eos", [tokens, eos]);
        let ends = ops.op("Or", "ends", [ends, is_last]);
        let kept_scalar = ops.op("Squeeze", "kept.scalar", [kept]);
        let ranks = ops.op("Range", "ranks", [zero, kept_scalar, one]);
        let leads = ops.op("Less", "leads", [ranks, outer.num_beams]);
        let finishes = ops.op("And", "finishes.rank", [ends, leads]);
        let searched = ops.op("Not", "is_searched", [is_done]);
        let searched = ops.unsqueeze("is_searched.image", searched, 1);
        let finishes = ops.op("And", "finishes", [finishes, searched]);
        let divisor = self.divisor(&mut ops, length, outer);
        let scores = ops.op("Div", "best.scores", [best, divisor]);
        let scores = ops.op("Where", "finishes.scores", [finishes, scores, impossible]);
        let scores = ops.axis("Concat", "all.scores", [finished_scores, scores], 1);
        let [finished_scores, index] = ops.top_k("finished", scores, outer.beams);
        let index = ops.within("finished.index", index, scores, outer);
        let all = ops.axis("Concat", "all.sequences", [finished_sequences, said], 1);
        let finished_sequences = ops.rows("finished.sequences", all, index, flat_words);
        let all = ops.axis("Concat", "all.attentions", [finished_attentions, looked], 1);
        let finished_attentions = ops.rows("finished.attentions", all, index, flat_cells);

        // The best of the others are the next beams.
        let others = ops.op("Where", "others", [ends, impossible, best]);
        let next_width = ops.op("Min", "next.width", [outer.beams, kept]);
        let [next_sums, index] = ops.top_k("next", others, next_width);
        let next_ids = ops.axis("GatherElements", "next.tokens", [tokens, index], 1);
        let next_ids = ops.op("Reshape", "next.input_ids", [next_ids, rest]);
        let next_rows = ops.axis("GatherElements", "next.parents", [parent, index], 1);
        let next_rows = ops.op("Reshape", "next.beam_idx", [next_rows, rest]);
        let index = ops.within("next.index", index, others, outer);
        let next_sequences = ops.rows("next.sequences", said, index, flat_words);
        let next_attentions = ops.rows("next.attentions", looked, index, flat_cells);

        // An image is done when it is full and its best running sum scores no better than the worst.
        let best = ops.axis("Gather", "running.best", [next_sums, zero], 1);
        let runs = ops.op("Greater", "runs", [best, impossible]);
        let stopped = ops.op("Not", "stopped", [runs]);
        let best = ops.op("Div", "running.score", [best, divisor]);
        let last = ops.op("Sub", "finished.last", [outer.num_beams, one]);
        let worst = ops.axis("Gather", "finished.worst", [finished_scores, last], 1);
        let full = ops.op("Greater", "full", [worst, impossible]);
        let ahead = ops.op("GreaterOrEqual", "ahead", [worst, best]);
        let ahead = ops.op("And", "decided", [full, ahead]);
        let over = ops.op("Or", "over", [stopped, ahead]);
        let is_done = ops.op("Or", "is_done.next", [is_done, over]);
        let done = ops.cast("is_done.number", is_done, DataType::Int32);
        let all_done = ops.0.node("ReduceMin", "all_done.number", [&done], [("keepdims", Attribute::Int(0))]);
        let all_done = ops.cast("all_done", all_done, DataType::Bool);
        let goes_on = ops.op("Not", "goes_on.next", [all_done]);

        let state = [
            next_ids,
            next_rows,
            decoded[tensors::PRESENT_H],
            decoded[tensors::PRESENT_C],
            next_sums,
            next_sequences,
            next_attentions,
            is_done,
            finished_scores,
            finished_sequences,
            finished_attentions,
        ];
        body.declared_output(goes_on, unshaped("goes_on.out", DataType::Bool));
        for (value, (name, data_type)) in state.into_iter().zip(STATE) {
            body.declared_output(value, unshaped(&format!("{name}.out"), data_type));
        }
        Ok(())
    }

    /// The decoder's log-probabilities [rows, k], minus infinity for words that are never generated.
    fn allowed(&self, ops: &mut Ops<'_>, decoded: &HashMap<&str, Value>, impossible: Value) -> Value {
        let log_probs = decoded[tensors::TOP_LOG_PROBS];
        let suppressed: Vec<_> = self.generation.suppress_tokens.iter().copied().map(i64::from).collect();
        if suppressed.is_empty() {
            return log_probs;
        }
        let suppressed = ops.0.ints("suppress_tokens", &suppressed);
        let ids = ops.unsqueeze("ids.word", decoded[tensors::TOP_TOKEN_IDS], -1);
        let equal = ops.op("Equal", "ids.equal", [ids, suppressed]);
        let equal = ops.cast("ids.equal.number", equal, DataType::Float);
        let last = [("axes", Attribute::Ints(vec![-1])), ("keepdims", Attribute::Int(0))];
        let any = ops.0.node("ReduceMax", "ids.any", [&equal], last);
        let any = ops.cast("ids.suppressed", any, DataType::Bool);
        ops.op("Where", "log_probs.allowed", [any, impossible, log_probs])
    }

    /// length^length_penalty, in f64 as the runtime has it, then f32.
    fn divisor(&self, ops: &mut Ops<'_>, length: Value, outer: &Outer) -> Value {
        let length = ops.cast("length.f64", length, DataType::Double);
        let penalty = ops.cast("length_penalty.f64", outer.length_penalty, DataType::Double);
        let power = ops.op("Pow", "divisor.f64", [length, penalty]);
        ops.cast("divisor", power, DataType::Float)
    }
}

impl Ops<'_> {
    /// From indices within each image's row of `items` [batch_size, n] to indices over all of them.
    fn within(&mut self, name: &str, index: Value, items: Value, outer: &Outer) -> Value {
        let width = self.sizes(&format!("{name}.width"), items, 1, 2);
        let first = self.op("Mul", &format!("{name}.first"), [outer.images, width]);
        self.op("Add", name, [index, first])
    }
}

impl Outer {
    /// The same values as the loop's body knows them.
    fn inside(&self, around: &GraphBuilder, body: &mut GraphBuilder) -> Self {
        let mut inside = |value| body.outer(around, value);
        Self {
            batch_size: inside(self.batch_size),
            images: inside(self.images),
            num_beams: inside(self.num_beams),
            beams: inside(self.beams),
            max_length: inside(self.max_length),
            length_penalty: inside(self.length_penalty),
            k: inside(self.k),
            ks: inside(self.ks),
            words: inside(self.words),
            grid: inside(self.grid),
            keys: inside(self.keys),
        }
    }
}
