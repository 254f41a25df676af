// The beam tree: a column for each step, a box for each continuation that was ranked.

const BOX = { width: 84, height: 22, column: 112, row: 28 };

function showTree() {
  const result = state.answer.results.at(-1);
  const { nodes, rows } = result.trace;
  const parent = (node) => rows[node.row].node;
  const depth = [];
  const columns = [];
  nodes.forEach((node, place) => {
    depth[place] = parent(node) === null ? 0 : depth[parent(node)] + 1;
    (columns[depth[place]] ??= []).push(place);
  });
  const best = new Set(path(result, result.captions[0].token_ids));
  const where = [];
  columns.forEach((column, step) => column.forEach((place, row) => {
    where[place] = [8 + step * BOX.column, 8 + row * BOX.row];
  }));
  const tallest = Math.max(...columns.map((column) => column.length));
  const svg = draw(document.createElement("div"), "svg", {
    width: columns.length * BOX.column + 8, height: tallest * BOX.row + 12, role: "group",
    "aria-label": `Beam tree of ${nodes.length} nodes in ${columns.length} steps`,
  });
  nodes.forEach((node, place) => {
    if (parent(node) === null) return;
    const [[x1, y1], [x2, y2]] = [where[parent(node)], where[place]];
    const [from, to, middle] = [x1 + BOX.width, x2, (x1 + BOX.width + x2) / 2];
    const [a, b] = [y1 + BOX.height / 2, y2 + BOX.height / 2];
    const kind = node.fate === "pruned" ? "edge" : "edge kept";
    draw(svg, "path", { class: best.has(place) ? "edge best" : kind, d: `M${from} ${a}C${middle} ${a} ${middle} ${b} ${to} ${b}` });
  });
  const boxes = nodes.map((node, place) => {
    const [x, y] = where[place];
    const text = node.token.length > 11 ? `${node.token.slice(0, 10)}…` : node.token;
    const group = draw(svg, "g", {
      class: `node ${node.fate}`, tabindex: "-1", role: "button", transform: `translate(${x} ${y})`,
      "aria-label": `Step ${depth[place] + 1}, ${node.token}, ${node.fate}, score ${node.score.toFixed(2)}`,
    });
    const box = { class: best.has(place) ? "box best" : "box", width: BOX.width, height: BOX.height, rx: 5 };
    draw(group, "rect", box);
    draw(group, "text", { x: BOX.width / 2, y: BOX.height / 2 + 4, "text-anchor": "middle" }, text);
    const show = () => showNode(result, place, boxes, depth[place]);
    for (const event of ["mouseenter", "focus", "click"]) group.addEventListener(event, show);
    return group;
  });
  svg.addEventListener("keydown", (event) => {
    const here = boxes.indexOf(event.target);
    const next = here < 0 ? undefined : neighbour(nodes, rows, columns, depth, here, event.key);
    if (next === undefined) return;
    event.preventDefault();
    boxes[next].focus();
    boxes[next].scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  $("tree").replaceChildren(svg);
  const first = [...best][0] ?? 0;
  showNode(result, first, boxes, 0);
}

// The node that an arrow key leads to.
function neighbour(nodes, rows, columns, depth, here, key) {
  const column = columns[depth[here]];
  const row = column.indexOf(here);
  const steps = { ArrowUp: column[row - 1], ArrowDown: column[row + 1], ArrowLeft: rows[nodes[here].row].node ?? undefined };
  if (key in steps) return steps[key];
  if (key !== "ArrowRight") return undefined;
  const child = nodes.findIndex((node) => rows[node.row].node === here);
  return child < 0 ? undefined : child;
}

function showNode(result, place, boxes, step) {
  const node = result.trace.nodes[place];
  boxes.forEach((box, other) => {
    box.classList.toggle("on", other === place);
    box.setAttribute("tabindex", other === place ? "0" : "-1");
  });
  drawPhoto($("tree-canvas"), result.trace.rows[node.row].attention, 240);
  $("node").textContent = `Step ${step + 1}, “${node.token}”: ${node.fate}. Probability ${percent(node.token_logprob)}, `
    + `sum ${node.sum_logprobs.toFixed(2)}, score ${node.score.toFixed(2)}.`;
  $("tree-canvas").setAttribute("aria-label", `Where the decoder looked for "${node.token}", which was ${node.fate}`);
}
