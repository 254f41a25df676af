// The search finds the ids, log-probabilities and scores of `generate` in transformers, for the same toy decoders.
// node search.mjs CASES

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { search } from "../../page/search.js";

const [file] = process.argv.slice(2);
const { vocab_size: vocabSize, logits_times_32: tables, cases } = JSON.parse(readFileSync(file));
const [PAD, BOS, UNK] = [0, 1, 3];

// Log-probabilities of the next token, given the last two tokens.
function logProbs(table, before, last) {
  const at = (before * vocabSize + last) * vocabSize;
  const logits = tables[table].slice(at, at + vocabSize).map((logit) => logit / 32);
  const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return logits.map((logit) => Math.fround(logit - logSum));
}

// The state is each row's token before the last.
function toy(table) {
  let past = [];
  return {
    vocabSize,
    async step({ inputIds, beamIdx, k }) {
      const before = beamIdx.map((row) => past[row] ?? PAD);
      past = inputIds;
      const [found, tokenIds] = [[], []];
      inputIds.forEach((last, row) => {
        const all = logProbs(table, before[row], last);
        const best = all.map((_, id) => id).sort((a, b) => all[b] - all[a] || a - b).slice(0, k);
        tokenIds.push(...best);
        found.push(...best.map((id) => all[id]));
      });
      return { logProbs: found, tokenIds, attentions: new Float32Array() };
    },
  };
}

assert.ok(cases.length > 100);
for (const { table, options, captions } of cases) {
  const about = JSON.stringify(options);
  const { captions: found, trace } = await search(toy(table), { suppress_tokens: [PAD, BOS, UNK], ...options }, 3);
  assert.deepEqual(found.map((one) => one.token_ids), captions.map((one) => one.token_ids), about);
  found.forEach((one, place) => {
    const expected = captions[place].score ?? one.score;
    assert.ok(Math.abs(one.score - expected) <= 1e-5, `${one.score} is not ${expected}: ${about}`);
    const ids = [PAD, BOS, ...one.token_ids];
    one.token_logprobs.forEach((logProb, at) => {
      assert.ok(Math.abs(logProb - logProbs(table, ids[at], ids[at + 1])[ids[at + 2]]) <= 1e-5, about);
    });
  });
  // The trace has each caption that was found, as a path from its end to the start.
  const paths = trace.nodes.filter((node) => node.fate !== "pruned").map((end) => {
    const ids = [];
    for (let node = end; node; node = trace.nodes[trace.rows[node.row].node]) ids.unshift(node.token_id);
    return ids.join(" ");
  });
  for (const one of found) assert.ok(paths.includes(one.token_ids.join(" ")), about);
  assert.ok(trace.rows.every((row) => row.alternatives.length === 3), about);
}
console.log(`${cases.length} cases`);
