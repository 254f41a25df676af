use super::file::{Half, TokenizerFile};
use super::{CaptionTokenizer, in_file};
use crate::Result;
use crate::bounded::{self, MAX_TOKENIZER_BYTES};
use std::path::Path;

/// The half of a [`CaptionTokenizer`] that turns ids into words.
///
/// Captioning needs no other half. The rules that cut a text into words are large regular expressions and take longer to
/// compile than the vocabulary takes to read.
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
        Self::parse_file(path, &bounded::read_text(path, MAX_TOKENIZER_BYTES)?)
    }

    pub(crate) fn parse_file(path: &Path, text: &str) -> Result<Self> {
        Self::parse(text).map_err(in_file(path))
    }

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { words: CaptionTokenizer { inner: TokenizerFile::parse(text)?.build(Half::Decoding)? } })
    }

    /// Words, specials included.
    pub fn vocab_size(&self) -> usize {
        self.words.vocab_size()
    }

    /// As [`CaptionTokenizer::decode`].
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer) where a rule fails on the words, which none are known to cause.
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
