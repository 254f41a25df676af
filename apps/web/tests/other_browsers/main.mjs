// Captions the example photos on the page in Firefox and WebKit, and compares the words with the program's: `make test-browsers`.
// node main.mjs SITE PHOTOS GLIMPSE MODULES
//
// SITE is what `make web` wrote. Firefox is driven by puppeteer-core from the folder MODULES, WebKit (Safari's engine) by Debian's
// WebKitWebDriver. A browser that is not installed is named, and the exit code is 1.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { serve } from "../static_server.mjs";
import { firefox } from "./firefox.mjs";
import { webkit } from "./webkit.mjs";

const [site, photos, glimpse, modules] = process.argv.slice(2);
const WIDTHS = [1, 5];
// Another decoder of JPEG rounds some values otherwise.
const TOLERANCE = 0.01;
const names = readdirSync(photos).filter((name) => name.endsWith(".jpg"));

const answers = (width) => execFileSync(glimpse, ["caption", "--device", "cpu", "--json", "--num-beams", String(width), ...names.map((name) => join(photos, name))])
  .toString().trim().split("\n").map((line) => JSON.parse(line).captions[0]);
const expected = WIDTHS.map(answers);

// These run in the page.
const captioned = `async () => { while (typeof state === "undefined" || state.answer === null) await new Promise((next) => setTimeout(next, 100)); return true; }`;
const kept = `async () => { while (!document.querySelector("#offline").textContent.includes("without a network now")) await new Promise((next) => setTimeout(next, 100)); return true; }`;
const caption = `async (base64, widths) => {
  const photo = new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
  const options = { num_beams: widths, length_penalty: 1.25, no_repeat_ngram_size: 2 };
  const { results } = await engine.caption(photo, options, () => false);
  return results.map(({ captions: [{ token_ids, generated_text, score }] }) => ({ token_ids, generated_text, score }));
}`;

async function sameWords(browser, about) {
  for (const [place, name] of names.entries()) {
    const base64 = readFileSync(join(photos, name)).toString("base64");
    const found = await browser.run(caption, base64, WIDTHS.join());
    found.forEach((ours, width) => {
      const theirs = expected[width][place];
      const where = `${about}, ${name}, ${WIDTHS[width]} beams`;
      assert.equal(ours.generated_text, theirs.generated_text, where);
      assert.deepEqual(ours.token_ids, theirs.token_ids, where);
      assert.ok(Math.abs(ours.score - theirs.score) < TOLERANCE, `${ours.score} is not ${theirs.score}: ${where}`);
    });
    assert.equal(found.length, WIDTHS.length);
  }
}

for (const [start, options] of [[firefox, { modules }], [webkit, {}]]) {
  const server = await serve(site);
  const url = `http://127.0.0.1:${server.port}/`;
  let browser;
  try {
    browser = await start(options);
    await browser.open(url);
    await browser.run(captioned);
    await sameWords(browser, browser.name);
    await browser.run(kept);
    await server.stop();
    await browser.open(url);
    await browser.run(captioned);
    await sameWords(browser, `${browser.name}, without a network`);
    console.log(`${browser.name}: ${names.length} photos at ${WIDTHS.join(" and ")} beams, with and without a network: the program's words`);
  } catch (error) {
    console.error(`${browser?.name ?? start.name}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    server.stop();
    await browser?.close();
  }
}
