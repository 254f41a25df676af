//! Checks the output files before a run begins: a run must not fail at its end, and must not overwrite its inputs.

use anyhow::{Result, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Refuses output files, each with its flag, whose folder does not exist, that are among `inputs`, or that are named
/// twice.
pub fn check<'a>(
    outputs: &[(&str, Option<&Path>)],
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    let given: Vec<_> = outputs.iter().filter_map(|(flag, file)| Some((flag, (*file)?))).collect();
    if given.is_empty() {
        return Ok(());
    }
    let inputs: HashSet<PathBuf> = inputs.into_iter().filter_map(|input| input.canonicalize().ok()).collect();
    let mut written = HashSet::new();
    for (flag, file) in given {
        let absolute = std::path::absolute(file)?;
        let folder = absolute.parent().unwrap_or(&absolute);
        let Ok(folder) = folder.canonicalize() else {
            bail!("{flag} {}: there is no folder {}", file.display(), folder.display())
        };
        if file.is_dir() {
            bail!("{flag} {} is a folder", file.display());
        }
        let place = file.canonicalize().unwrap_or_else(|_| folder.join(file.file_name().unwrap_or_default()));
        if inputs.contains(&place) {
            bail!("{flag} {} is also an input: name another file", file.display());
        }
        if !written.insert(place) {
            bail!("{flag} {} is also the file of another flag: name another file", file.display());
        }
    }
    Ok(())
}
