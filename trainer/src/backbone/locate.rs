use super::hub;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What a user gives instead of a file to have the weights downloaded.
const HUB: &str = "hub";

/// The weight file of the backbone called `name`: the file given; the Hugging Face hub's copy where
/// `hub` is given; else NAME.safetensors or NAME.pth in `folder`.
///
/// # Errors
/// [`Error::WeightsMissing`] names the file that is not there, [`Error::Hub`] why nothing came.
pub fn weights_path(name: &str, given: Option<&Path>, folder: &Path) -> Result<PathBuf> {
    let candidates = match given {
        Some(path) if path == Path::new(HUB) => return hub::fetch(name),
        Some(path) => vec![path.to_path_buf()],
        None => ["safetensors", "pth"].map(|extension| folder.join(format!("{name}.{extension}"))).to_vec(),
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(Error::WeightsMissing { path: candidates[0].clone() }),
    }
}
