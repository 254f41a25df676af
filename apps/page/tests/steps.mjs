// What people do with the page, whatever its engine: mouse, keyboard, a phone's width, dark and light. The tests of each engine take
// the same steps.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

// A moving pattern in place of a camera.
const FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
// Roles that one can act on.
const CONTROLS = ["button", "slider", "textbox", "link", "checkbox", "combobox", "progressbar", "dialog", "img", "group", "region", "table"];

/** Starts Chromium with playwright-core from the folder `modules`. */
export async function launch({ executablePath, modules }) {
  const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", ...FAKE_CAMERA] });
}

/** A page, and the list of its problems: errors, and what it asks of other hosts than `url`. */
export async function watchedPage(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, acceptDownloads: true });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url())) problems.push(`asks ${request.url()}`);
  });
  return { context, page, problems };
}

/** The steps, in their order. Photos lie in the folder `photos`; screenshots go to the folder `screenshots`. */
export function steps({ context, page, problems, url, photos, screenshots }) {
  const text = (selector) => page.locator(selector).innerText();
  const shot = (name) => page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  const pixels = (selector) => page.locator(selector).evaluate((canvas) => canvas.toDataURL());
  async function answered(act) {
    await page.evaluate(() => { if (typeof state !== "undefined") state.answer = null; });
    await act();
    await page.waitForFunction(() => typeof state !== "undefined" && state.answer !== null);
  }
  async function download(selector) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
    return [file.suggestedFilename(), readFileSync(await file.path())];
  }

  async function captionsAndWords() {
    await answered(() => page.goto(url));
    await page.locator("#captions .word").first().waitFor();
    assert.equal(await page.locator("#captions article").count(), 2);
    assert.match(await text("#captions article:nth-child(1)"), /Greedy[^]*score -[\d.]+[^]*ms search/);
    assert.match(await text("#captions article:nth-child(2)"), /5 beams/);
    const words = page.locator("#captions article:nth-child(2) .word");
    await words.nth(0).hover();
    const first = await pixels("#canvas");
    await words.nth(3).hover();
    assert.notEqual(await pixels("#canvas"), first, "each word has its map");
    assert.equal(await page.locator("#alternatives li").count(), 6, "the word and five alternatives");
    const shades = await words.evaluateAll((all) => all.map((word) => word.style.backgroundColor));
    assert.ok(new Set(shades).size > 2, `${shades}`);
    await shot("light");
  }

  async function keyboard() {
    await page.locator("#captions .word").first().focus();
    const before = await text("#alternatives");
    await page.keyboard.press("Tab");
    assert.notEqual(await text("#alternatives"), before, "Tab goes from word to word");
    assert.ok(await page.locator("#captions .word:focus").getAttribute("aria-label"));

    const node = page.locator("#tree .node[tabindex='0']");
    await node.focus();
    const start = await text("#node");
    const map = await pixels("#tree-canvas");
    await page.keyboard.press("ArrowRight");
    assert.match(await text("#node"), /^Step 2/);
    assert.notEqual(await pixels("#tree-canvas"), map);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await text("#node"), start);
  }

  async function tree() {
    const answer = await page.evaluate(() => state.answer.results.at(-1).trace);
    assert.equal(await page.locator("#tree .node").count(), answer.nodes.length);
    const pruned = page.locator("#tree .node.pruned");
    assert.ok((await pruned.count()) > 10);
    await pruned.nth(7).scrollIntoViewIfNeeded();
    await pruned.nth(7).click();
    assert.match(await text("#node"), /pruned/);
    assert.ok(answer.rows.every((row) => Math.abs(row.attention.reduce((sum, one) => sum + one) - 1) < 1e-3));
    await page.locator("#tree").screenshot({ path: join(screenshots, "tree.png") });
  }

  // Against the definition: at the length penalty that is named, both captions have the same score.
  async function parting() {
    const said = [await text("#parting")];
    for (let example = 1; example < 5; example++) {
      await answered(() => page.locator("#examples button").nth(example).click());
      said.push(await text("#parting"));
    }
    assert.ok(said.some((one) => /part at word \d+: greedy search takes “.+” \([\d.]+ %\), the beams take/.test(one)), said.join("\n"));
    assert.equal(await page.locator("#curves polyline").count(), 2);
    const penalty = await page.evaluate(() => settings().length_penalty);
    assert.ok((await text("#winner")).startsWith(`At length penalty ${penalty}, `));
    const found = await page.evaluate(() => {
      const all = finished(state.answer.results.at(-1));
      const { winner, below, above } = changes(all, Number(settings().length_penalty));
      const best = (penalty) => all.reduce((a, b) => (b.sum / b.length ** penalty > a.sum / a.length ** penalty ? b : a)).text;
      return { winner: winner.text, text: state.answer.results.at(-1).captions[0].generated_text,
        sides: [below, above].map((one) => one && [best(one.at - 1e-4), best(one.at + 1e-4), one.other.text]) };
    });
    const plain = (words) => words.toLowerCase().replace(/[^a-z]/g, "");
    assert.equal(plain(found.winner), plain(found.text), "the winner is the caption");
    const [below, above] = found.sides;
    assert.ok(below || above);
    if (below) assert.deepEqual(below, [below[2], found.winner, below[2]]);
    if (above) assert.deepEqual(above, [found.winner, above[2], above[2]]);
  }

  async function settingsAndLink() {
    await answered(() => page.locator("#num_beams").fill("3"));
    await page.locator("#captions h3", { hasText: "3 beams" }).waitFor();
    await answered(() => page.locator("#length_penalty").fill("0"));
    await answered(() => page.locator("#no_repeat_ngram_size").fill("3"));
    const link = page.url();
    assert.match(link, /num_beams=3&length_penalty=0&no_repeat_ngram_size=3/);
    const lines = await text("#lines");
    for (const part of ["curl --data-binary", "glimpse caption --json --num-beams 3", "from_pretrained()"]) assert.ok(lines.includes(part), part);
    const captions = async () => (await page.evaluate(() => state.answer.results.map((one) => one.captions[0].generated_text)));
    const before = await captions();
    const other = await context.newPage();
    await other.goto(link);
    await other.locator("#captions h3", { hasText: "3 beams" }).waitFor();
    assert.deepEqual(await other.evaluate(() => state.answer.results.map((one) => one.captions[0].generated_text)), before);
    await other.close();
  }

  async function files() {
    const [name, json] = await download("#save-json");
    assert.equal(name, "glimpse.json");
    assert.equal(JSON.parse(json).results.length, 2);
    const [, png] = await download("#save-png");
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    assert.ok(png.length > 50_000);
  }

  async function waysIn() {
    const file = join(photos, "two-dogs.jpg");
    await answered(() => page.setInputFiles("#file-input", file));
    const words = await page.evaluate(() => state.answer.results[0].captions[0].generated_text);
    const bytes = readFileSync(file).toString("base64");
    for (const kind of ["drop", "paste"]) {
      await answered(() => page.evaluate(async ([kind, bytes]) => {
        const blob = await (await fetch(`examples/two-dogs.jpg`)).blob();
        const data = new DataTransfer();
        data.items.add(new File([blob], "dropped.jpg", { type: "image/jpeg" }));
        const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(event);
      }, [kind, bytes]));
      await page.waitForFunction((words) => state.answer.results[0].captions[0].generated_text === words, words);
    }
    await answered(() => page.locator("#examples button").nth(1).click());
    await page.setInputFiles("#file-input", { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("words") });
    await page.locator("#status.bad").waitFor();
    assert.match(await text("#status"), /not a picture/);
    // The browser tells of the 415 too.
    problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("415")));
  }

  async function camera() {
    await page.click("#camera");
    await page.locator("#shoot:enabled").waitFor();
    assert.match(await page.locator("#camera-dialog").ariaSnapshot(), /dialog "Camera"[^]*button "Take the photo"[^]*button "Cancel"/);
    const isOn = () => page.evaluate(() => document.querySelector("#viewfinder").srcObject !== null);
    await page.screenshot({ path: join(screenshots, "camera.png") });
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelector("#viewfinder").srcObject === null);
    await page.click("#camera");
    await page.locator("#shoot:enabled").waitFor();
    await answered(() => page.click("#shoot"));
    assert.equal(await isOn(), false, "the camera is switched off");
    assert.equal(await page.evaluate(() => state.file.name), "camera.png");
    assert.ok(await page.evaluate(() => state.bitmap.width) >= 640);
  }

  // What a screen reader is told: every control has a name, and the captions are said when they are there.
  async function screenReader() {
    await answered(() => page.locator("#examples button").nth(0).click());
    const captions = await page.evaluate(() => state.answer.results.map((one) => one.captions[0].generated_text));
    assert.equal(await page.locator("#said").getAttribute("aria-live"), "polite");
    for (const caption of captions) assert.ok((await page.locator("#said").textContent()).includes(caption), caption);
    const lines = (await page.locator("body").ariaSnapshot()).split("\n").map((line) => line.trim());
    const controls = lines.filter((line) => CONTROLS.some((role) => line === `- ${role}` || line.startsWith(`- ${role} `) || line.startsWith(`- ${role}:`)));
    assert.ok(controls.length > 80, `${controls.length} controls`);
    const unnamed = controls.filter((line) => !/^- \w+ "[^"]+/.test(line) && !/^- \w+ \/.+\//.test(line));
    assert.deepEqual(unnamed, [], "each control has a name");
    for (const line of ['- button "Files"', '- button "Camera"', '- button "A folder"', '- button "Switch between dark and light"',
      '- heading "Captions" [level=2]', '- region "The beam tree":', '- group "Example photos":']) assert.ok(lines.some((one) => one.startsWith(line)), line);
    assert.ok(lines.some((line) => line.startsWith('- slider "num_beams')), "sliders have names");
  }

  async function folderOfPhotos() {
    const names = ["beach.jpg", "canyon.jpg", "dog-in-woods.jpg", "photographer.jpg", "two-dogs.jpg"];
    await page.setInputFiles("#folder-input", photos);
    await page.waitForFunction((count) => document.querySelectorAll("#photos tr").length === count, names.length);
    assert.match(await text("#summary"), /5 of 5 photos\. \d beams change \d of 5 captions/);
    await page.locator("#columns button", { hasText: "Beams ms" }).click();
    const times = await page.locator("#photos tr td:nth-child(7)").allInnerTexts();
    assert.deepEqual(times, times.toSorted((a, b) => a - b));
    const [, csv] = await download("#save-csv");
    const lines = csv.toString().trim().split("\r\n");
    assert.equal(lines.length, names.length + 1);
    for (const name of names) assert.ok(lines.some((line) => line.includes(basename(name))), name);
    await shot("folder");
  }

  async function phoneAndDark() {
    await answered(() => page.goto(url));
    await page.emulateMedia({ colorScheme: "dark" });
    await page.locator("#captions .word").first().waitFor();
    await shot("dark");
    await page.setViewportSize({ width: 390, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} pixels wide`);
    await shot("phone");
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, input:not([hidden]), [role=button], [role=img]")]
      .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.closest("label"))).length);
    assert.equal(unnamed, 0, "each control has a name");
  }

  return [captionsAndWords, keyboard, tree, parting, settingsAndLink, files, waysIn, camera, screenReader, folderOfPhotos, phoneAndDark];
}

/** Takes the steps one after the other. Where one fails, a screenshot of it is kept. */
export async function take(all, { browser, page, problems, screenshots }) {
  try {
    for (const step of all) {
      const start = Date.now();
      await step();
      console.log(`${step.name}: ${Date.now() - start} ms`);
    }
    assert.deepEqual(problems, []);
  } catch (error) {
    await page.screenshot({ path: join(screenshots, "failed.png") }).catch(() => {});
    console.error(problems.join("\n"));
    throw error;
  } finally {
    await browser.close();
  }
}
