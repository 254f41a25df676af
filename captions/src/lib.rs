//! Caption data sets: every layout that users hold, cleaned and split.
//!
//! ```no_run
//! use glimpse_captions::{Dataset, SeededSplit, Splits};
//! # fn main() -> glimpse_captions::Result<()> {
//! let dataset = Dataset::read("flickr30k/results.csv".as_ref(), None)?;
//! eprintln!("{}", dataset.report);
//! let splits = Splits::seeded(dataset.images, &SeededSplit::default())?;
//! assert!(splits.train.len() > splits.test.len());
//! # Ok(())
//! # }
//! ```
//!
//! | item | topic |
//! |---|---|
//! | [`Dataset`], [`CaptionedImage`] | photos and their captions, in the order of the file |
//! | [`Layout`] | the layouts, recognised by content or named by the caller |
//! | [`CleaningReport`] | what was left out or mended, with line numbers |
//! | [`CaptionResult`] | COCO's results format, what a system says of each image |
//! | [`Splits`], [`SplitLists`] | training, validation, test: given lists, the file's own, or seeded |

mod builder;
mod columns;
mod dataset;
mod error;
mod image;
mod image_id;
mod json;
mod layout;
mod names;
mod python_json;
mod records;
mod report;
mod results;
mod rows;
mod split;
mod splits;
mod text_file;

pub use dataset::{Dataset, ReadOptions};
pub use error::{Error, Result};
pub use image::CaptionedImage;
pub use image_id::ImageId;
pub use layout::{Layout, UnknownLayoutName};
pub use report::{CleaningReport, Finding, FindingKind, Unit};
pub use results::{CaptionResult, match_results, read_results};
pub use split::{Split, UnknownSplitName};
pub use splits::{ListReport, SeededSplit, SplitLists, Splits, read_split_list};
