// Runs the network beside the page, which stays responsive. Messages: { id, photo, options } in, { id, results } or { id, error } out; before
// that, { loaded, total } while files arrive, and { info } or { failed }.

import { Captioner } from "./captioner.js";
import { download } from "./download.js";
import { CACHE, CONFIGS, FILES, INFO } from "./files.js";
import * as ort from "./ort.js";
import { prepare } from "./photo.js";

const BASE = new URL("../", import.meta.url).href;

async function open() {
  const { wasm, tokenizer, encoder, decoder } = await download(BASE, FILES, `${CACHE}${BASE}`, (loaded, total) => postMessage({ loaded, total }));
  ort.env.wasm.wasmBinary = wasm;
  // Threads would need headers that few static hosts send.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const configs = { ...CONFIGS, tokenizer: JSON.parse(new TextDecoder().decode(tokenizer)) };
  const captioner = await Captioner.open(ort, { encoder, decoder, configs });
  ort.env.wasm.wasmBinary = undefined;
  postMessage({ info: { ...INFO, onnxruntime: { version: ort.env.versions.web } } });
  return captioner;
}

const opened = open();
opened.catch((error) => postMessage({ failed: error.message }));

// One photo after the other: a session runs once at a time.
let last = Promise.resolve();
onmessage = ({ data: { id, photo, options } }) => {
  last = last.then(async () => {
    try {
      const captioner = await opened;
      const pixels = await prepare(photo, captioner.preprocessor);
      postMessage({ id, results: await captioner.caption(pixels, options) });
    } catch (error) {
      postMessage({ id, error: error.message });
    }
  });
};
