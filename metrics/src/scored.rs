//! A score of a set with the scores of its images.

/// One metric on one set of images.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Scored {
    /// Score of the whole set. For BLEU it is not the mean of the images' scores.
    pub corpus: f64,
    /// Score of each image, in the order of the images.
    pub per_image: Vec<f64>,
}

impl Scored {
    /// A metric whose score of a set is the mean over its images.
    pub(crate) fn mean(per_image: Vec<f64>) -> Self {
        let corpus = per_image.iter().sum::<f64>() / per_image.len() as f64;
        Self { corpus, per_image }
    }
}
