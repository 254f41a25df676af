use crate::{Error, Result};
use std::fs::{File, remove_file, rename};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a file so that a crash leaves the old one or the new one, never half of it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_together(&[(path, bytes)])
}

/// [`write_atomically`] for files that belong together: all of them are on the disk before the first is replaced.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<()> {
    let beside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        PathBuf::from(name)
    };
    let write = |(path, bytes): &(&Path, &[u8])| {
        let written = File::create(beside(path))
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(Error::io(*path))
    };
    let replace = |(path, _): &(&Path, &[u8])| rename(beside(path), path).map_err(Error::io(*path));
    let done = files.iter().try_for_each(write).and_then(|()| files.iter().try_for_each(replace));
    if done.is_err() {
        for (path, _) in files {
            // On a full disk the half of a file would be in the way.
            let _ = remove_file(beside(path));
        }
    }
    done
}
