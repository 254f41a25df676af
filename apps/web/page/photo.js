// From a file to `pixel_values`: the browser decodes, all else is as the program does it.

import { pixelValues, resizerOf } from "./resample.js";

const MAX_SIDE = 16384;
const MAX_PIXELS = 100e6;
// The network's smallest grid is 7x7.
const MIN_SIDE = 7;
// Pixels that are read from a canvas at a time.
const STRIP_PIXELS = 1 << 21;

// The first bytes of each format; null stands for any byte.
const FORMATS = [
  ["JPEG", [0xff, 0xd8, 0xff]],
  ["PNG", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["WebP", [0x52, 0x49, 0x46, 0x46, null, null, null, null, 0x57, 0x45, 0x42, 0x50]],
  ["GIF", [0x47, 0x49, 0x46, 0x38]],
  ["BMP", [0x42, 0x4d]],
];
// TIFF in both orders of bytes, BigTIFF too; HEIC, HEIF and AVIF; JPEG XL; JPEG 2000.
const OTHERS = [[0x49, 0x49, 0x2a, 0], [0x4d, 0x4d, 0, 0x2a], [0x49, 0x49, 0x2b, 0], [0x4d, 0x4d, 0, 0x2b],
  [null, null, null, null, 0x66, 0x74, 0x79, 0x70], [0xff, 0x0a], [0, 0, 0, 0x0c, 0x4a], [0, 0, 0, 0x0c, 0x6a], [0xff, 0x4f, 0xff, 0x51]];

function formatOf(bytes) {
  if (bytes.length === 0) throw new Error("the file is empty");
  const starts = (start) => start.every((byte, place) => byte === null || bytes[place] === byte);
  const found = FORMATS.find(([, start]) => starts(start));
  if (found) return found[0];
  if (OTHERS.some(starts)) throw new Error("only JPEG, PNG, WebP, GIF and BMP are read here; save the picture as JPEG or PNG");
  throw new Error("not a picture: its first bytes are not those of a JPEG, PNG, WebP, GIF or BMP file");
}

function find(bytes, wanted, from) {
  for (let at = from; at + wanted.length <= bytes.length; at++) if (wanted.every((byte, place) => bytes[at + place] === byte)) return at;
  return -1;
}

// Where the first scan of a JPEG begins: an end marker before it is that of a thumbnail.
function firstScan(bytes) {
  let at = 2;
  while (bytes[at] === 0xff && bytes[at + 1] !== 0xda) at += bytes[at + 1] === 0xff ? 1 : 2 + 256 * bytes[at + 2] + bytes[at + 3];
  return at;
}

// Browsers fill the missing part of a picture with grey; the program refuses it.
function isCutShort(format, bytes) {
  if (format === "JPEG") return find(bytes, [0xff, 0xd9], firstScan(bytes)) < 0;
  if (format === "PNG") return find(bytes, [0x49, 0x45, 0x4e, 0x44], 8) < 0;
  if (format === "WebP") return new DataView(bytes.buffer).getUint32(4, true) + 8 > bytes.length;
  return format === "GIF" && bytes.lastIndexOf(0x3b) < 13;
}

async function decode(format, bytes) {
  try {
    // The values as they are stored: no colour profile, no product with transparency; upright.
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" };
    return await createImageBitmap(new Blob([bytes]), options);
  } catch {
    throw new Error(`the ${format} file is damaged, or of a kind that this browser does not read; save the picture as JPEG or PNG`);
  }
}

// Where something is transparent, a 2D canvas has lost the colours below; a texture keeps them.
function readTransparent(bitmap, resizer) {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) {
    throw new Error("this browser does not show the colours of so many transparent pixels; save the picture as JPEG");
  }
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  for (const [top, rows] of strips(width, height)) {
    const rgba = new Uint8Array(4 * width * rows);
    gl.readPixels(0, top, width, rows, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
    resizer.push(rgba);
  }
  if (gl.getError() !== gl.NO_ERROR) throw new Error("the picture does not fit into the memory of the graphics card; scale it down");
  gl.getExtension("WEBGL_lose_context")?.loseContext();
}

// First row and number of rows of each part that is read at once.
function* strips(width, height) {
  const rows = Math.max(1, Math.floor(STRIP_PIXELS / width));
  for (let top = 0; top < height; top += rows) yield [top, Math.min(rows, height - top)];
}

// Returns whether every pixel is opaque.
function readOpaque(bitmap, resizer) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(height, Math.max(1, Math.floor(STRIP_PIXELS / width))));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (const [top, rows] of strips(width, height)) {
    context.clearRect(0, 0, width, canvas.height);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, rows);
    for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
    resizer.push(data);
  }
  return true;
}

function check({ width, height }) {
  const size = `${width}x${height} pixels`;
  if (Math.max(width, height) > MAX_SIDE) throw new Error(`${size} is too large: a side may have at most ${MAX_SIDE}; scale the picture down`);
  if (width * height > MAX_PIXELS) throw new Error(`${size} is too large: at most ${MAX_PIXELS / 1e6} megapixels are read; scale the picture down`);
  if (Math.min(width, height) < MIN_SIDE) throw new Error(`${size} are too few to caption: a side needs ${MIN_SIDE} at least`);
}

/** `pixel_values` of a photo, f32 [3, height, width], by `preprocessor_config.json`. Refuses with one line what cannot be captioned. */
export async function prepare(photo, config) {
  const bytes = new Uint8Array(await photo.arrayBuffer());
  const format = formatOf(bytes);
  if (isCutShort(format, bytes)) throw new Error(`the ${format} file is cut short: its end is missing; fetch it again`);
  const bitmap = await decode(format, bytes);
  try {
    check(bitmap);
    const { width, height } = bitmap;
    let resizer = resizerOf(config, width, height);
    if (!readOpaque(bitmap, resizer)) {
      // Browsers make the transparent pixels of a GIF black; the program shows their colours.
      if (format === "GIF") throw new Error("a GIF with transparent pixels is not read here; save the picture as PNG or JPEG");
      resizer = resizerOf(config, width, height);
      readTransparent(bitmap, resizer);
    }
    return pixelValues(config, resizer);
  } finally {
    bitmap.close();
  }
}
