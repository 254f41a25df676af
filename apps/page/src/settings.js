// Settings, the permalink, and a photo's way through the engine.
//
// An engine captions photos: `engine.open()` resolves to what `GET /info` of glimpse-serve answers, `engine.caption(photo, options, isStopped)` to
// what `POST /v1/captions` answers; both fail with one line. `engine.base` is where the line of curl leads.
const $ = (id) => document.getElementById(id);
const KEYS = ["num_beams", "length_penalty", "no_repeat_ngram_size"];
const state = { info: null, example: null, file: null, bitmap: null, answer: null, call: 0 };

function add(parent, tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

function draw(parent, tag, attributes = {}, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function say(text, isBad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", isBad);
}

const settings = () => Object.fromEntries(KEYS.map((key) => [key, Number($(key).value)]));

function showSettings() {
  for (const key of KEYS) $(`${key}-value`).textContent = $(key).value;
}

function permalink() {
  const pairs = new URLSearchParams(settings());
  if (state.example) pairs.set("example", state.example);
  return `#${pairs}`;
}

// Takes what the address names; what it does not name stays.
function readPermalink() {
  const pairs = new URLSearchParams(location.hash.slice(1));
  for (const key of KEYS) if (pairs.has(key) && pairs.get(key) !== "") $(key).value = pairs.get(key);
  showSettings();
  return pairs.get("example");
}

function queryOf(extra = {}) {
  const { num_beams, length_penalty, no_repeat_ngram_size } = settings();
  return { num_beams: `1,${num_beams}`, length_penalty, no_repeat_ngram_size, ...extra };
}

async function run() {
  if (!state.file) return;
  const call = ++state.call;
  history.replaceState(null, "", permalink());
  say("Captioning …");
  try {
    const options = queryOf({ output_attentions: true, trace: true, timings: true });
    const answer = await engine.caption(state.file, options, () => call !== state.call);
    if (call !== state.call) return;
    state.answer = answer;
    say("");
    $("result").hidden = false;
    showAll();
  } catch (error) {
    if (call !== state.call) return;
    $("result").hidden = true;
    say(error.message, true);
  }
}

async function take(file, example = null) {
  state.file = file;
  state.example = example;
  for (const button of $("examples").children) {
    button.setAttribute("aria-pressed", String(button.dataset.name === example));
  }
  try {
    state.bitmap = await createImageBitmap(file);
  } catch {
    // A server reads formats that this browser does not.
    state.bitmap = null;
  }
  await run();
}

async function takeExample(name) {
  const answer = await fetch(`examples/${name}`);
  await take(await answer.blob(), name);
}

const isPhoto = (file) => file.type.startsWith("image/") || /\.(jpe?g|png|webp|gif|bmp|tiff?)$/i.test(file.name);

function takeFiles(files) {
  const photos = [...files].filter(isPhoto);
  if (photos.length === 0) say("There is no photo among these files.", true);
  else if (photos.length === 1) take(photos[0]);
  else compareFolder(photos);
}
