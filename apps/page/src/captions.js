// Captions side by side, their words, and where the decoder looked.

// The nodes of a caption in its trace, first token first.
function path(result, tokenIds) {
  const nodes = [];
  let last = null;
  for (const id of tokenIds) {
    const place = result.trace.nodes.findIndex((node) => node.token_id === id && result.trace.rows[node.row].node === last);
    if (place < 0) break;
    nodes.push(place);
    last = place;
  }
  return nodes;
}

const nameOf = (result) => (result.num_beams === 1 ? "Greedy" : `${result.num_beams} beams`);
const percent = (logprob) => `${(100 * Math.exp(logprob)).toFixed(1)} %`;
const lengthOf = (caption) => caption.token_ids.length;
const sumOf = (caption) => caption.token_logprobs.reduce((sum, one) => sum + one, 0);

// The part of the photo that the network sees, which the attention's grid covers.
function seenPart(bitmap) {
  const config = state.info?.preprocessor;
  const share = (side) => (config?.do_center_crop && config.do_resize ? config.crop_size[side] / config.size[side] : 1);
  const [width, height] = [bitmap.width * share("width"), bitmap.height * share("height")];
  return [(bitmap.width - width) / 2, (bitmap.height - height) / 2, width, height];
}

// Draws the photo, and a map of attention over it.
function drawPhoto(canvas, attention, width = 384) {
  const bitmap = state.bitmap;
  const ratio = bitmap ? bitmap.height / bitmap.width : 1;
  canvas.width = width;
  canvas.height = Math.round(width * Math.min(ratio, 1.6));
  const context = canvas.getContext("2d");
  if (bitmap) context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (!attention) return;
  const side = Math.round(Math.sqrt(attention.length));
  const most = Math.max(...attention);
  const grid = new OffscreenCanvas(side, side);
  const cells = new ImageData(side, side);
  attention.forEach((weight, cell) => {
    // What was not looked at becomes dark.
    cells.data.set([8, 8, 24, Math.round(205 * (1 - weight / most))], 4 * cell);
  });
  grid.getContext("2d").putImageData(cells, 0, 0);
  const scale = [canvas.width / (bitmap?.width ?? 1), canvas.height / (bitmap?.height ?? 1)];
  const [x, y, w, h] = seenPart(bitmap ?? { width: 1, height: 1 });
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(grid, x * scale[0], y * scale[1], w * scale[0], h * scale[1]);
}

function showWord(result, place, button) {
  const { trace } = result;
  const node = trace.nodes[place];
  const row = trace.rows[node.row];
  document.querySelectorAll(".word.on").forEach((word) => word.classList.remove("on"));
  button.classList.add("on");
  drawPhoto($("canvas"), row.attention);
  $("canvas").setAttribute("aria-label", `The photo, with what the decoder looked at for "${node.token}"`);
  $("looked").textContent = `Where the decoder looked for “${node.token}” (${nameOf(result)})`;
  const box = $("alternatives");
  box.replaceChildren();
  add(box, "h3", `“${node.token}”: ${percent(node.token_logprob)}, and what else it could have been`);
  const bars = add(box, "ul", null, { class: "bars" });
  const others = row.alternatives.filter((one) => one.token_id !== node.token_id).slice(0, 5);
  const all = [{ token: node.token, token_logprob: node.token_logprob, taken: true }, ...others];
  all.sort((a, b) => b.token_logprob - a.token_logprob);
  const best = Math.exp(all[0].token_logprob);
  for (const one of all) {
    const item = add(bars, "li", null, one.taken ? { class: "taken" } : {});
    add(item, "span", one.token);
    add(add(item, "span"), "i").style.width = `${(100 * Math.exp(one.token_logprob)) / best}%`;
    add(item, "span", percent(one.token_logprob), { class: "number" });
  }
}

function showCaptions() {
  const box = $("captions");
  box.replaceChildren();
  let first = null;
  for (const result of state.answer.results) {
    const best = result.captions[0];
    const card = add(box, "article", null, { class: "card" });
    add(card, "h3", nameOf(result));
    const words = add(card, "p", null, { class: "words" });
    for (const place of path(result, best.token_ids)) {
      const node = result.trace.nodes[place];
      const isEnd = node.token.startsWith("<");
      const word = add(words, "span", node.token, {
        class: isEnd ? "word end" : "word", tabindex: "0", role: "button",
        "aria-label": `${node.token}, probability ${percent(node.token_logprob)}`,
      });
      word.style.backgroundColor = `rgba(var(--shade), ${(0.06 + 0.5 * Math.exp(node.token_logprob)).toFixed(3)})`;
      const show = () => showWord(result, place, word);
      for (const event of ["mouseenter", "focus", "click"]) word.addEventListener(event, show);
      first ??= show;
      words.append(" ");
    }
    const { encoder, search } = result.milliseconds;
    const numbers = `score ${best.score.toFixed(3)} · log-probability ${sumOf(best).toFixed(3)} · ${lengthOf(best)} tokens`;
    add(card, "p", numbers, { class: "quiet" });
    add(card, "p", `${search.toFixed(1)} ms search + ${encoder.toFixed(1)} ms encoder`, { class: "quiet" });
  }
  drawPhoto($("canvas"), null);
  first?.();
}

function showLines() {
  const { num_beams, length_penalty, no_repeat_ngram_size } = settings();
  const query = `num_beams=1,${num_beams}&length_penalty=${length_penalty}&no_repeat_ngram_size=${no_repeat_ngram_size}`;
  const name = state.example ?? state.file.name ?? "photo.jpg";
  const quoted = `'${name.replaceAll("'", "'\\''")}'`;
  const flags = `--num-beams ${num_beams} --length-penalty ${length_penalty} --no-repeat-ngram-size ${no_repeat_ngram_size}`;
  const url = new URL(`v1/captions?${query}`, engine.base);
  const lines = {
    curl: `curl --data-binary @${quoted} '${url}'`,
    program: `glimpse caption --json ${flags} ${quoted}`,
    Python: `glimpse.Captioner.from_pretrained()(${JSON.stringify(name)}, num_beams=${num_beams}, `
      + `length_penalty=${length_penalty}, no_repeat_ngram_size=${no_repeat_ngram_size})`,
  };
  $("lines").replaceChildren();
  for (const [name, text] of Object.entries(lines)) {
    const line = add($("lines"), "div", null, { class: "line" });
    add(line, "strong", name);
    add(line, "pre", text);
    add(line, "button", "Copy", { type: "button", "aria-label": `Copy the ${name} line` })
      .addEventListener("click", () => copy(text));
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say(text);
  }
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// The photo as it is shown, with the captions below it.
async function savePng() {
  const shown = $("canvas");
  const sheet = document.createElement("canvas");
  const lines = state.answer.results.map((result) => `${nameOf(result)}: ${result.captions[0].generated_text}`);
  [sheet.width, sheet.height] = [2 * shown.width, 2 * shown.height + 44 * lines.length + 24];
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(shown, 0, 0, 2 * shown.width, 2 * shown.height);
  context.fillStyle = "black";
  context.font = "26px system-ui, sans-serif";
  lines.forEach((line, row) => context.fillText(line, 16, 2 * shown.height + 44 * (row + 1), sheet.width - 32));
  save("glimpse.png", await new Promise((done) => sheet.toBlob(done, "image/png")));
}
