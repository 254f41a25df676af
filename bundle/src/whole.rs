use crate::{Error, Result};
use std::fs::{File, create_dir_all, remove_file, rename};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a file so that a crash leaves the old one or the new one, never half of it. Missing folders are made; a
/// link stays, and leads to the new file.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write_together(&[(path, bytes)])
}

/// [`write_whole`] for files that belong together: all of them are on the disk before the first is replaced.
///
/// # Errors
/// [`Error::Io`] with the path of the first that cannot be written, when none is replaced, or cannot be put in its
/// place.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<()> {
    let files: Vec<_> = files.iter().map(|(path, bytes)| (Target::of(path), *bytes)).collect();
    let write = |(target, bytes): &(Target, &[u8])| {
        if let Some(folder) = target.path.parent() {
            create_dir_all(folder).map_err(Error::io(folder))?;
        }
        let written = File::create(&target.beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(Error::io(&target.path))
    };
    let replace =
        |(target, _): &(Target, &[u8])| rename(&target.beside, &target.path).map_err(Error::io(&target.path));
    let done = files.iter().try_for_each(write).and_then(|()| files.iter().try_for_each(replace));
    if done.is_err() {
        for (target, _) in files {
            // On a full disk the half of a file would be in the way.
            let _ = remove_file(target.beside);
        }
    }
    done
}

/// Where a file goes, and where it is until it is whole.
struct Target {
    path: PathBuf,
    beside: PathBuf,
}

impl Target {
    fn of(path: &Path) -> Self {
        let behind_link = || Some(path.parent()?.join(path.read_link().ok()?));
        let path = path.canonicalize().ok().or_else(behind_link).unwrap_or_else(|| path.to_path_buf());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self { beside: path.with_file_name(format!(".{name}.tmp")), path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{read, read_dir, write};

    #[test]
    fn all_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(at("a"), "old").unwrap();
        write(at("no folder"), "").unwrap();
        let refused = write_together(&[(&at("a"), b"new"), (&at("no folder/b"), b"new")]);
        assert!(refused.is_err());
        assert_eq!(read(at("a")).unwrap(), b"old");
        write_together(&[(&at("a"), b"new"), (&at("folder/b"), b"new")]).unwrap();
        assert_eq!((read(at("a")).unwrap(), read(at("folder/b")).unwrap()), (b"new".into(), b"new".into()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("a"), at("link")).unwrap();
            write_whole(&at("link"), b"newer").unwrap();
            assert!(at("link").is_symlink());
            assert_eq!(read(at("a")).unwrap(), b"newer");
            std::fs::remove_file(at("a")).unwrap();
            write_whole(&at("link"), b"again").unwrap();
            assert_eq!(read(at("a")).unwrap(), b"again");
            std::fs::remove_file(at("link")).unwrap();
        }
        assert_eq!(read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
    }
}
