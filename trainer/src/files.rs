use crate::{Error, Result};
use std::io::Write;
use std::path::Path;

/// Writes a file so that a crash leaves the old one or the new one, never half of it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        // On a full disk the half of a file would be in the way.
        let _ = std::fs::remove_file(&temporary);
        Error::io(path)(error)
    })
}
