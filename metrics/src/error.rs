//! What can be wrong with a scoring request.

use std::path::PathBuf;

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

    /// Images with references lack a hypothesis.
    #[error(
        "{count} images have references but no hypothesis, {image} for one: score a subset by giving only its references"
    )]
    MissingHypothesis {
        /// The first of them.
        image: String,
        /// How many there are.
        count: usize,
    },

    /// Hypotheses were given for images without references.
    #[error(
        "{count} hypotheses are for images without references, {image} for one: are both of the same split?"
    )]
    UnknownImage {
        /// The first of them.
        image: String,
        /// How many there are.
        count: usize,
    },

    /// The same image was given twice.
    #[error("image {image} is given twice: one entry per image is scored")]
    DuplicateImage {
        /// Key of the image.
        image: String,
    },

    /// Two systems to compare were not scored on the same images in the same order.
    #[error("the two systems were scored on different images: score both against the same references")]
    DifferentImages,

    /// The METEOR program is not where it was said to be.
    #[error(
        "no METEOR program at {path}: --meteor-jar takes meteor-1.5.jar, which the Python package pycocoevalcap holds"
    )]
    MeteorJar {
        /// Where it was looked for.
        path: PathBuf,
    },

    /// Java did not start.
    #[error("cannot run {java} for METEOR: {source}; install a Java runtime or leave METEOR out")]
    Java {
        /// The program that was tried.
        java: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// METEOR stopped or answered what is no score.
    #[error("METEOR did not answer with scores: {message}")]
    Meteor {
        /// What it said instead.
        message: String,
    },
}
