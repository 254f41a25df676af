//! Caption metrics that equal those of PyPI's `pycocoevalcap`, without Python. Only METEOR needs Java.
//!
//! | here | equals | how it is checked |
//! |---|---|---|
//! | [`ptb`] | Stanford's PTBTokenizer (CoreNLP 3.4.1) with `-preserveLines -lowerCase`, without the punctuation that coco-caption drops | all 40,455 captions of Flickr8k, and difficult captions written by hand |
//! | [`Bleu`], [`BleuCounts`] | `Bleu_1` to `Bleu_4`: closest reference length, coco-caption's smoothing constants | to 1e-6, set and each image |
//! | [`RougeL`], [`rouge_l`] | `ROUGE_L`: beta 1.2, precision and recall each the best over the references | to 1e-6, set and each image |
//! | [`Cider`], [`CiderD`] | `CIDEr`, which in coco-caption is CIDEr-D: clipped, sigma 6, times 10, document frequency of the scored set | to 1e-6, set and each image; against its definition, on random ids |
//! | [`Meteor`] | `METEOR`: the METEOR 1.5 program itself, over its protocol | to 1e-6, set and each image |
//!
//! [`NounRecall`] does not come from `pycocoevalcap`. People name things in a photo; it is the share of these things
//! that a caption names too.
//!
//! All scores are fractions (0..=1, CIDEr 0..=10), not percentages.
//!
//! # Scoring a system
//! [`evaluate`] takes raw captions by image. [`References`] prepares the references once to score several systems on
//! the same images. The [`Evaluation`] has the scores; [`Bootstrap`] computes how certain they are and whether one system
//! is better than another; [`Diversity`] measures how varied the captions are.
//!
//! Every score comes from a [`Metric`]; the table of all is in [`metrics`]. [`Metric`] shows how to add one.
//!
//! ```
//! use glimpse_metrics::{Bootstrap, Diversity, References};
//!
//! # fn main() -> Result<(), glimpse_metrics::Error> {
//! let references = References::new([
//!     ("1.jpg", vec!["A dog runs on the grass.".to_owned()]),
//!     ("2.jpg", vec!["Two boats at sea.".to_owned()]),
//! ])?;
//! let greedy = references.evaluate([("1.jpg", "a dog runs"), ("2.jpg", "a boat at sea")])?;
//! let beam = references.evaluate([("1.jpg", "a dog runs on grass"), ("2.jpg", "two boats at sea")])?;
//! for (key, difference) in Bootstrap::default().differences(&beam, &greedy)? {
//!     let interval = difference.interval;
//!     println!("{key:10} {:+.3} [{:+.3}, {:+.3}]", interval.estimate, interval.lower, interval.upper);
//! }
//! println!("{} different tokens", Diversity::new(beam.tokens(), None).vocabulary_size);
//! # Ok(())
//! # }
//! ```
//!
//! # Rewards during training
//! [`CiderD`] is built once from the token ids of the references of the training images. It scores hypotheses one by
//! one, and any number of threads may use it at the same time:
//!
//! ```
//! use glimpse_metrics::CiderD;
//!
//! # fn main() -> Result<(), glimpse_metrics::Error> {
//! // Of vocabulary ids: "a dog runs" and "the brown dog runs" for one image, "two boats at sea" for another.
//! let references = [vec![vec![4, 5, 6], vec![7, 8, 5, 6]], vec![vec![9, 10, 11, 12]]];
//! let scorer = CiderD::new(&references)?;
//! // "a brown dog", for the first image.
//! let reward = scorer.score(0, &[4, 8, 5])?;
//! assert!(reward > 0.0);
//! # Ok(())
//! # }
//! ```
//!
//! For validation images during training, [`CiderD::with_document_frequency`] keeps the weights of the training set
//! ([`DocumentFrequency`]), and [`CiderD::new`] gives the number that `pycocoevalcap` would print.

mod bleu;
mod bootstrap;
mod caption;
mod cider;
mod diversity;
mod error;
mod meteor;
mod metric;
mod ngrams;
mod noun_recall;
pub mod ptb;
mod report;
mod rouge;
mod scored;

pub use bleu::{Bleu, BleuCounts, bleu};
pub use bootstrap::{Bootstrap, Difference, Interval};
pub use caption::Caption;
pub use cider::{Cider, CiderD, DocumentFrequency};
pub use diversity::{Diversity, TrainingCaptions};
pub use error::Error;
pub use meteor::Meteor;
pub use metric::{Metric, ReferenceCaptions, Scorer, metrics};
pub use noun_recall::NounRecall;
pub use report::{Evaluation, References, evaluate};
pub use rouge::{RougeL, rouge_l};
pub use scored::Scored;
