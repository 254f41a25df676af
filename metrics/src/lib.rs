//! Caption metrics that equal those of PyPI's `pycocoevalcap`, without Java or Python.
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
