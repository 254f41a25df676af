//! Pictures and files of where a captioner looked: the weights of its 7x7 grid, laid over the photo.
//!
//! ```no_run
//! use glimpse_attention::{AttentionMap, seen};
//! use glimpse_bundle::Preprocessor;
//! # fn show(preprocessor: &Preprocessor, words: &[String], weights: ndarray::ArrayView2<'_, f32>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let photo = glimpse_bundle::image::open("photo.jpg".as_ref())?;
//! let seen = seen(&photo, preprocessor)?;
//! AttentionMap::new(&seen, words, weights)?.contact_sheet().save("attention.png")?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod files;
mod input_picture;
mod map;
mod sheet;
mod text;

pub use files::{AttendedCaption, CaptionFiles, FileNames, create_folder};
pub use input_picture::{seen, seen_input};
pub use map::{AttentionMap, upsample};

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
    /// Pictures of attention could have the names of photos.
    #[error("{dir} holds the photo {photo}: name a folder of its own", dir = dir.display(), photo = photo.display())]
    HoldsPhoto {
        /// The folder.
        dir: PathBuf,
        /// The photo.
        photo: PathBuf,
    },
    /// A file that cannot be written.
    #[error("{path}: {reason}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason, or the encoder's.
        reason: String,
    },
}
