//! The contract between everything that writes a captioner and everything that runs one.
//!
//! A *bundle* is a folder that explains itself: an encoder and a single-step decoder in ONNX, a
//! tokenizer, the preprocessing, the decoding defaults, the provenance, and a checksum of each file.
//!
//! | item | topic |
//! |---|---|
//! | [`Bundle`] | a folder on disk: opened, checked, sealed |
//! | [`Config`], [`Architecture`] | `config.json`: sizes, provenance, scores |
//! | [`PreprocessorConfig`], [`Preprocessor`] | from a photo to `pixel_values` |
//! | [`GenerationConfig`] | decoding defaults, in Hugging Face's words |
//! | [`CaptionTokenizer`], [`Detokenizer`], [`WordCounts`] | words to ids and back; the vocabulary |
//! | [`tensors`] | names of the graphs' inputs and outputs |
//! | [`checkpoint`] | what a training checkpoint holds besides its weights |

pub mod checkpoint;
mod checksums;
mod config;
mod error;
mod files;
mod folder;
mod generation;
pub mod image;
mod preprocessor;
pub mod tensors;
mod tokenizer;
mod whole;

pub use checksums::{seal, sha256, sha256_of_file};
pub use config::{Architecture, Config, FORMAT_VERSION, GRID_SIZE, NUM_CELLS, Provenance, StartedFrom};
pub use error::{Error, Result, with_causes};
pub use files::{
    CAPTIONER, CHECKSUMS, CONFIG, DECODER, ENCODER, GENERATION_CONFIG, OPTIMIZED, PREPROCESSOR_CONFIG,
    Precision, TOKENIZER, UnknownPrecision, model_file,
};
pub use folder::Bundle;
pub use generation::{EarlyStopping, GenerationConfig};
pub use image::Preprocessor;
pub use preprocessor::{PreprocessorConfig, Resample, Size};
pub use tokenizer::{BOS_ID, CaptionTokenizer, Detokenizer, EOS_ID, PAD_ID, SPECIALS, UNK_ID, WordCounts};
pub use whole::{write_together, write_whole};
