//! The contract between everything that writes a captioner and everything that runs one.
//!
//! A *bundle* is a folder that explains itself: an encoder and a single-step decoder in ONNX, a
//! tokenizer, the preprocessing, the decoding defaults, the provenance, and a checksum of each file.
//!
//! | item | topic |
//! |---|---|
//! | [`Bundle`] | a folder on disk: opened, checked, sealed |
//! | [`Config`], [`Architecture`] | `config.json`: sizes, provenance, scores |
//! | [`DecoderInterface`] | the decoder's state and inputs, as `config.json` lists them |
//! | [`PreprocessorConfig`], [`Preprocessor`] | from a photo to `pixel_values` |
//! | [`GenerationConfig`] | decoding options, under Hugging Face's keys |
//! | [`Detokenizer`] | ids to text |
//! | `CaptionTokenizer`, `WordCounts` | text to ids; the vocabulary (feature `tokenizers`) |
//! | [`OrderedMap`] | work on many items at once, results in order |
//! | [`tensors`] | names of the graphs' inputs and outputs |
//! | [`write_whole`], [`WholeFolder`] | files and folders that appear whole or not at all |
//! | [`checkpoint`] | what a training checkpoint holds besides its weights |
//! | [`shipped_bundle`] | the bundle that comes with the programs |
//! | [`printable`] | a text from outside, safe to print on a terminal |

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod bounded;
pub mod checkpoint;
mod checksums;
mod config;
mod decoder_interface;
mod error;
mod files;
mod folder;
mod generation;
mod graph_outline;
pub mod image;
mod ordered_map;
mod preprocessor;
mod self_contained;
mod shipped;
pub mod tensors;
mod text;
mod tokenizer;
mod whole;
pub mod wire;

pub use checksums::{seal, sha256, sha256_of_file};
pub use config::{Architecture, Config, FORMAT_VERSION, MAX_CELLS, MAX_DIM, Provenance, SourceCheckpoint};
pub use decoder_interface::{Axis, DecoderInterface, ImageTensor, StateTensor};
pub use error::{Error, Result, with_causes};
pub use files::{
    CAPTIONER, CHECKSUMS, CONFIG, DECODER, ENCODER, GENERATION_CONFIG, OPTIMIZED, PREPROCESSOR_CONFIG,
    Precision, TOKENIZER, UnknownPrecision, model_file,
};
pub use folder::Bundle;
pub use generation::{EarlyStopping, EosTokenIds, GenerationConfig, InvalidOption};
pub use graph_outline::external_files;
pub use image::Preprocessor;
pub use ordered_map::{OrderedMap, for_each_ordered};
pub use preprocessor::{MAX_INPUT_SIDE, PreprocessorConfig, Resample, Size};
pub use self_contained::self_contained;
pub use shipped::{SHIPPED_BUNDLE, shipped_bundle};
pub use text::{printable, printable_excerpt};
pub use tokenizer::{BOS_ID, Detokenizer, EOS_ID, MAX_VOCAB_SIZE, PAD_ID, SPECIALS, UNK_ID};
#[cfg(feature = "tokenizers")]
pub use tokenizer::{CaptionTokenizer, WordCounts};
pub use whole::{WholeFolder, write_together, write_whole, write_whole_with};
