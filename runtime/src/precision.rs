use crate::device::Device;
use crate::{Error, Result};
use glimpse_bundle::{Bundle, DECODER, ENCODER, Precision};
use std::fmt;
use std::str::FromStr;

/// Which of a bundle's graphs run: a precision for each, or `None` to choose by the device.
///
/// On CUDA that is f16 where the bundle has it, on the CPU f32, as the model was trained; a bundle
/// without it runs in what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrecisionChoice {
    /// Of the encoder.
    pub encoder: Option<Precision>,
    /// Of the decoder.
    pub decoder: Option<Precision>,
}

/// Not the name of a choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no precision; use auto, fp32, fp16 or int8, or two of them as ENCODER,DECODER")]
pub struct UnknownChoice(String);

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        Self { encoder: Some(precision), decoder: Some(precision) }
    }
}

impl FromStr for PrecisionChoice {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let one = |name: &str| match name {
            "auto" => Ok(None),
            name => name.parse().map(Some).map_err(|_| UnknownChoice(text.to_string())),
        };
        let (encoder, decoder) = text.split_once(',').unwrap_or((text, text));
        Ok(Self { encoder: one(encoder)?, decoder: one(decoder)? })
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |choice: Option<Precision>| choice.map_or("auto", Precision::as_str);
        match (self.encoder, self.decoder) {
            (encoder, decoder) if encoder == decoder => f.write_str(name(encoder)),
            (encoder, decoder) => write!(f, "{},{}", name(encoder), name(decoder)),
        }
    }
}

impl PrecisionChoice {
    /// The precision in which a graph runs on a device.
    pub(crate) fn resolve(self, bundle: &Bundle, stem: &'static str, device: Device) -> Result<Precision> {
        let held = bundle.precisions(stem);
        let chosen = if stem == ENCODER { self.encoder } else { self.decoder };
        debug_assert!(stem == ENCODER || stem == DECODER);
        if let Some(precision) = chosen {
            // A bundle without the graph at all is damaged; opening it gives the better error.
            if held.is_empty() || held.contains(&precision) {
                return Ok(precision);
            }
            let held: Vec<_> = held.into_iter().map(Precision::as_str).collect();
            let path = bundle.dir().to_path_buf();
            return Err(Error::Precision { precision, path, stem, held: held.join(" and ") });
        }
        let preferred = match device {
            Device::Cuda(_) => [Precision::Fp16, Precision::Fp32, Precision::Int8],
            Device::Cpu | Device::Auto => [Precision::Fp32, Precision::Int8, Precision::Fp16],
        };
        Ok(preferred.into_iter().find(|precision| held.contains(precision)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::PrecisionChoice;
    use glimpse_bundle::Precision::{Fp16, Fp32, Int8};

    #[test]
    fn names_are_read_and_written() {
        let both = |encoder, decoder| PrecisionChoice { encoder, decoder };
        for (name, choice) in [
            ("auto", both(None, None)),
            ("int8", Int8.into()),
            ("fp32,int8", both(Some(Fp32), Some(Int8))),
            ("auto,fp16", both(None, Some(Fp16))),
        ] {
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(choice.to_string(), name);
        }
        for name in ["", "int4", "int8,", "fp32,int8,int8", "f32 int8"] {
            assert!(name.parse::<PrecisionChoice>().is_err(), "{name}");
        }
    }
}
