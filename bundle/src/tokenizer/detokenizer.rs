use super::{CaptionTokenizer, parse_file};
use crate::Result;
use serde_json::Value;
use std::path::Path;

/// The half of a [`CaptionTokenizer`] that turns ids into words.
///
/// Captioning needs no other, and the rules that cut a text into words, large regular expressions, take longer to read
/// than the vocabulary.
#[derive(Debug, Clone)]
pub struct Detokenizer {
    /// Without the rules of the other half: it must not encode.
    words: CaptionTokenizer,
}

impl Detokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// As [`CaptionTokenizer::from_file`].
    pub fn from_file(path: &Path) -> Result<Self> {
        parse_file(path, Self::parse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for rules in ["normalizer", "pre_tokenizer"] {
            if let Some(rules) = parts.get_mut(rules) {
                *rules = Value::Null;
            }
        }
        let inner = serde_json::from_value(parts).map_err(|error| error.to_string())?;
        Ok(Self { words: CaptionTokenizer::checked(inner)? })
    }

    /// Words, specials included.
    pub fn vocab_size(&self) -> usize {
        self.words.vocab_size()
    }

    /// As [`CaptionTokenizer::decode`].
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer) where a rule of a foreign file fails on the words.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.words.decode(ids)
    }

    /// The word of an id, or `None` beyond the vocabulary.
    pub fn id_to_word(&self, id: u32) -> Option<String> {
        self.words.id_to_word(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                assert_eq!(half.id_to_word(id), whole.id_to_word(id));
            }
        }
        assert_eq!(half.id_to_word(99), None);
        assert!(Detokenizer::parse("{}").is_err());
        let moved = whole.to_json().unwrap().replace("\"<eos>\": 2", "\"<eos>\": 3");
        assert!(Detokenizer::parse(&moved).is_err());
    }
}
