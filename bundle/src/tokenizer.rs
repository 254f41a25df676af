use crate::{Error, Result};
use std::path::Path;
use tokenizers::Tokenizer;

/// The special words, at ids 0 to 3.
pub const SPECIALS: [&str; 4] = ["<pad>", "<sos>", "<eos>", "<unk>"];
/// `<pad>`
pub const PAD_ID: u32 = 0;
/// `<sos>`
pub const BOS_ID: u32 = 1;
/// `<eos>`
pub const EOS_ID: u32 = 2;
/// `<unk>`
pub const UNK_ID: u32 = 3;

/// Words to ids and back: a Hugging Face tokenizer with a word-level vocabulary.
#[derive(Debug, Clone)]
pub struct CaptionTokenizer {
    inner: Tokenizer,
}

impl CaptionTokenizer {
    /// Reads `tokenizer.json`.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        Self::from_json(&text)
    }

    /// Parses the text of `tokenizer.json`.
    pub fn from_json(text: &str) -> Result<Self> {
        let inner = text.parse().map_err(|error: tokenizers::Error| Error::Tokenizer(error.to_string()))?;
        Ok(Self { inner })
    }

    /// Words, specials included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}
