// Makes texts of token ids.
// node detokenizer.mjs TOKENIZER IDS: IDS is a JSON list of lists of ids; prints a JSON list of texts.

import { readFileSync } from "node:fs";
import { Detokenizer } from "../../page/detokenizer.js";

const [tokenizer, ids] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path)));
const detokenizer = new Detokenizer(tokenizer);
console.log(JSON.stringify(ids.map((one) => detokenizer.decode(one))));
