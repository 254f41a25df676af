// Makes pixel_values of raw pictures.
// node resample.mjs FOLDER: cases.json lists { name, width, height, config }; NAME.rgba is read, NAME.f32 written.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pixelValues, resizerOf } from "../../page/resample.js";

const [folder] = process.argv.slice(2);
for (const { name, width, height, config } of JSON.parse(readFileSync(join(folder, "cases.json")))) {
  const rgba = readFileSync(join(folder, `${name}.rgba`));
  const resizer = resizerOf(config, width, height);
  // In two strips, as a canvas is read.
  const half = 4 * width * Math.ceil(height / 2);
  for (const strip of [rgba.subarray(0, half), rgba.subarray(half)]) if (strip.length > 0) resizer.push(strip);
  writeFileSync(join(folder, `${name}.f32`), pixelValues(config, resizer));
}
