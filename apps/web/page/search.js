// Greedy search and beam search over a decoder, with a record of all that was ranked.
// The rules are those of the Rust crate `generation`; its test cases of transformers hold for both.

// Sums and scores have 32 bits, as there.
const f32 = Math.fround;

// Hugging Face's.
const DEFAULTS = {
  max_length: 20, max_new_tokens: null, min_length: 0, num_beams: 1, num_return_sequences: 1, length_penalty: 1, early_stopping: false,
  no_repeat_ngram_size: 0, repetition_penalty: 1, suppress_tokens: [], eos_token_id: 2, decoder_start_token_id: 1,
};

function score(options, sum, length) {
  return f32(sum / f32(Math.max(length, 1) ** f32(options.length_penalty)));
}

// The token ids of a hypothesis, first token first.
function idsOf(last) {
  const ids = [];
  for (let token = last; token; token = token.parent) ids.unshift(token.id);
  return ids;
}

// What changes a row's log-probabilities before its tokens are ranked. `sequence` has the start token.
function processorsOf(options, sequence) {
  const n = options.no_repeat_ngram_size;
  const repeating = [];
  if (n > 0) {
    const prefix = sequence.slice(Math.max(sequence.length + 1 - n, 0));
    for (let at = 0; at + n <= sequence.length; at++) {
      if (prefix.every((id, place) => sequence[at + place] === id)) repeating.push(sequence[at + n - 1]);
    }
  }
  const isEarly = sequence.length < options.min_length;
  const blocked = new Set([...options.suppress_tokens, ...(isEarly ? options.eos_token_id : []), ...repeating]);
  const penalised = options.repetition_penalty === 1 ? [] : sequence;
  return {
    affected: blocked.size + penalised.length,
    // The log-probability by which a token is ranked; null if it is blocked.
    process(id, logProb) {
      if (logProb === -Infinity || blocked.has(id)) return null;
      return penalised.includes(id) ? f32(logProb * f32(options.repetition_penalty)) : logProb;
    },
  };
}

// One photo's search. A subclass says how many continuations are ranked, and what becomes of them.
class Search {
  constructor(options) {
    this.options = options;
    this.running = [{ last: null, sum: 0, id: options.decoder_start_token_id, row: 0 }];
    this.next = [];
    this.finished = [];
    this.trace = { rows: [], nodes: [] };
  }

  // Ranks the best continuations of all rows; of equal ones the lower row is first, then the lower id.
  rank(step) {
    const { top, k, processors, firstRow } = step;
    const limit = this.options.repetition_penalty === 1 ? this.kept : k;
    const candidates = [];
    this.running.forEach((beam, row) => {
      for (let place = row * k, found = 0; place < (row + 1) * k && found < limit; place++) {
        const [id, logProb] = [Number(top.tokenIds[place]), top.logProbs[place]];
        const processed = processors[row].process(id, logProb);
        if (processed === null) continue;
        found++;
        candidates.push({ row, id, logProb, sum: f32(beam.sum + processed) });
      }
    });
    candidates.sort((a, b) => b.sum - a.sum || a.row - b.row || a.id - b.id);
    candidates.length = Math.min(candidates.length, this.kept);
    for (const candidate of candidates) {
      candidate.node = this.trace.nodes.length;
      this.trace.nodes.push({
        row: firstRow + candidate.row, token_id: candidate.id, token_logprob: candidate.logProb, sum_logprobs: candidate.sum,
        score: score(this.options, candidate.sum, step.length), fate: "pruned",
      });
    }
    return candidates;
  }

  extend({ row, id, logProb, node }, step) {
    return { parent: this.running[row].last, id, logProb, node, row: step.firstRow + row };
  }

  goOn(candidate, step) {
    this.trace.nodes[candidate.node].fate = "kept";
    this.next.push({ last: this.extend(candidate, step), sum: candidate.sum, id: candidate.id, row: candidate.row });
  }

  end(candidate, step) {
    this.trace.nodes[candidate.node].fate = "finished";
    this.finish(this.extend(candidate, step), score(this.options, candidate.sum, step.length));
  }

  // Best first; of equal ones the earlier one is first.
  finish(last, value) {
    const place = this.finished.findIndex((other) => other.score < value);
    this.finished.splice(place < 0 ? this.finished.length : place, 0, { last, score: value });
    this.finished.length = Math.min(this.finished.length, this.options.num_beams);
  }

  // Every token is blocked: the hypotheses end as they are.
  giveUp(step) {
    if (this.finished.length > 0) return;
    for (const beam of this.running) this.finish(beam.last, score(this.options, beam.sum, step.length - 1));
  }

  isEnd(id, step) {
    return this.options.eos_token_id.includes(id) || step.isLast;
  }
}

class Greedy extends Search {
  kept = 1;

  advance(step) {
    const [best] = this.rank(step);
    if (!best) this.giveUp(step);
    else if (this.isEnd(best.id, step)) this.end(best, step);
    else this.goOn(best, step);
  }
}

class Beams extends Search {
  // Each beam may end with each of the end tokens; even then enough continuations are left.
  kept = (1 + this.options.eos_token_id.length) * this.options.num_beams;

  advance(step) {
    const size = this.options.num_beams;
    const candidates = this.rank(step);
    if (candidates.length === 0) return this.giveUp(step);
    candidates.forEach((candidate, place) => {
      if (this.isEnd(candidate.id, step)) {
        // Ends of lower rank are dropped: without the end token they would not become beams either.
        if (place < size) this.end(candidate, step);
      } else if (this.next.length < size) {
        this.goOn(candidate, step);
      }
    });
    if (this.next.length > 0 && this.cannotImprove(this.next[0].sum, step)) this.next = [];
  }

  // Whether there are enough finished hypotheses and no beam can replace one of them.
  cannotImprove(sum, step) {
    const { num_beams, early_stopping, length_penalty } = this.options;
    if (this.finished.length < num_beams) return false;
    if (early_stopping === true) return true;
    // Sums are negative: a larger length gives a higher score.
    const length = early_stopping === "never" && length_penalty > 0 ? step.maxLength - 1 : step.length;
    return this.finished.at(-1).score >= score(this.options, sum, length);
  }
}

function hypothesis({ last, score: value }, attentions) {
  const tokens = [];
  for (let token = last; token; token = token.parent) tokens.unshift(token);
  const found = { score: value, token_ids: tokens.map((token) => token.id), token_logprobs: tokens.map((token) => token.logProb) };
  return attentions.length > 0 ? { ...found, attentions: tokens.map((token) => attentions[token.row]) } : found;
}

/**
 * Searches for the captions of one photo.
 *
 * `model` has `vocabSize` and `step({ inputIds, beamIdx, k })`, which resolves to `logProbs` and `tokenIds`, [rows * k] best first, and
 * `attentions`, [rows * cells] or empty. `given` has options in Hugging Face's keys. Each row of the trace has `alternatives` of the model's
 * best tokens.
 */
export async function search(model, given, alternatives = 0) {
  const options = { ...DEFAULTS, ...given };
  options.eos_token_id = [options.eos_token_id].flat();
  const maxLength = options.max_new_tokens ? options.max_new_tokens + 1 : options.max_length;
  const state = options.num_beams === 1 ? new Greedy(options) : new Beams(options);
  const { trace } = state;
  const attentions = [];
  for (let length = 1; length < maxLength && state.running.length > 0; length++) {
    const { running } = state;
    const processors = running.map((beam) => processorsOf(options, [options.decoder_start_token_id, ...idsOf(beam.last)]));
    const affected = Math.max(...processors.map((processor) => processor.affected));
    const needed = options.repetition_penalty < 1 ? model.vocabSize : state.kept + affected;
    const k = Math.min(Math.max(needed, alternatives), model.vocabSize);
    const top = await model.step({ inputIds: running.map((beam) => beam.id), beamIdx: running.map((beam) => beam.row), k });
    const firstRow = trace.rows.length;
    const cells = top.attentions.length / running.length;
    running.forEach((beam, row) => {
      const best = Array.from({ length: Math.min(alternatives, k) }, (_, place) => {
        return { token_id: Number(top.tokenIds[row * k + place]), token_logprob: top.logProbs[row * k + place] };
      });
      trace.rows.push({ node: beam.last ? beam.last.node : null, alternatives: best });
      if (cells > 0) attentions.push(Array.from(top.attentions.subarray(row * cells, (row + 1) * cells)));
    });
    state.advance({ top, k, processors, firstRow, length, maxLength, isLast: length + 1 === maxLength });
    state.running = state.next;
    state.next = [];
  }
  trace.rows.forEach((row, place) => { if (attentions[place]) row.attention = attentions[place]; });
  const captions = state.finished.slice(0, options.num_return_sequences).map((end) => hypothesis(end, attentions));
  return { captions, trace };
}
