// The word where greedy search and beams part, their cumulative curves, and the length penalties at which the winner changes.

const cumulative = (caption) => {
  let sum = 0;
  return [0, ...caption.token_logprobs.map((one) => (sum += one))];
};

// Scores are sum / length^p. Two of them are equal where p = ln(sum of a / sum of b) / ln(length of a / length of b).
function crossing(a, b) {
  if (a.length === b.length || a.sum >= 0 || b.sum >= 0) return null;
  return Math.log(a.sum / b.sum) / Math.log(a.length / b.length);
}

const scoreAt = (one, penalty) => one.sum / one.length ** penalty;

// All finished hypotheses of a search with their text, length and sum.
function finished(result) {
  const { nodes, rows } = result.trace;
  return nodes.filter((node) => node.fate === "finished").map((end) => {
    const tokens = [];
    for (let node = end; node; node = nodes[rows[node.row].node]) tokens.unshift(node);
    const words = tokens.filter((node) => !node.token.startsWith("<"));
    return { text: words.map((node) => node.token).join(" ").replace(/ ([.,!?])/g, "$1"), length: tokens.length, sum: end.sum_logprobs };
  });
}

// The nearest length penalties below and above at which another of the hypotheses wins.
function changes(hypotheses, penalty) {
  const winner = hypotheses.reduce((best, one) => (scoreAt(one, penalty) > scoreAt(best, penalty) ? one : best));
  const found = { winner, below: null, above: null };
  for (const other of hypotheses) {
    const at = other === winner ? null : crossing(winner, other);
    if (at === null || !Number.isFinite(at)) continue;
    if (at <= penalty && (!found.below || at > found.below.at)) found.below = { at, other };
    if (at > penalty && (!found.above || at < found.above.at)) found.above = { at, other };
  }
  return found;
}

function showParting() {
  const [greedy, beams] = state.answer.results;
  const [a, b] = [greedy.captions[0], beams.captions[0]];
  const [pathA, pathB] = [path(greedy, a.token_ids), path(beams, b.token_ids)];
  let at = 0;
  while (at < pathA.length && at < pathB.length && a.token_ids[at] === b.token_ids[at]) at++;
  const word = (result, nodes) => (nodes[at] === undefined ? null : result.trace.nodes[nodes[at]]);
  const [wordA, wordB] = [word(greedy, pathA), word(beams, pathB)];
  if (!wordA && !wordB) {
    $("parting").textContent = `Greedy search and ${beams.num_beams} beams say the same.`;
  } else {
    const one = (node) => (node ? `“${node.token}” (${percent(node.token_logprob)})` : "nothing more");
    $("parting").textContent = `They part at word ${at + 1}: greedy search takes ${one(wordA)}, the beams take ${one(wordB)}. `
      + `Whole captions: ${sumOf(a).toFixed(2)} against ${sumOf(b).toFixed(2)}.`;
  }
  drawCurves(cumulative(a), cumulative(b), at);

  const penalty = settings().length_penalty;
  const { winner, below, above } = changes(finished(beams), penalty);
  const change = (found) => (found ? `${found.at.toFixed(2)} (“${found.other.text}”)` : null);
  const parts = [`At length penalty ${penalty}, “${winner.text}” wins among the captions that the beams finished.`];
  if (below) parts.push(`Below ${change(below)} takes its place.`);
  if (above) parts.push(`Above ${change(above)} takes its place.`);
  if (!below && !above) parts.push("It wins at any length penalty.");
  $("winner").textContent = parts.join(" ");
}

function drawCurves(a, b, parting) {
  const [left, top, stepWidth, height] = [44, 14, 44, 180];
  const steps = Math.max(a.length, b.length);
  const lowest = Math.min(...a, ...b, -1);
  const x = (step) => left + step * stepWidth;
  const y = (value) => top + (height * value) / lowest;
  const svg = draw(document.createElement("div"), "svg", {
    width: x(steps) + 80, height: height + 50, role: "img",
    "aria-label": `Cumulative log-probability: greedy ends at ${a.at(-1).toFixed(2)}, beams at ${b.at(-1).toFixed(2)}`,
  });
  for (let step = 0; step < steps; step++) {
    draw(svg, "text", { x: x(step), y: height + top + 18, "text-anchor": "middle" }, String(step));
  }
  for (let value = 0; value >= lowest; value -= Math.max(1, Math.ceil(-lowest / 6))) {
    draw(svg, "line", { class: "axis", x1: left, x2: x(steps - 1), y1: y(value), y2: y(value) });
    draw(svg, "text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, String(value));
  }
  if (parting < steps - 1) {
    draw(svg, "line", { class: "axis", x1: x(parting), x2: x(parting), y1: top, y2: top + height, "stroke-dasharray": "4 4" });
  }
  for (const [values, name, kind] of [[a, "greedy", "a"], [b, "beams", "b"]]) {
    draw(svg, "polyline", { class: kind, points: values.map((value, step) => `${x(step)},${y(value)}`).join(" ") });
    values.forEach((value, step) => draw(svg, "circle", { class: kind, cx: x(step), cy: y(value), r: 2.5 }));
    const end = values.length - 1;
    const shift = (a.at(-1) > b.at(-1)) === (kind === "a") ? -18 : -5;
    draw(svg, "text", { x: x(end) + 6, y: y(values[end]) + shift }, `${name} ${values[end].toFixed(2)}`);
  }
  $("curves").replaceChildren(svg);
}
