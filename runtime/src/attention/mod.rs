//! Pictures of where the decoder looked: the weights of the 7x7 grid, laid over the photo.
//!
//! ```no_run
//! use glimpse_runtime::attention::{AttentionMap, seen};
//! use glimpse_runtime::{Captioner, CaptionerOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut captioner = Captioner::open("models/flickr8k-edge", &CaptionerOptions::default())?;
//! let mut options = captioner.search_options();
//! options.output_attentions = true;
//! let photo = glimpse_bundle::image::open("photo.jpg".as_ref())?;
//! let seen = seen(&photo, captioner.preprocessor())?;
//! for caption in &captioner.caption(&[photo], &options)?[0] {
//!     let weights = caption.attentions.as_ref().ok_or("asked for")?;
//!     let words = captioner.words(&caption.token_ids);
//!     AttentionMap::new(&seen, &words, weights.view())?.contact_sheet().save("attention.png")?;
//! }
//! # Ok(())
//! # }
//! ```

mod files;
mod map;
mod seen;
mod sheet;
mod text;

pub use files::CaptionFiles;
pub use map::{AttentionMap, upsample};
pub use seen::seen;

use std::path::PathBuf;

/// Why there is no picture of an attention.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Weights that are none of a square grid for each word.
    #[error("attentions of shape {shape:?} do not hold a square grid for each of {words} words")]
    Shape {
        /// \[rows, cells\] as given.
        shape: [usize; 2],
        /// Words as given.
        words: usize,
    },
    /// A caption that was decoded without [`output_attentions`](crate::search::SearchOptions).
    #[error("the caption has no attentions: decode it with output_attentions")]
    Missing,
    /// A file that cannot be written.
    #[error("{path}: {reason}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason, or the encoder's.
        reason: String,
    },
}
