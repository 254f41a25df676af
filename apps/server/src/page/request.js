// Settings, the permalink, and the call of the server.
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

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function fetchWithToken(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers });
  $("token-form").hidden = answer.status !== 401;
  return answer;
}

// Captions a photo with greedy search and beams. A full queue is waited for.
async function caption(photo, options, isStopped = () => false) {
  const query = new URLSearchParams(options);
  for (;;) {
    const headers = { "Content-Type": photo.type.startsWith("image/") ? photo.type : "application/octet-stream" };
    const answer = await fetchWithToken(`v1/captions?${query}`, { method: "POST", body: photo, headers });
    if (answer.status === 503 && !isStopped()) {
      await pause(Number(answer.headers.get("Retry-After")) || 1);
      continue;
    }
    const json = await answer.json();
    if (!answer.ok) throw new Error(json.error);
    return json;
  }
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
    const answer = await caption(state.file, options, () => call !== state.call);
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
    // The server reads formats that this browser does not.
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
