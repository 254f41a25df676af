//! Files that a run is to write, looked at before it begins: it shall neither end in vain nor write over what it reads.

use anyhow::{Result, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Refuses files, each given by a flag, that lie in no folder, that are among `inputs`, or that are one file.
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
            bail!("{flag} {} is read too: name another file", file.display());
        }
        if !written.insert(place) {
            bail!("{flag} {} is written twice: name another file", file.display());
        }
    }
    Ok(())
}
