// Uses the page as static files, from Python's plain server.
// node web.mjs CHROMIUM MODULES SCREENSHOTS FOLDER PHOTOS
//
// FOLDER has the site at host/any/path and a later version of it at int8, what the program answers in fp32.json and int8.json and with other
// options in other.json, the photos without loss, and pictures of many kinds.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, steps, take, watchedPage } from "../../../page/tests/steps.mjs";
import { serve } from "../static_server.mjs";

const [executablePath, modules, screenshots, folder, photos] = process.argv.slice(2);
const site = join(folder, "host/any/path");
const expected = (precision) => JSON.parse(readFileSync(join(folder, `${precision}.json`)));

const host = join(folder, "host");
let server = await serve(host);
const url = `http://127.0.0.1:${server.port}/any/path/`;
const browser = await launch({ executablePath, modules });
const watched = await watchedPage(browser, url);
const { context, page, problems } = watched;
const methods = new Set();
context.on("request", (request) => methods.add(request.method()));

const status = (page) => page.locator("#status").innerText();
const isReady = () => page.waitForFunction(() => document.querySelector("#offline").textContent.includes("without a network now"));

async function progressOfTheDownload() {
  await page.addInitScript(() => {
    window.seen = [];
    document.addEventListener("DOMContentLoaded", () => {
      const bar = document.querySelector("#download-progress");
      const text = document.querySelector("#download-text");
      if (text) new MutationObserver(() => seen.push([bar.value, bar.max, text.textContent])).observe(text, { childList: true });
    });
  });
  await page.goto(url);
  // Whoever does not wait for the model gets the captions of the photo that was taken.
  await page.setInputFiles("#file-input", join(photos, "two-dogs.jpg"));
  await page.locator("#captions .word").first().waitFor();
  assert.equal(await page.evaluate(() => state.file.name), "two-dogs.jpg");
  const seen = await page.evaluate(() => window.seen);
  assert.ok(seen.length > 5, `${seen.length} reports`);
  const values = seen.map(([value]) => value);
  assert.deepEqual(values, values.toSorted((a, b) => a - b), "it never goes back");
  const [value, max, text] = seen.at(-1);
  assert.equal(value, max);
  assert.match(text, /^4\d\.\d of 4\d\.\d MB$/);
  assert.ok(await page.locator("#download").isHidden());
}

// What the page answers for a photo. The bytes come from here, so that nothing is fetched.
async function captionsOf(file, options = { num_beams: "1,5", length_penalty: 1.25, no_repeat_ngram_size: 2 }) {
  return page.evaluate(async ([base64, options]) => {
    const photo = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
    return (await engine.caption(photo, options, () => false)).results;
  }, [readFileSync(file).toString("base64"), options]);
}

// Another decoder of JPEG rounds some values otherwise, and so does an int8 graph on another processor.
const TOLERANCE = { fp32: 0.01, int8: 0.05 };

async function sameWords(precision, isTaken = () => true) {
  for (const [name, results] of Object.entries(expected(precision)).filter(([name]) => isTaken(name))) {
    const found = await captionsOf(join(photos, name));
    found.forEach((one, place) => {
      const about = `${precision}, ${name}, ${one.num_beams} beams`;
      const [ours, theirs] = [one.captions[0], results[place].captions[0]];
      assert.equal(one.num_beams, results[place].num_beams);
      assert.equal(ours.generated_text, theirs.generated_text, about);
      assert.deepEqual(ours.token_ids, theirs.token_ids, about);
      assert.ok(Math.abs(ours.score - theirs.score) < TOLERANCE[precision], `${ours.score} is not ${theirs.score}: ${about}`);
    });
    assert.equal(found.length, results.length);
  }
}

const sameWordsAsTheProgram = () => sameWords("fp32");

// Of the same pixels: every node of the beam trees, every score, alternative and weight of attention.
async function sameTrees() {
  const { "beach.jpg": beach, "photographer.jpg": photographer } = expected("fp32");
  const other = JSON.parse(readFileSync(join(folder, "other.json")));
  for (const [name, results, options] of [["beach", beach], ["photographer", photographer], ["beach", other.results, other.options]]) {
    const found = await captionsOf(join(folder, "photos", `${name}.png`), options);
    found.forEach((one, place) => {
      const about = `${name}, ${one.num_beams} beams`;
      const theirs = results[place].captions[0];
      const ours = one.captions[0];
      const close = (a, b) => assert.ok(Math.abs(a - b) < 2e-4, `${a} is not ${b}: ${about}`);
      const all = (a, b) => { assert.equal(a.length, b.length, about); a.forEach((value, at) => close(value, b[at])); };
      assert.deepEqual(ours.token_ids, theirs.token_ids, about);
      close(ours.score, theirs.score);
      all(ours.token_logprobs, theirs.token_logprobs);
      all(ours.attentions.flat(), theirs.attentions.flat());
      const nodes = ({ trace }) => trace.nodes.map(({ row, token_id, token, fate }) => ({ row, token_id, token, fate }));
      assert.deepEqual(nodes(one), nodes(results[place]), about);
      for (const key of ["token_logprob", "sum_logprobs", "score"]) {
        all(one.trace.nodes.map((node) => node[key]), results[place].trace.nodes.map((node) => node[key]));
      }
      const rows = ({ trace }) => trace.rows.map(({ node, alternatives }) => [node, alternatives.map((one) => one.token)]);
      assert.deepEqual(rows(one), rows(results[place]), about);
      all(one.trace.rows.flatMap((row) => row.attention), results[place].trace.rows.flatMap((row) => row.attention));
    });
  }
}

// Each kind of picture has the pixels that PIL decodes, which the program follows.
async function samePixels() {
  const app = readdirSync(site).find((name) => name.startsWith("app-"));
  const names = readdirSync(join(folder, "pictures")).filter((name) => !name.endsWith(".rgb"));
  assert.ok(names.length >= 20);
  for (const name of names) {
    const bytes = readFileSync(join(folder, "pictures", name));
    const found = await page.evaluate(async ([module, base64]) => {
      const { prepare } = await import(module);
      const photo = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
      const asItIs = { do_resize: false, do_center_crop: false, do_rescale: false, do_normalize: false };
      return Array.from(await prepare(photo, asItIs));
    }, [`${url}${app}/photo.js`, bytes.toString("base64")]);
    const expected = readFileSync(join(folder, "pictures", `${name}.rgb`));
    const plane = expected.length / 3;
    const differ = found.filter((value, at) => value !== expected[3 * (at % plane) + Math.floor(at / plane)]).length;
    assert.equal(found.length, expected.length, name);
    assert.equal(differ, 0, `${name}: ${differ} of ${expected.length} values differ`);
  }
}

async function photosThatAreRefused() {
  const jpeg = readFileSync(join(photos, "beach.jpg"));
  const tiff = Buffer.concat([Buffer.from("II*\0"), Buffer.alloc(64)]);
  const cases = [
    ["cut.jpg", jpeg.subarray(0, jpeg.length / 2), /^the JPEG file is cut short: .*fetch it again$/],
    ["damaged.jpg", Buffer.concat([jpeg.subarray(0, 20), Buffer.alloc(300, 7), Buffer.from([0xff, 0xd9])]), /^the JPEG file is damaged/],
    ["empty.jpg", Buffer.alloc(0), /^the file is empty$/],
    ["scan.tiff", tiff, /^only JPEG, PNG, WebP, GIF and BMP are read here; save/],
    ["notes.jpg", Buffer.from("words"), /^not a picture/],
  ];
  for (const [name, buffer, message] of cases) {
    await page.evaluate(() => say(""));
    await page.setInputFiles("#file-input", { name, mimeType: "image/jpeg", buffer });
    await page.locator("#status.bad").waitFor();
    assert.match(await status(page), message);
  }
}

// Neither the page nor its worker reaches another host, and nothing was sent to this one.
async function photosStay() {
  const attempt = async () => {
    const refused = new Promise((done) => addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective)));
    await fetch("http://127.0.0.1:9/").catch(() => {});
    return Promise.race([refused, new Promise((done) => setTimeout(done, 2000, "nothing refused it"))]);
  };
  assert.equal(page.workers().length, 1);
  for (const place of [page, page.workers()[0]]) assert.equal(await place.evaluate(attempt), "connect-src");
  assert.deepEqual([...methods], ["GET"]);
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("127.0.0.1:9/")));
}

async function withoutANetwork() {
  await isReady();
  await server.stop();
  await page.reload();
  await page.locator("#captions .word").first().waitFor();
  await sameWords("fp32", (name) => ["beach.jpg", "photographer.jpg"].includes(name));
  assert.deepEqual(await page.evaluate(() => window.seen), [], "nothing is downloaded again");
  await page.screenshot({ path: join(screenshots, "offline.png") });
}

// A later version takes over when the last page of the old one is closed, and leaves nothing of it behind.
async function laterVersion() {
  renameSync(site, join(folder, "fp32"));
  renameSync(join(folder, "int8"), site);
  server = await serve(host, server.port);
  await page.reload();
  await page.locator("#captions .word").first().waitFor();
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration()).waiting !== null);
  const precision = () => page.evaluate(() => JSON.stringify(state.info.precision));
  assert.match(await precision(), /fp32/);
  const kept = async () => page.evaluate(async () => {
    const names = await caches.keys();
    const urls = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map((request) => request.url)));
    return { names, urls: urls.flat().filter((url) => url.includes("/model/")).map((url) => url.split("/").at(-1).split("?")[0]).sort() };
  });
  // The browser takes its time between the end of the last page and the change of the service worker.
  for (let visit = 0; visit < 20 && !/int8/.test(await precision()); visit++) {
    await page.goto("about:blank");
    await page.waitForTimeout(500);
    await page.goto(url);
    await page.locator("#captions .word").first().waitFor();
  }
  assert.match(await precision(), /int8/);
  // An int8 graph rounds otherwise in WebAssembly. In the other two photos its best words are nearly as likely as the next.
  await sameWords("int8", (name) => ["beach.jpg", "dog-in-woods.jpg", "photographer.jpg"].includes(name));
  const { names, urls } = await kept();
  assert.equal(names.length, 2, `${names}`);
  assert.deepEqual(urls, ["decoder_model_int8.onnx.gz", "encoder_model_int8.onnx.gz", "ort-wasm-simd-threaded.wasm.gz", "tokenizer.json.gz"]);
}

// A file of the model that is not the one of the build: one line says which.
async function damagedModel() {
  const file = join(site, "model/tokenizer.json.gz");
  const whole = readFileSync(file);
  for (const [bytes, message] of [
    [whole.subarray(0, whole.length / 2), /^model\/tokenizer\.json\.gz arrived damaged: reload the page$/],
    [Buffer.from("{}"), /^model\/tokenizer\.json\.gz is not the file that this page was built with/],
    [null, /^model\/tokenizer\.json\.gz could not be fetched: the host answers 404$/],
  ]) {
    rmSync(file);
    if (bytes) writeFileSync(file, bytes);
    const other = await browser.newContext();
    const page = await other.newPage();
    await page.goto(url);
    await page.locator("#status.bad").waitFor();
    assert.match(await status(page), message);
    await other.close();
  }
}

// Steps that depend on the engine; the server's test takes all of them.
const SHARED = ["keyboard", "tree", "waysIn", "folderOfPhotos", "phoneAndDark"];
const shared = steps({ ...watched, url, photos, screenshots }).filter((step) => SHARED.includes(step.name));
assert.equal(shared.length, SHARED.length);
const all = [
  progressOfTheDownload, sameWordsAsTheProgram, sameTrees, samePixels, ...shared, photosThatAreRefused, photosStay, withoutANetwork, laterVersion, damagedModel,
];
try {
  await take(all, { browser, ...watched, screenshots });
} finally {
  await server.stop();
}
