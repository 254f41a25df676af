// From ids to text, by the decoder of `tokenizer.json`.

const SPECIALS = 4;

/** Reads `tokenizer.json`, an object. */
export class Detokenizer {
  constructor(tokenizer) {
    this.tokens = [];
    for (const { id, content } of tokenizer.added_tokens) this.tokens[id] = content;
    for (const [token, id] of Object.entries(tokenizer.model.vocab)) this.tokens[id] = token;
    this.rules = tokenizer.decoder.decoders.filter((part) => part.type === "Replace").map(({ pattern, content }) => {
      // `\z` is the end of the text, which JavaScript writes `$`.
      return [pattern.Regex ? new RegExp(pattern.Regex.replaceAll("\\z", "$"), "gu") : pattern.String, content];
    });
  }

  token(id) {
    return this.tokens[id];
  }

  /** The sentence of these ids, special tokens left out. */
  decode(ids) {
    const words = ids.filter((id) => id >= SPECIALS).map((id) => this.tokens[id]);
    return this.rules.reduce((text, [pattern, content]) => text.replaceAll(pattern, () => content), words.join(" "));
  }
}
