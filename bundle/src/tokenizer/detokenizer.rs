use super::file::TokenizerFile;
use super::{SPECIALS, in_file, rules};
use crate::bounded::{self, MAX_TOKENIZER_BYTES};
use crate::{Error, Result};
use fancy_regex::Regex;
use serde_json::Value;
use std::path::Path;

/// From ids to text: the half of a tokenizer that captioning needs.
///
/// It follows the decoder that every `tokenizer.json` of a bundle has, with the regular expressions of the
/// `tokenizers` library but without the library, which would be a third of what a captioning program is built from.
/// Tests compare it with the library.
#[derive(Debug, Clone)]
pub struct Detokenizer {
    /// In order of id.
    tokens: Vec<String>,
    rules: Vec<Rule>,
}

/// A replacement in the joined text.
#[derive(Debug, Clone)]
enum Rule {
    Regex(Regex, String),
    Text(String, String),
}

impl Rule {
    /// A `Replace` of the decoder in `tokenizer.json`; `None` for its other parts, which join tokens with blanks.
    fn of(decoder: &Value) -> Option<Result<Self, String>> {
        let content = decoder.get("content")?.as_str()?.to_string();
        let pattern = decoder.get("pattern")?;
        if let Some(regex) = pattern.get("Regex").and_then(Value::as_str) {
            let regex = Regex::new(regex).map_err(|error| error.to_string());
            return Some(regex.map(|regex| Self::Regex(regex, content)));
        }
        let text = pattern.get("String")?.as_str()?.to_string();
        Some(Ok(Self::Text(text, content)))
    }

    fn apply(&self, text: &str) -> Result<String> {
        match self {
            Self::Text(pattern, content) => Ok(text.replace(pattern, content)),
            Self::Regex(regex, content) => {
                let mut replaced = String::with_capacity(text.len());
                let mut end = 0;
                for found in regex.find_iter(text) {
                    let found = found.map_err(|error| Error::Tokenizer(error.to_string()))?;
                    replaced.push_str(&text[end..found.start()]);
                    replaced.push_str(content);
                    end = found.end();
                }
                replaced.push_str(&text[end..]);
                Ok(replaced)
            }
        }
    }
}

impl Detokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAFile`] or [`Error::TooLarge`] where the file cannot be read, and
    /// [`Error::Tokenizer`] as [`from_json`](Self::from_json).
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::parse_file(path, &bounded::read_text(path, MAX_TOKENIZER_BYTES)?)
    }

    /// Parses the text of `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule is not the one that an export writes, where a special token is not at its id,
    /// where ids leave gaps, or where there are more than [`MAX_VOCAB_SIZE`](super::MAX_VOCAB_SIZE) tokens.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::parse(text).map_err(Error::Tokenizer)
    }

    pub(crate) fn parse_file(path: &Path, text: &str) -> Result<Self> {
        Self::parse(text).map_err(in_file(path))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let tokens = TokenizerFile::parse(text)?.tokens()?;
        let decoder = rules::decoder();
        let parts = decoder["decoders"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rules = parts.iter().filter_map(Rule::of).collect::<Result<_, _>>()?;
        Ok(Self { tokens, rules })
    }

    /// Tokens, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.tokens.len()
    }

    /// The sentence of these ids: special tokens are left out, punctuation and clitics join their word
    /// (`a man 's hat .` reads `a man's hat.`). Ids beyond the vocabulary are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule fails on the text, which no text is known to cause.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let is_special = |id: u32| (id as usize) < SPECIALS.len();
        let tokens = ids.iter().filter(|&&id| !is_special(id)).filter_map(|&id| self.tokens.get(id as usize));
        let mut text = tokens.map(String::as_str).collect::<Vec<_>>().join(" ");
        for rule in &self.rules {
            text = rule.apply(&text)?;
        }
        Ok(text)
    }

    /// The token of an id, or `None` beyond the vocabulary.
    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }
}

#[cfg(all(test, feature = "tokenizers"))]
mod tests {
    use super::*;
    use crate::CaptionTokenizer;

    #[test]
    fn ids_become_what_the_whole_tokenizer_makes_of_them() {
        let words = ["a", "man", "'s", "hat", ".", "do", "n't", ",", "ca", "``", "''"];
        let whole = CaptionTokenizer::build(words).unwrap();
        let half = Detokenizer::parse(&whole.to_json().unwrap()).unwrap();
        assert_eq!(half.vocab_size(), whole.vocab_size());
        for text in ["a man's hat.", "don't, man", "a \"hat\" , a hat", "unheard of"] {
            let ids = whole.encode(text).unwrap();
            assert_eq!(half.decode(&ids).unwrap(), whole.decode(&ids).unwrap());
            for id in ids {
                assert_eq!(half.id_to_token(id).map(str::to_string), whole.id_to_word(id));
            }
        }
        assert_eq!(half.id_to_token(99), None);
        assert!(Detokenizer::parse("{}").is_err());
        let moved = whole.to_json().unwrap().replace("\"<eos>\": 2", "\"<eos>\": 3");
        assert!(Detokenizer::parse(&moved).is_err());
    }

    /// All ids of the shipped vocabulary in a shuffled order, special ones and the awkward ones between them, in runs
    /// of 1 to 40.
    #[test]
    fn text_equals_that_of_the_tokenizers_library() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/flickr8k-edge/tokenizer.json");
        let text = std::fs::read_to_string(path).unwrap();
        let (whole, half) =
            (CaptionTokenizer::from_json(&text).unwrap(), Detokenizer::from_json(&text).unwrap());
        let size = half.vocab_size() as u32;
        let awkward = [".", ",", "'s", "n't", "``", "''", "(", ")", "can", "not", "#", "$", "-", "'"];
        let awkward: Vec<u32> = awkward.iter().filter_map(|token| whole.word_to_id(token)).collect();
        assert!(awkward.len() > 8);
        let ids: Vec<u32> = (0..4 * size)
            .map(|place| match place % 3 {
                0 => awkward[place as usize * 7919 % awkward.len()],
                _ => (u64::from(place) * 2_654_435_761 % u64::from(size)) as u32,
            })
            .collect();
        let mut start = 0;
        for length in (1..40).cycle() {
            let Some(run) = ids.get(start..start + length) else { break };
            assert_eq!(half.decode(run).unwrap(), whole.decode(run).unwrap(), "{run:?}");
            start += length;
        }
    }
}
