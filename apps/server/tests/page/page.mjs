// Uses the page of a running server.
// node page.mjs CHROMIUM MODULES SCREENSHOTS URL PHOTOS [GLIMPSE BUNDLE]

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, steps, take, watchedPage } from "../../../page/tests/steps.mjs";

const [executablePath, modules, screenshots, url, photos, glimpse, bundle] = process.argv.slice(2);
const browser = await launch({ executablePath, modules });
const watched = await watchedPage(browser, url);
const { page } = watched;

// The lines that the page shows for curl and the program, run as they are printed, say what the page says.
async function shownLines() {
  await page.evaluate(() => { state.answer = null; });
  await page.setInputFiles("#file-input", `${photos}/photographer.jpg`);
  await page.waitForFunction(() => state.answer !== null);
  const captions = await page.evaluate(() => state.answer.results.map((result) => result.captions[0].generated_text));
  assert.notEqual(captions[0], captions[1], "greedy search and beams differ on this photo");
  const shown = async (name) => page.locator("#lines .line", { hasText: name }).locator("pre").innerText();
  const run = async (name) => {
    const env = { ...process.env };
    if (glimpse) Object.assign(env, { PATH: `${dirname(glimpse)}${delimiter}${env.PATH}`, GLIMPSE_MODEL: bundle });
    // Wherever cargo builds: the project's ONNX Runtime.
    const library = join(dirname(fileURLToPath(import.meta.url)), "../../../../.deps/onnxruntime/capi");
    if (!env.ORT_DYLIB_PATH && existsSync(library)) env.GLIMPSE_ORT_LIB = library;
    return JSON.parse(execFileSync("sh", ["-c", await shown(name)], { cwd: photos, env, stdio: ["ignore", "pipe", "ignore"] }));
  };
  const { results } = await run("curl");
  assert.deepEqual(results.map((result) => result.captions[0].generated_text), captions);
  if (glimpse) assert.equal((await run("program")).captions[0].generated_text, captions[1]);
  // The tests of the Python package run this line.
  const line = readFileSync(new URL("../../../page/tests/python-line.txt", import.meta.url), "utf8");
  assert.equal(await shown("Python"), line.trim());
}

const all = steps({ ...watched, url, photos, screenshots });
await take([...all, shownLines], { browser, ...watched, screenshots });
