use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use std::fmt;

/// What a file calls an image: COCO's number, or a text where the data set has no numbers.
///
/// As in Python, and so in pycocotools, 1 and 1.0 are the same id, and 1 and "1" are two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum ImageId {
    /// As in COCO; whole numbers are kept as such.
    Number(Number),
    /// As in Flickr8k and Flickr30k.
    Name(String),
}

/// Whole numbers up to here are exact in 64-bit floats.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

impl From<u64> for ImageId {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for ImageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = ImageId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ImageId, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ImageId, E> {
        Ok(ImageId::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<ImageId, E> {
        if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
            return self.visit_i64(value as i64);
        }
        Number::from_f64(value).map(ImageId::Number).ok_or_else(|| E::custom("a finite number is expected"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<ImageId, E> {
        Ok(ImageId::Name(value.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::ImageId;

    #[test]
    fn ids_are_equal_where_pythons_are() {
        let id = |json: &str| serde_json::from_str::<ImageId>(json).unwrap();
        // Negative whole numbers are kept as signed ones, others as unsigned ones.
        for (a, b, equal) in [
            ("1", "1.0", true),
            ("-3", "-3.0", true),
            ("0", "-0.0", true),
            ("1", "\"1\"", false),
            ("1.5", "1.5", true),
            ("1.5", "2", false),
            ("18446744073709551615", "18446744073709551615", true),
        ] {
            assert_eq!(id(a) == id(b), equal, "{a} and {b}");
        }
        for (json, text) in [("-3.0", "-3"), ("1.5", "1.5"), ("\"f1\"", "f1"), ("7", "7")] {
            assert_eq!(id(json).to_string(), text);
        }
        assert_eq!(serde_json::to_string(&id("\"f1\"")).unwrap(), "\"f1\"");
        assert!(serde_json::from_str::<ImageId>("null").is_err());
    }
}
