//! What programs and servers answer for a photo, as JSON: one schema for all of them.

use crate::{Caption, Trace};
use ndarray::Array2;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

/// The answer for one photo: a line of `glimpse caption --json`, and a result of the server.
///
/// ```json
/// {"image": "dog.jpg", "captions": [{"generated_text": "a dog.", "score": -0.5, "token_ids": [4, 9, 5, 2],
///     "token_logprobs": [-0.1, -0.2, -0.1, -0.1]}]}
/// {"image": "notes.txt", "error": "not a picture"}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// The photo was captioned.
    #[non_exhaustive]
    Captions {
        /// What the caller calls the photo.
        image: &'a str,
        /// The beams of the search, where one call asks for several searches.
        #[serde(skip_serializing_if = "Option::is_none")]
        num_beams: Option<usize>,
        /// Best first.
        captions: &'a [Caption],
        /// How long encoder and search took, where that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        milliseconds: Option<Milliseconds>,
        /// The beam tree, where that was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace: Option<&'a Trace>,
    },
    /// The photo could not be captioned.
    #[non_exhaustive]
    Error {
        /// What the caller calls the photo.
        image: &'a str,
        /// Why, in one line.
        error: &'a str,
    },
}

/// A photo's share of the time of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Milliseconds {
    /// Of the encoder, which runs once for all searches of a photo.
    pub encoder: f64,
    /// Of this search.
    pub search: f64,
}

impl<'a> Answer<'a> {
    /// The answer for the photo that the caller calls `image`.
    pub fn new(image: &'a str, result: Result<&'a [Caption], &'a str>) -> Self {
        match result {
            Ok(captions) => {
                Self::Captions { image, num_beams: None, captions, milliseconds: None, trace: None }
            }
            Err(error) => Self::Error { image, error },
        }
    }

    /// Adds the number of beams, to tell several searches apart. An error stays as it is.
    #[must_use]
    pub fn with_num_beams(mut self, beams: usize) -> Self {
        if let Self::Captions { num_beams, .. } = &mut self {
            *num_beams = Some(beams);
        }
        self
    }

    /// Adds how long encoder and search took. An error stays as it is.
    #[must_use]
    pub fn with_milliseconds(mut self, took: Milliseconds) -> Self {
        if let Self::Captions { milliseconds, .. } = &mut self {
            *milliseconds = Some(took);
        }
        self
    }

    /// Adds the beam tree. An error stays as it is.
    #[must_use]
    pub fn with_trace(mut self, tree: &'a Trace) -> Self {
        if let Self::Captions { trace, .. } = &mut self {
            *trace = Some(tree);
        }
        self
    }
}

/// The attention of each token as a list of cells.
pub(crate) fn rows<S: Serializer>(
    attentions: &Option<Array2<f32>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(attentions) = attentions else { return serializer.serialize_none() };
    let mut rows = serializer.serialize_seq(Some(attentions.nrows()))?;
    for row in attentions.rows() {
        rows.serialize_element(&row.to_vec())?;
    }
    rows.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, to_value};

    #[test]
    fn an_answer_is_a_line_of_json() {
        let mut caption = Caption {
            generated_text: "a dog.".into(),
            score: -0.5,
            token_ids: vec![4, 2],
            token_logprobs: vec![-0.25, -0.75],
            attentions: None,
        };
        let plain = json!({"generated_text": "a dog.", "score": -0.5, "token_ids": [4, 2], "token_logprobs": [-0.25, -0.75]});
        let captions = [caption.clone()];
        let answer = Answer::new("dog.jpg", Ok(&captions));
        assert_eq!(to_value(answer).unwrap(), json!({"image": "dog.jpg", "captions": [plain]}));
        assert_eq!(to_value(answer.with_num_beams(3)).unwrap()["num_beams"], 3);
        let error = Answer::new("notes.txt", Err("not a picture")).with_num_beams(3);
        assert_eq!(to_value(error).unwrap(), json!({"image": "notes.txt", "error": "not a picture"}));
        caption.attentions = Some(ndarray::arr2(&[[0.25, 0.75], [1.0, 0.0]]));
        assert_eq!(to_value(&caption).unwrap()["attentions"], json!([[0.25, 0.75], [1.0, 0.0]]));
    }
}
