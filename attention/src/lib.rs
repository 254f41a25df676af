//! Pictures and files of a captioner's attention: the weights of its feature grid, drawn over the photo.
//!
//! ```no_run
//! use glimpse_attention::{AttentionMap, input_picture};
//! use glimpse_bundle::Preprocessor;
//! # fn show(preprocessor: &Preprocessor, tokens: &[String], weights: ndarray::ArrayView2<'_, f32>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let photo = glimpse_bundle::image::open("photo.jpg".as_ref())?;
//! let picture = input_picture(&photo, preprocessor)?;
//! AttentionMap::new(&picture, tokens, weights)?.contact_sheet().save("attention.png")?;
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
pub use input_picture::{input_picture, restore_proportions};
pub use map::{AttentionMap, upsample};

use std::path::PathBuf;

/// Why attention cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Weights that are not those of a square grid for each token.
    #[error("attentions of shape {shape:?} do not hold a square grid for each of {tokens} tokens")]
    Shape {
        /// \[rows, cells\] as given.
        shape: [usize; 2],
        /// Number of tokens as given.
        tokens: usize,
    },
    /// The folder holds one of the photos, which a picture of attention could replace.
    #[error("{dir} holds the photo {photo}: name another folder for attention", dir = dir.display(), photo = photo.display())]
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
