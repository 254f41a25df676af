// Captions with captioner_model.onnx in Node.js: onnxruntime-node, or onnxruntime-web where that is absent.
//
//     npm install --prefix DIR onnxruntime-node
//     node captioner.mjs DIR captioner_model.onnx PIXELS NUM_BEAMS MAX_LENGTH LENGTH_PENALTY
//
// PIXELS is a file of f32 [photos, 3, 224, 224]. Prints one line of JSON for each photo: sequences
// [num_beams][max_length - 1] and scores [num_beams].

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const [modules, model, pixelFile, numBeams, maxLength, lengthPenalty] = process.argv.slice(2);
const require = createRequire(resolve(modules, "package.json"));

async function open() {
  try {
    const ort = require("onnxruntime-node");
    return [ort, await ort.InferenceSession.create(resolve(model))];
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    // A browser has no folder to look into: the files that hold the weights are handed over by name.
    const ort = require("onnxruntime-web");
    ort.env.wasm.numThreads = 1;
    const suffix = /captioner_model(.*)\.onnx$/.exec(model)[1];
    const externalData = ["encoder_model", "decoder_model"].map((stem) => {
      const path = `${stem}${suffix}.onnx`;
      return { path, data: readFileSync(join(dirname(model), path)) };
    });
    return [ort, await ort.InferenceSession.create(readFileSync(model), { externalData })];
  }
}

const [ort, session] = await open();
const bytes = readFileSync(pixelFile);
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const size = 3 * 224 * 224;
const scalar = (type, array) => new ort.Tensor(type, array, []);

for (let first = 0; first < pixels.length; first += size) {
  const { sequences, scores } = await session.run({
    pixel_values: new ort.Tensor("float32", pixels.slice(first, first + size), [1, 3, 224, 224]),
    num_beams: scalar("int64", BigInt64Array.of(BigInt(numBeams))),
    max_length: scalar("int64", BigInt64Array.of(BigInt(maxLength))),
    length_penalty: scalar("float32", Float32Array.of(Number(lengthPenalty))),
  });
  const [, beams, words] = sequences.dims;
  const row = (beam) => Array.from(sequences.data.slice(beam * words, (beam + 1) * words), Number);
  console.log(
    JSON.stringify({ sequences: Array.from({ length: beams }, (_, beam) => row(beam)), scores: Array.from(scores.data) }),
  );
}
