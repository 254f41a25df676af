//! What can be wrong with a scoring request.

/// Why captions could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to score.
    #[error("no image to score: give at least one image with a hypothesis and its references")]
    NoImages,

    /// An image has no reference caption, so no score is defined for it.
    #[error("image {image} has no reference caption: drop it from the set or add one")]
    NoReferences {
        /// Key of the image, or its position where images have no key.
        image: String,
    },

    /// A scorer was asked about an image that it was not built with.
    #[error(
        "there is no image {index}: this scorer holds the references of {num_images} images, counted from 0"
    )]
    ImageIndex {
        /// Position asked for.
        index: usize,
        /// Images that the scorer knows.
        num_images: usize,
    },

    /// Two inputs that go image by image do not have the same length.
    #[error("{actual} hypotheses for {expected} images: exactly one hypothesis per image is scored")]
    HypothesisCount {
        /// Images with references.
        expected: usize,
        /// Hypotheses given.
        actual: usize,
    },
}
