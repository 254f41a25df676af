use std::fmt;
use std::str::FromStr;

/// Architecture, sizes, provenance and scores.
pub const CONFIG: &str = "config.json";
/// From a photo to `pixel_values`, in Hugging Face's keys.
pub const PREPROCESSOR_CONFIG: &str = "preprocessor_config.json";
/// Decoding defaults, in Hugging Face's keys.
pub const GENERATION_CONFIG: &str = "generation_config.json";
/// A Hugging Face `tokenizers` file.
pub const TOKENIZER: &str = "tokenizer.json";
/// One line for each file, as `sha256sum` writes them.
pub const CHECKSUMS: &str = "SHA256SUMS";
/// Folder in which a runtime may keep graphs as it arranged them for one machine; it is not shipped.
pub const OPTIMIZED: &str = "optimized";
/// Stem of the encoder's file name.
pub const ENCODER: &str = "encoder_model";
/// Stem of the single-step decoder's file name.
pub const DECODER: &str = "decoder_model";
/// Stem of the optional all-in-one graph's file name.
pub const CAPTIONER: &str = "captioner_model";

/// The number format of a graph's weights; a suffix of its file name, as optimum writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit floats, no suffix.
    #[default]
    Fp32,
    /// 16-bit floats, `_fp16`.
    Fp16,
    /// 8-bit integers, `_int8`.
    Int8,
}

/// A text that is not the name of a precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a precision; use fp32, fp16 or int8")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.as_str() == name)
            .ok_or_else(|| UnknownPrecision(name.into()))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Precision {
    /// Every precision, the most exact first.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];

    /// The name on command lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }

    /// What stands between the stem and `.onnx`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Fp32 => "",
            Self::Fp16 => "_fp16",
            Self::Int8 => "_int8",
        }
    }
}

/// The file name of a graph: `model_file(ENCODER, Precision::Int8)` is `encoder_model_int8.onnx`.
pub fn model_file(stem: &str, precision: Precision) -> String {
    format!("{stem}{}.onnx", precision.suffix())
}

#[cfg(test)]
mod tests {
    use super::Precision;

    #[test]
    fn names_are_read_and_written() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        assert!("int4".parse::<Precision>().is_err());
    }
}
