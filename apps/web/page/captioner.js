// The loop over encoder and decoder, in ONNX Runtime. Tensors are named as `config.json` declares them.

import { Detokenizer } from "./detokenizer.js";
import { search } from "./search.js";

// The one that was taken, and five others.
const ALTERNATIVES = 6;

const integers = (ort, values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);

// The decoder over one photo: it has the state of the rows.
class Decoder {
  constructor({ ort, decoder, config }, image) {
    Object.assign(this, { ort, session: decoder, interface: config.decoder, vocabSize: config.vocab_size });
    this.images = Object.fromEntries(this.interface.image_tensors.map(({ output, input }) => [input, image[output]]));
    this.state = Object.fromEntries(this.interface.state.map(({ past, initial }) => [past, image[initial]]));
  }

  async step({ inputIds, beamIdx, k }) {
    const { ort } = this;
    const outputs = await this.session.run({
      ...this.images, ...this.state,
      input_ids: integers(ort, inputIds, [inputIds.length]),
      beam_idx: integers(ort, beamIdx, [beamIdx.length]),
      k: integers(ort, [k], []),
    });
    for (const { past, present } of this.interface.state) this.state[past] = outputs[present];
    return { logProbs: outputs.top_log_probs.data, tokenIds: outputs.top_token_ids.data, attentions: outputs.attentions.data };
  }
}

export class Captioner {
  /** `files` has the bytes of both graphs and the parsed configs. */
  static async open(ort, files) {
    const sessions = await Promise.all([files.encoder, files.decoder].map((bytes) => ort.InferenceSession.create(bytes)));
    const [encoder, decoder] = sessions;
    return Object.assign(new Captioner(), { ort, encoder, decoder, ...files.configs, detokenizer: new Detokenizer(files.configs.tokenizer) });
  }

  /** What the encoder makes of `pixel_values`. */
  async encode(pixels) {
    const { height, width } = this.preprocessor.do_center_crop ? this.preprocessor.crop_size : this.preprocessor.size;
    return this.encoder.run({ pixel_values: new this.ort.Tensor("float32", pixels, [1, 3, height, width]) });
  }

  /** A result as `glimpse-serve` answers it, for each number of beams. */
  async caption(pixels, { num_beams, ...options }) {
    const start = performance.now();
    const image = await this.encode(pixels);
    const encoded = performance.now() - start;
    const results = [];
    for (const beams of num_beams) {
      const begin = performance.now();
      const config = { ...this.generation, ...options, num_beams: beams };
      const found = await search(new Decoder(this, image), config, ALTERNATIVES);
      const milliseconds = { encoder: encoded, search: performance.now() - begin };
      results.push({ image: "-", num_beams: beams, captions: this.withText(found.captions), milliseconds, trace: this.withTokens(found.trace) });
    }
    return results;
  }

  withText(captions) {
    return captions.map((caption) => ({ generated_text: this.detokenizer.decode(caption.token_ids), ...caption }));
  }

  withTokens({ rows, nodes }) {
    const named = (one) => ({ ...one, token: this.detokenizer.token(one.token_id) });
    return { rows: rows.map((row) => ({ ...row, alternatives: row.alternatives.map(named) })), nodes: nodes.map(named) };
  }
}
