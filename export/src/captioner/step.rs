//! The parts of one step of the search, behind the decoder.

use super::ops::Ops;
use crate::graph::{GraphBuilder, Value};

/// Values of the graph around the loop that its body reads.
pub(super) struct Outer {
    pub batch_size: Value,
    /// [batch_size, 1]: 0, 1, 2...
    pub images: Value,
    pub num_beams: Value,
    /// [1]
    pub beams: Value,
    pub max_length: Value,
    pub length_penalty: Value,
    /// Candidates of a row, i64 scalar and [1].
    pub k: Value,
    pub ks: Value,
    /// [1]: tokens of a sequence.
    pub tokens: Value,
    /// What the decoder reads of each image.
    pub images_of_decoder: Vec<Value>,
}

impl Outer {
    /// The same values, for use in the loop's body.
    pub fn inside(self, around: &GraphBuilder, body: &mut GraphBuilder) -> Self {
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
            tokens: inside(self.tokens),
            images_of_decoder: self.images_of_decoder.into_iter().map(inside).collect(),
        }
    }
}

/// The best continuations of all beams of an image, best first.
pub(super) struct Candidates {
    /// Sums of log-probabilities, f32 [batch_size, kept].
    pub sums: Value,
    /// i64 [batch_size, kept]
    pub tokens: Value,
    /// The row that each continues, i64 [batch_size, kept].
    pub parents: Value,
    /// How many there are of an image, [1].
    pub kept: Value,
}

/// Tokens and attentions of some hypotheses of each image.
pub(super) struct Hypotheses {
    /// i64 [batch_size, n, tokens]
    pub sequences: Value,
    /// f32 [batch_size, n, tokens, cells]
    pub attentions: Value,
}

/// Constants of a step.
pub(super) struct StepNumbers {
    pub zero: Value,
    pub one: Value,
    pub impossible: Value,
    /// [1]: -1, all that is left of a shape.
    pub rest: Value,
    /// bool [tokens]: true at the position of this step's token.
    pub here: Value,
    /// Tokens after this step.
    pub length: Value,
    /// [-1, tokens] and [-1, tokens, cells]
    pub flat_tokens: Value,
    pub flat_cells: Value,
}

impl StepNumbers {
    pub fn new(ops: &mut Ops<'_>, step: Value, cells: usize, outer: &Outer) -> Self {
        let rest = ops.0.ints("rest", &[-1]);
        let cells = ops.0.ints("cells.step", &[cells as i64]);
        let flat_tokens = ops.shape("flat.tokens", [rest, outer.tokens]);
        let flat_cells = ops.shape("flat.cells", [rest, outer.tokens, cells]);
        let [zero, one] = [("zero.step", 0), ("one.step", 1)].map(|(name, number)| ops.int(name, number));
        let length = ops.op("Add", "length", [step, one]);
        let tokens = ops.op("Squeeze", "tokens.step", [outer.tokens]);
        let positions = ops.op("Range", "positions", [zero, tokens, one]);
        let here = ops.op("Equal", "here", [positions, step]);
        let impossible = ops.float("impossible.step", f32::NEG_INFINITY);
        Self { zero, one, impossible, rest, here, length, flat_tokens, flat_cells }
    }
}

/// Ranks the continuations of all beams of an image; `log_probs` and `ids` are [rows, k].
pub(super) fn rank(
    ops: &mut Ops<'_>,
    log_probs: Value,
    ids: Value,
    sums: Value,
    outer: &Outer,
) -> Candidates {
    let rest = ops.0.ints("candidates.rest", &[-1]);
    let shape = ops.shape("candidates.shape", [outer.batch_size, rest, outer.ks]);
    let log_probs = ops.op("Reshape", "candidates.log_probs", [log_probs, shape]);
    let so_far = ops.unsqueeze("candidates.so_far", sums, -1);
    let candidates = ops.op("Add", "candidates.sums", [log_probs, so_far]);
    let shape = ops.shape("candidates.flat", [outer.batch_size, rest]);
    let candidates = ops.op("Reshape", "candidates", [candidates, shape]);
    let ids = ops.op("Reshape", "candidates.ids", [ids, shape]);
    let two = ops.0.ints("two.step", &[2]);
    let kept = ops.op("Mul", "kept.wanted", [outer.beams, two]);
    let there = ops.sizes("kept.there", candidates, 1, 2);
    let kept = ops.op("Min", "kept", [kept, there]);
    let [sums_of_best, index] = ops.top_k("best", candidates, kept);
    let tokens = ops.axis("GatherElements", "best.tokens", [ids, index], 1);
    let beam = ops.op("Div", "best.beam", [index, outer.k]);
    let width = ops.sizes("width", sums, 1, 2);
    let first_row = ops.op("Mul", "first_row", [outer.images, width]);
    let parents = ops.op("Add", "best.parent", [beam, first_row]);
    Candidates { sums: sums_of_best, tokens, parents, kept }
}

/// What each candidate would be, with its token and attention (f32 [rows, cells]) written down.
pub(super) fn extend(
    ops: &mut Ops<'_>,
    running: &Hypotheses,
    best: &Candidates,
    attention: Value,
    numbers: &StepNumbers,
) -> Hypotheses {
    let sequences = ops.rows("best.before", running.sequences, best.parents, numbers.flat_tokens);
    let token = ops.unsqueeze("best.token", best.tokens, -1);
    let sequences = ops.op("Where", "best.sequences", [numbers.here, token, sequences]);
    let attentions = ops.rows("best.attentions.before", running.attentions, best.parents, numbers.flat_cells);
    let attention = ops.op("Gather", "best.attention", [attention, best.parents]);
    let attention = ops.unsqueeze("best.attention.token", attention, 2);
    let here = ops.unsqueeze("here.cells", numbers.here, -1);
    let attentions = ops.op("Where", "best.attentions", [here, attention, attentions]);
    Hypotheses { sequences, attentions }
}

/// What decides which candidates finish, and with which score.
pub(super) struct Finishing {
    /// bool [batch_size, kept]
    pub ends: Value,
    /// bool [batch_size]
    pub is_done: Value,
    /// What the sum is divided by.
    pub divisor: Value,
}

/// The num_beams best of the finished hypotheses and of those of the first num_beams ranks that end now.
pub(super) fn finish(
    ops: &mut Ops<'_>,
    (scores_before, before): (Value, Hypotheses),
    finishing: &Finishing,
    best: &Candidates,
    extended: &Hypotheses,
    numbers: &StepNumbers,
    outer: &Outer,
) -> (Value, Hypotheses) {
    let kept = ops.op("Squeeze", "kept.scalar", [best.kept]);
    let ranks = ops.op("Range", "ranks", [numbers.zero, kept, numbers.one]);
    let leads = ops.op("Less", "leads", [ranks, outer.num_beams]);
    let finishes = ops.op("And", "finishes.rank", [finishing.ends, leads]);
    let searched = ops.op("Not", "is_searched", [finishing.is_done]);
    let searched = ops.unsqueeze("is_searched.image", searched, 1);
    let finishes = ops.op("And", "finishes", [finishes, searched]);
    let scores = ops.op("Div", "best.scores", [best.sums, finishing.divisor]);
    let scores = ops.op("Where", "finishes.scores", [finishes, scores, numbers.impossible]);
    let scores = ops.axis("Concat", "all.scores", [scores_before, scores], 1);
    let [finished_scores, index] = ops.top_k("finished", scores, outer.beams);
    let index = ops.within("finished.index", index, scores, outer);
    let all = ops.axis("Concat", "all.sequences", [before.sequences, extended.sequences], 1);
    let sequences = ops.rows("finished.sequences", all, index, numbers.flat_tokens);
    let all = ops.axis("Concat", "all.attentions", [before.attentions, extended.attentions], 1);
    let attentions = ops.rows("finished.attentions", all, index, numbers.flat_cells);
    (finished_scores, Hypotheses { sequences, attentions })
}

/// The beams of the next step.
pub(super) struct Next {
    /// i64 [batch_size x width]
    pub input_ids: Value,
    /// i64 [batch_size x width]
    pub beam_idx: Value,
    /// f32 [batch_size, width]
    pub sums: Value,
    pub hypotheses: Hypotheses,
}

/// The best candidates that do not end.
pub(super) fn go_on(
    ops: &mut Ops<'_>,
    ends: Value,
    best: &Candidates,
    extended: &Hypotheses,
    numbers: &StepNumbers,
    outer: &Outer,
) -> Next {
    let others = ops.op("Where", "others", [ends, numbers.impossible, best.sums]);
    let width = ops.op("Min", "next.width", [outer.beams, best.kept]);
    let [sums, index] = ops.top_k("next", others, width);
    let input_ids = ops.axis("GatherElements", "next.tokens", [best.tokens, index], 1);
    let input_ids = ops.op("Reshape", "next.input_ids", [input_ids, numbers.rest]);
    let beam_idx = ops.axis("GatherElements", "next.parents", [best.parents, index], 1);
    let beam_idx = ops.op("Reshape", "next.beam_idx", [beam_idx, numbers.rest]);
    let index = ops.within("next.index", index, others, outer);
    let sequences = ops.rows("next.sequences", extended.sequences, index, numbers.flat_tokens);
    let attentions = ops.rows("next.attentions", extended.attentions, index, numbers.flat_cells);
    Next { input_ids, beam_idx, sums, hypotheses: Hypotheses { sequences, attentions } }
}

/// Which images are done, bool [batch_size]: no beam is left, or num_beams hypotheses have finished and the best
/// running sum scores no better than the worst of them.
pub(super) fn is_decided(
    ops: &mut Ops<'_>,
    is_done: Value,
    sums: Value,
    (finished_scores, divisor): (Value, Value),
    numbers: &StepNumbers,
    outer: &Outer,
) -> Value {
    let best = ops.axis("Gather", "running.best", [sums, numbers.zero], 1);
    let runs = ops.op("Greater", "runs", [best, numbers.impossible]);
    let stopped = ops.op("Not", "stopped", [runs]);
    let best = ops.op("Div", "running.score", [best, divisor]);
    let last = ops.op("Sub", "finished.last", [outer.num_beams, numbers.one]);
    let worst = ops.axis("Gather", "finished.worst", [finished_scores, last], 1);
    let full = ops.op("Greater", "full", [worst, numbers.impossible]);
    let ahead = ops.op("GreaterOrEqual", "ahead", [worst, best]);
    let ahead = ops.op("And", "decided", [full, ahead]);
    let over = ops.op("Or", "over", [stopped, ahead]);
    ops.op("Or", "is_done.next", [is_done, over])
}

impl Ops<'_> {
    /// From indices within each image's row of `items` [batch_size, n] to indices over all of them.
    fn within(&mut self, name: &str, index: Value, items: Value, outer: &Outer) -> Value {
        let width = self.sizes(&format!("{name}.width"), items, 1, 2);
        let first = self.op("Mul", &format!("{name}.first"), [outer.images, width]);
        self.op("Add", name, [index, first])
    }
}
