//! Tokens and text: the vocabulary of a captioner and its rules.

#[cfg(feature = "tokenizers")]
mod caption_tokenizer;
#[cfg(feature = "tokenizers")]
mod counts;
mod detokenizer;
mod file;
mod rules;

#[cfg(feature = "tokenizers")]
pub use caption_tokenizer::CaptionTokenizer;
#[cfg(feature = "tokenizers")]
pub use counts::WordCounts;
pub use detokenizer::Detokenizer;
pub use file::MAX_VOCAB_SIZE;

use crate::Error;
use std::path::Path;

/// The special tokens, at ids 0 to 3.
pub const SPECIALS: [&str; 4] = ["<pad>", "<sos>", "<eos>", "<unk>"];
/// `<pad>`
pub const PAD_ID: u32 = 0;
/// `<sos>`
pub const BOS_ID: u32 = 1;
/// `<eos>`
pub const EOS_ID: u32 = 2;
/// `<unk>`
pub const UNK_ID: u32 = 3;

/// Names the file in a reason.
fn in_file(path: &Path) -> impl FnOnce(String) -> Error {
    move |reason| Error::Tokenizer(format!("{}: {reason}", path.display()))
}
