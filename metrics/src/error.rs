//! Why captions cannot be scored.

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

    /// A scorer has no image at the given position.
    #[error(
        "there is no image {index}: this scorer holds the references of {num_images} images, counted from 0"
    )]
    ImageIndex {
        /// The given position, counted from 0.
        index: usize,
        /// Images that the scorer has references of.
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
        "{count} images have references but no hypothesis, for example {image}: to score a subset, give only its references"
    )]
    MissingHypothesis {
        /// The first of them.
        image: String,
        /// How many there are.
        count: usize,
    },

    /// Hypotheses were given for images without references.
    #[error(
        "{count} hypotheses are for images without references, for example {image}: give both of the same split"
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

    /// Two metrics have the same key.
    #[error("two metrics are named {key}: give each key to one metric only")]
    DuplicateMetric {
        /// The key.
        key: String,
    },

    /// A metric did not return as many numbers as its contract says.
    #[error("the metric {metric} returned {actual} numbers instead of {expected}: correct its code")]
    MetricNumbers {
        /// Its keys.
        metric: String,
        /// How many numbers were expected: one per key, or as many statistics as for the first image.
        expected: usize,
        /// How many it returned.
        actual: usize,
    },

    /// A bootstrap interval needs more draws.
    #[error(
        "{num_resamples} resamples are too few for an interval of confidence {confidence}: draw at least {minimum}"
    )]
    TooFewResamples {
        /// Draws asked for.
        num_resamples: usize,
        /// Draws needed.
        minimum: usize,
        /// Share of the draws that the interval covers.
        confidence: f64,
    },

    /// The confidence of an interval is not a share.
    #[error("a confidence of {confidence} is not between 0 and 1: 0.95 is usual")]
    Confidence {
        /// The given confidence.
        confidence: f64,
    },

    /// Two systems to compare were not scored on the same images in the same order.
    #[error("the two systems were scored on different images: score both against the same references")]
    DifferentImages,

    /// There is no METEOR program at the given path.
    #[error(
        "no METEOR program at {path}: give the path of meteor-1.5.jar, which is part of the Python package pycocoevalcap"
    )]
    MeteorJar {
        /// The path.
        path: PathBuf,
    },

    /// Java did not start.
    #[error("cannot run {java} for METEOR: {source}; install a Java runtime or leave METEOR out")]
    Java {
        /// The program that was tried.
        java: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },

    /// METEOR stopped, or its answer is not a score.
    #[error("METEOR did not answer with scores: {message}")]
    Meteor {
        /// What it did instead.
        message: String,
    },
}
