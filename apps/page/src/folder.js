// "Does beam search help my photos": a folder of photos, each captioned by greedy search and by beams.

const COLUMNS = [
  ["name", "Photo"], ["greedy", "Greedy"], ["beams", "Beams"], ["changed", "Changed"], ["gain", "Gain in log-probability"],
  ["greedy_ms", "Greedy ms"], ["beams_ms", "Beams ms"], ["error", "Error"],
];
const NUMBERS = ["gain", "greedy_ms", "beams_ms"];
const folder = { rows: [], run: 0, sort: "name", down: false };

async function compareFolder(files) {
  const run = ++folder.run;
  folder.rows = [];
  $("folder-section").hidden = false;
  $("folder-section").scrollIntoView();
  const isStopped = () => run !== folder.run;
  let next = 0;
  $("progress").max = files.length;
  $("stop").disabled = false;
  const worker = async () => {
    while (next < files.length && !isStopped()) {
      const file = files[next++];
      const row = await compareOne(file, isStopped);
      if (isStopped()) return;
      folder.rows.push(row);
      showFolder(files.length);
    }
  };
  await Promise.all([worker(), worker()]);
  if (!isStopped()) $("stop").disabled = true;
}

async function compareOne(file, isStopped) {
  const row = { name: file.webkitRelativePath || file.name, greedy: "", beams: "", changed: "", gain: null, greedy_ms: null, beams_ms: null, error: "" };
  try {
    const { results: [greedy, beams] } = await engine.caption(file, queryOf({ timings: true }), isStopped);
    row.greedy = greedy.captions[0].generated_text;
    row.beams = beams.captions[0].generated_text;
    row.changed = row.greedy === row.beams ? "no" : "yes";
    row.gain = sumOf(beams.captions[0]) - sumOf(greedy.captions[0]);
    row.greedy_ms = greedy.milliseconds.search;
    row.beams_ms = beams.milliseconds.search;
  } catch (error) {
    row.error = error.message;
  }
  return row;
}

const shown = (row, key) => (row[key] === null ? "" : NUMBERS.includes(key) ? row[key].toFixed(2).replace(/^-0\.00$/, "0.00") : row[key]);

function sortedRows() {
  const key = folder.sort;
  const compare = (a, b) => (NUMBERS.includes(key) ? (a[key] ?? -Infinity) - (b[key] ?? -Infinity) : a[key].localeCompare(b[key]));
  const rows = folder.rows.toSorted(compare);
  return folder.down ? rows.reverse() : rows;
}

function showFolder(total) {
  $("progress").value = folder.rows.length;
  const good = folder.rows.filter((row) => !row.error);
  const changed = good.filter((row) => row.changed === "yes").length;
  const mean = (key) => good.reduce((sum, row) => sum + row[key], 0) / good.length;
  const parts = [`${folder.rows.length} of ${total} photos.`];
  if (good.length > 0) {
    const share = ((100 * changed) / good.length).toFixed(0);
    const [greedy, beams] = [mean("greedy_ms"), mean("beams_ms")];
    parts.push(`${settings().num_beams} beams change ${changed} of ${good.length} captions (${share} %), and cost `
      + `${(beams - greedy).toFixed(1)} ms a photo more: ${beams.toFixed(1)} in place of ${greedy.toFixed(1)}.`);
  }
  if (good.length < folder.rows.length) parts.push(`${folder.rows.length - good.length} could not be captioned.`);
  $("summary").textContent = parts.join(" ");
  const body = $("photos");
  body.replaceChildren();
  for (const row of sortedRows()) {
    const line = add(body, "tr", null, row.changed === "yes" ? { class: "changed" } : {});
    for (const [key] of COLUMNS) add(line, "td", shown(row, key), NUMBERS.includes(key) ? { class: "number" } : {});
  }
}

function showColumns() {
  for (const [key, name] of COLUMNS) {
    const head = add($("columns"), "th", null, { scope: "col" });
    add(head, "button", name, { type: "button" }).addEventListener("click", () => {
      folder.down = folder.sort === key && !folder.down;
      folder.sort = key;
      for (const other of $("columns").children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", folder.down ? "descending" : "ascending");
      showFolder($("progress").max);
    });
  }
}

// A spreadsheet would run a cell that begins like a formula; those are preceded by an apostrophe.
function csv() {
  const cell = (text) => `"${String(text).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
  const number = (row, key) => (row[key] === null ? "" : String(row[key]));
  const lines = sortedRows().map((row) => COLUMNS.map(([key]) => (NUMBERS.includes(key) ? number(row, key) : cell(row[key]))).join(","));
  return [COLUMNS.map(([key]) => key).join(","), ...lines, ""].join("\r\n");
}
