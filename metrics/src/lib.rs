//! Caption metrics that equal those of PyPI's `pycocoevalcap`, without Python, and without Java but for METEOR.
//!
//! | here | equals | how it is checked |
//! |---|---|---|
//! | [`ptb`] | Stanford's PTBTokenizer (CoreNLP 3.4.1) with `-preserveLines -lowerCase`, less coco-caption's punctuation | all 40,455 captions of Flickr8k, and captions written to be awkward |
//! | [`BleuCounts`], [`bleu`] | `Bleu_1` to `Bleu_4`: closest reference length, coco-caption's smoothing constants | to 1e-6, set and each image |
//! | [`rouge_l`] | `ROUGE_L`: beta 1.2, precision and recall each the best over the references | to 1e-6, set and each image |
//! | [`CiderD`] | `CIDEr`, which in coco-caption is CIDEr-D: clipped, sigma 6, times 10, document frequency of the scored set | to 1e-6, set and each image; its definition, on random ids |
//! | [`Meteor`] | `METEOR`: the METEOR 1.5 program itself, over its protocol | to 1e-6, set and each image |
//!
//! All scores are fractions (0..=1, CIDEr 0..=10), not percentages.
//!
//! # Scoring a system
//! [`evaluate`] takes raw captions by image; [`References`] does so for several systems on the same images. The
//! [`Evaluation`] has the scores; [`Bootstrap`] tells how sure they are and whether one system beats another;
//! [`Diversity`] tells how varied the captions are.
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
//! for (metric, difference) in Bootstrap::default().differences(&beam, &greedy, None)? {
//!     let interval = difference.interval;
//!     println!("{metric:8} {:+.3} [{:+.3}, {:+.3}]", interval.estimate, interval.lower, interval.upper);
//! }
//! println!("{} different words", Diversity::new(beam.tokens(), None).vocabulary_size);
//! # Ok(())
//! # }
//! ```
//!
//! # Rewards during training
//! [`CiderD`] is built once from the reference token ids of the training images and scores hypotheses one by one,
//! from as many threads as wanted:
//!
//! ```
//! use glimpse_metrics::{CiderD, Interner};
//!
//! # fn main() -> Result<(), glimpse_metrics::Error> {
//! let mut words = Interner::new();
//! let references = [
//!     vec![words.sentence("a dog runs".split(' ')), words.sentence("the brown dog runs".split(' '))],
//!     vec![words.sentence("two boats at sea".split(' '))],
//! ];
//! let scorer = CiderD::new(&references)?;
//! let reward = scorer.score(0, &words.sentence("a brown dog".split(' ')))?;
//! assert!(reward > 0.0);
//! # Ok(())
//! # }
//! ```
//!
//! For validation images during training, [`CiderD::with_document_frequency`] keeps the weights of the training set
//! ([`DocumentFrequency`]), and [`CiderD::new`] gives the number that `pycocoevalcap` would print.

mod bleu;
mod bootstrap;
mod cider;
mod diversity;
mod error;
mod interner;
mod meteor;
mod ngrams;
pub mod ptb;
mod report;
mod rouge;
mod scored;
mod words;

pub use bleu::{BleuCounts, bleu};
pub use bootstrap::{Bootstrap, Difference, Interval};
pub use cider::{CiderD, DocumentFrequency};
pub use diversity::{Diversity, TrainingCaptions};
pub use error::Error;
pub use interner::Interner;
pub use meteor::{Meteor, MeteorCounts};
pub use report::{Evaluation, Metric, References, evaluate};
pub use rouge::rouge_l;
pub use scored::Scored;
