// Resizing as `preprocessor_config.json` says: PIL's filters, along the rows first, with 8 bits in between.
// The fixed-point numbers are those of the Rust crate `fast_image_resize`, so that every pixel is the program's.

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

function bilinear(x) {
  return Math.max(1 - Math.abs(x), 0);
}

// Catmull-Rom.
function bicubic(given) {
  const x = Math.abs(given);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

function lanczos(x) {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

// By PIL's numbers, which `resample` holds; 0 is nearest.
const NEAREST = 0;
const FILTERS = { 1: [lanczos, 3], 2: [bilinear, 1], 3: [bicubic, 2] };
const COEFFICIENT_BITS = 15;
const SUM_BITS = 22;

const round = (x) => Math.sign(x) * Math.round(Math.abs(x));

// For each target pixel the first source pixel, and the weights of it and those behind it.
function weightsOf(length, target, [filter, support]) {
  const scale = length / target;
  const filterScale = Math.max(scale, 1);
  const radius = support * filterScale;
  const all = [];
  for (let place = 0; place < target; place++) {
    const centre = (place + 0.5) * scale;
    const end = Math.min(Math.ceil(centre + radius), length);
    let start = Math.max(Math.floor(centre - radius), 0);
    const weights = [];
    for (let x = start; x < end; x++) {
      const weight = filter((x - (centre - 0.5)) * (1 / filterScale));
      if (weight === 0 && weights.length === 0) start = x + 1;
      else weights.push(weight);
    }
    while (weights.length > 0 && weights.at(-1) === 0) weights.pop();
    const sum = weights.reduce((total, weight) => total + weight, 0);
    all.push({ start, weights: sum === 0 ? weights : weights.map((weight) => weight / sum) });
  }
  return all;
}

// Weights as integers, with as many bits as the largest one leaves.
function fixedPoint(all) {
  const largest = Math.max(0, ...all.map(({ weights }) => Math.max(...weights)));
  let bits = 0;
  while (bits < SUM_BITS - 1 && round(largest * 2 ** (bits + 1)) < 1 << COEFFICIENT_BITS) bits++;
  return { bits, all: all.map(({ start, weights }) => ({ start, weights: Int32Array.from(weights, (weight) => round(weight * 2 ** bits)) })) };
}

// PIL sums up the steps; multiplied instead, some pixels on a tie come from the neighbour.
function nearestPixels(length, target) {
  const step = length / target;
  const pixels = [];
  for (let position = step * 0.5; pixels.length < target; position += step) pixels.push(Math.min(Math.floor(position), length - 1));
  return pixels;
}

const oneTap = (pixels) => ({ bits: 0, all: pixels.map((start) => ({ start, weights: Int32Array.of(1) })) });

function taps(length, target, resample) {
  if (resample === NEAREST) return oneTap(nearestPixels(length, target));
  if (length === target) return oneTap(Array.from({ length }, (_, place) => place));
  return fixedPoint(weightsOf(length, target, FILTERS[resample]));
}

// One pass: `lines` lines of pixels become lines with `all.length` pixels. Steps are in values: from pixel to pixel, from line to line.
function convolve(from, to, lines, { bits, all }, source, target) {
  const half = bits > 0 ? 1 << (bits - 1) : 0;
  all.forEach(({ start, weights }, place) => {
    for (let line = 0; line < lines; line++) {
      let at = line * source.line + start * source.pixel;
      let [red, green, blue] = [half, half, half];
      for (const weight of weights) {
        red += weight * from[at];
        green += weight * from[at + 1];
        blue += weight * from[at + 2];
        at += source.pixel;
      }
      const out = line * target.line + place * target.pixel;
      // The array clamps to 8 bits.
      to[out] = red >> bits;
      to[out + 1] = green >> bits;
      to[out + 2] = blue >> bits;
    }
  });
}

/** Resizes a picture that comes strip by strip, so that a large one never lies in memory as a whole. */
export class Resizer {
  constructor(width, height, size, resample) {
    Object.assign(this, { width, height, size, resample, rows: 0 });
    this.columns = taps(width, size.width, resample);
    this.narrowed = new Uint8ClampedArray(3 * size.width * height);
  }

  /** Takes the next rows, RGBA. */
  push(rgba) {
    const rows = rgba.length / (4 * this.width);
    const line = 3 * this.size.width;
    const to = this.narrowed.subarray(this.rows * line);
    convolve(rgba, to, rows, this.columns, { pixel: 4, line: 4 * this.width }, { pixel: 3, line });
    this.rows += rows;
  }

  /** RGB of the new size. */
  finish() {
    const { size, height, narrowed } = this;
    const line = 3 * size.width;
    const resized = new Uint8ClampedArray(line * size.height);
    convolve(narrowed, resized, size.width, taps(height, size.height, this.resample), { pixel: line, line: 3 }, { pixel: line, line: 3 });
    return resized;
  }
}

// Half a pixel of offset rounds to the even number, as torchvision does it; the odd pixel of padding goes right and below.
function cropAxis(length, target) {
  if (target > length) return { source: 0, target: Math.floor((target - length) / 2), length };
  const half = (length - target) / 2;
  const offset = Number.isInteger(half) ? half : 2 * Math.round(half / 2);
  return { source: offset, target: 0, length: target };
}

function centerCrop(pixels, from, size) {
  const [x, y] = [cropAxis(from.width, size.width), cropAxis(from.height, size.height)];
  const cropped = new Uint8ClampedArray(3 * size.width * size.height);
  for (let row = 0; row < y.length; row++) {
    const start = 3 * ((y.source + row) * from.width + x.source);
    cropped.set(pixels.subarray(start, start + 3 * x.length), 3 * ((y.target + row) * size.width + x.target));
  }
  return cropped;
}

/** The resizer that a config asks for; without `do_resize` the picture keeps its size. */
export function resizerOf(config, width, height) {
  return config.do_resize ? new Resizer(width, height, config.size, config.resample) : new Resizer(width, height, { width, height }, NEAREST);
}

/** Crops and normalises what a resizer made: f32 [3, height, width]. Each 8-bit value is computed in 64 bits and rounded once. */
export function pixelValues(config, resizer) {
  const resized = resizer.finish();
  const pixels = config.do_center_crop ? centerCrop(resized, resizer.size, config.crop_size) : resized;
  const plane = pixels.length / 3;
  const values = new Float32Array(pixels.length);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = config.do_normalize ? [config.image_mean[channel], config.image_std[channel]] : [0, 1];
    const scale = config.do_rescale ? config.rescale_factor : 1;
    const table = Float32Array.from({ length: 256 }, (_, value) => (value * scale - mean) / std);
    for (let at = 0; at < plane; at++) values[channel * plane + at] = table[pixels[3 * at + channel]];
  }
  return values;
}
