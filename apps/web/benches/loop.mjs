// Times the page's ways to caption in Chromium, on one thread: the loop over encoder and decoder in f32 and in int8, and
// captioner_model.onnx, which searches by itself.
// node loop.mjs FOLDER CHROMIUM MODULES ROUNDS
//
// FOLDER has two sites of glimpse-web, `fp32` and `int8`, and `captioner.onnx`, which `glimpse bundle` wrote with its weights inside.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, executablePath, modules, rounds = "20"] = process.argv.slice(2);
const { chromium } = createRequire(resolve(modules, "x.js"))("playwright-core");
const server = spawn("python3", ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder], { stdio: ["ignore", "pipe", "ignore"] });
const said = await new Promise((done) => server.stdout.once("data", (data) => done(String(data))));
const url = `http://127.0.0.1:${/port (\d+)/.exec(said)[1]}/`;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

// Runs in the browser. Of each photo the quickest round counts, which other work on the machine disturbs least; returned is the mean of the
// photos, in milliseconds.
async function measure([url, rounds]) {
  const best = (photos) => (photos.map((values) => Math.min(...values)).reduce((sum, one) => sum + one, 0) / photos.length).toFixed(1);
  const versionOf = async (site) => /WORKER = "([^/]+)\//.exec(await (await fetch(`${url}${site}/index.html`)).text())[1];
  const open = async (site, encoderSite, decoderSite) => {
    const module = async (name) => import(`${url}${site}/${await versionOf(site)}/${name}`);
    const [ort, { Captioner }, { download }, { prepare }] = await Promise.all(["ort.js", "captioner.js", "download.js", "photo.js"].map(module));
    const files = {};
    for (const part of ["fp32", "int8"]) {
      const { FILES, CONFIGS } = await import(`${url}${part}/${await versionOf(part)}/files.js`);
      files[part] = { ...(await download(`${url}${part}/`, FILES, "bench", () => {})), CONFIGS };
    }
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    ort.env.wasm.wasmBinary = files.fp32.wasm;
    const { CONFIGS, tokenizer } = files.fp32;
    const configs = { ...CONFIGS, tokenizer: JSON.parse(new TextDecoder().decode(tokenizer)) };
    const captioner = await Captioner.open(ort, { encoder: files[encoderSite].encoder, decoder: files[decoderSite].decoder, configs });
    return { ort, captioner, prepare };
  };

  const names = ["beach", "canyon", "dog-in-woods", "photographer", "two-dogs"];
  const photos = await Promise.all(names.map(async (name) => (await fetch(`${url}fp32/examples/${name}.jpg`)).blob()));
  const rows = [];
  for (const [encoder, decoder] of [["fp32", "fp32"], ["fp32", "int8"], ["int8", "int8"]]) {
    const { captioner, prepare } = await open("fp32", encoder, decoder);
    const times = Object.fromEntries(["prepare", "encoder", "greedy", "beams"].map((what) => [what, photos.map(() => [])]));
    for (let round = 0; round <= rounds; round++) {
      for (const [place, photo] of photos.entries()) {
        const start = performance.now();
        const pixels = await prepare(photo, captioner.preprocessor);
        const prepared = performance.now() - start;
        const [greedy, beams] = await captioner.caption(pixels, { num_beams: [1, 5] });
        // The first round warms up.
        if (round === 0) continue;
        times.prepare[place].push(prepared);
        times.encoder[place].push(greedy.milliseconds.encoder);
        times.greedy[place].push(greedy.milliseconds.encoder + greedy.milliseconds.search);
        times.beams[place].push(beams.milliseconds.encoder + beams.milliseconds.search);
      }
    }
    rows.push([`loop, encoder ${encoder}, decoder ${decoder}`, ...Object.values(times).map(best)]);
  }

  const { ort, captioner, prepare } = await open("fp32", "fp32", "fp32");
  const session = await ort.InferenceSession.create(new Uint8Array(await (await fetch(`${url}captioner.onnx`)).arrayBuffer()));
  const integer = (value) => new ort.Tensor("int64", BigInt64Array.of(BigInt(value)), []);
  const { max_length, length_penalty } = captioner.generation;
  const times = { 1: photos.map(() => []), 5: photos.map(() => []) };
  for (let round = 0; round <= rounds; round++) {
    for (const [place, photo] of photos.entries()) {
      const pixels = new ort.Tensor("float32", await prepare(photo, captioner.preprocessor), [1, 3, 224, 224]);
      for (const beams of [1, 5]) {
        const start = performance.now();
        await session.run({
          pixel_values: pixels, num_beams: integer(beams), max_length: integer(max_length),
          length_penalty: new ort.Tensor("float32", Float32Array.of(length_penalty), []),
        });
        if (round > 0) times[beams][place].push(performance.now() - start);
      }
    }
  }
  rows.push(["captioner_model.onnx, fp32", "", "", best(times[1]), best(times[5])]);
  return rows;
}

try {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  // A page without a policy of its own.
  await page.goto(`${url}fp32/examples/beach.jpg`);
  console.log("| | photo to pixels | encoder | greedy | 5 beams |\n|---|---|---|---|---|");
  for (const row of await page.evaluate(measure, [url, Number(rounds)])) console.log(`| ${row.join(" | ")} |`);
  console.log(`Milliseconds a photo: the quickest of ${rounds} rounds, mean of 5 photos; Chromium ${browser.version()}, one thread.`);
} finally {
  await browser.close();
  server.kill();
}
