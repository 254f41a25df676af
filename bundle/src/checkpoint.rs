//! What a training checkpoint holds besides its weights.
//!
//! A checkpoint is one `.safetensors` file. Its metadata carry the bundle's four JSON files under
//! the keys below, so that a checkpoint cannot be used with another vocabulary or another preprocessing.
//! The backbone is not inside: the config names it, with the SHA-256 of its weight file. Of blocks that were trained
//! with the decoder, the weights of the convolutions are inside, under the names of the backbone's own checkpoint; their
//! batch norms stay as in the file.

/// Metadata key of [`Config`](crate::Config) as JSON.
pub const CONFIG: &str = "config";
/// Metadata key of [`PreprocessorConfig`](crate::PreprocessorConfig) as JSON.
pub const PREPROCESSOR_CONFIG: &str = "preprocessor_config";
/// Metadata key of [`GenerationConfig`](crate::GenerationConfig) as JSON.
pub const GENERATION_CONFIG: &str = "generation_config";
/// Metadata key of the tokenizer's JSON.
pub const TOKENIZER: &str = "tokenizer";
