use super::{STALE, parent_of, sync_folder};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, create_dir_all, read_dir, remove_file};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes a file whole: after a crash or on a full disk the old file is there, or the new one. Missing folders are made.
/// A symbolic link stays and leads to the new file. A pipe or a device, such as `/dev/null`, is written to and stays.
///
/// Two processes that write the same file do not disturb each other: the later one wins.
///
/// # Errors
/// [`Error::Io`] with the path; the old file is unchanged.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write_together(&[(path, bytes)])
}

/// [`write_whole`] for content that is made piece by piece.
///
/// # Errors
/// What `write` returns, and [`Error::Io`] with the path; the old file is unchanged.
pub fn write_whole_with<E: From<Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let target = Target::of(path);
    let mut draft = target.open()?;
    let mut out = BufWriter::new(&mut draft);
    write(&mut out)?;
    out.flush().map_err(Error::io(&target.path))?;
    drop(out);
    draft.sync().map_err(Error::io(&target.path))?;
    put_in_place(vec![(target, draft)]).map_err(E::from)
}

/// [`write_whole`] for files that belong together: all of them are on the disk before the first is replaced.
///
/// # Errors
/// [`Error::Io`] with the path of the first file that cannot be written, when no file is replaced, or of the first
/// that cannot be put in its place.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<()> {
    let mut drafts = Vec::new();
    for (path, bytes) in files {
        let target = Target::of(path);
        let mut draft = target.open()?;
        draft.write_all(bytes).and_then(|()| draft.sync()).map_err(Error::io(&target.path))?;
        drafts.push((target, draft));
    }
    put_in_place(drafts)
}

fn put_in_place(drafts: Vec<(Target, Draft)>) -> Result<()> {
    let mut folders = BTreeSet::new();
    for (target, draft) in drafts {
        if let Draft::Beside(file) = draft {
            file.persist(&target.path).map_err(|failure| Error::io(&target.path)(failure.error))?;
            folders.insert(parent_of(&target.path).to_path_buf());
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder).map_err(Error::io(folder)))
}

/// Content on its way to its target.
enum Draft {
    /// In a file beside the target, which is removed when dropped.
    Beside(NamedTempFile),
    /// In the target itself, which cannot be replaced: a pipe or a device.
    Inside(File),
}

impl Draft {
    fn sync(&self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.as_file().sync_all(),
            // There is nothing to flush in a pipe.
            Self::Inside(_) => Ok(()),
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Inside(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Inside(file) => file.flush(),
        }
    }
}

/// Where a file goes, behind symbolic links.
struct Target {
    path: PathBuf,
}

impl Target {
    fn of(path: &Path) -> Self {
        if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            // The name behind `/dev/stdout` and `/dev/fd/N` may be that of a pipe, which no folder holds.
            return Self { path: path.to_path_buf() };
        }
        let behind_link = || Some(path.parent()?.join(path.read_link().ok()?));
        let path = path.canonicalize().ok().or_else(behind_link).unwrap_or_else(|| path.to_path_buf());
        Self { path }
    }

    fn open(&self) -> Result<Draft> {
        let folder = parent_of(&self.path);
        create_dir_all(folder).map_err(Error::io(folder))?;
        self.draft_in(folder).map_err(Error::io(&self.path))
    }

    fn draft_in(&self, folder: &Path) -> io::Result<Draft> {
        match self.path.metadata() {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                return Ok(Draft::Inside(OpenOptions::new().write(true).open(&self.path)?));
            }
            _ => {}
        }
        let (prefix, suffix) = self.draft_name();
        remove_stale(folder, &prefix, suffix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(suffix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Before the umask. Without it, other users could not read the file.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Draft::Beside(builder.tempfile_in(folder)?))
    }

    /// What a draft's name begins and ends with; a random part stands between.
    fn draft_name(&self) -> (String, &'static str) {
        (format!(".{}.", self.path.file_name().unwrap_or_default().to_string_lossy()), ".tmp")
    }
}

/// Removes drafts that a killed process left; what cannot be removed stays.
fn remove_stale(folder: &Path, prefix: &str, suffix: &str) {
    let is_draft = |name: &OsStr| {
        let name = name.to_string_lossy();
        let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        random.is_some_and(|random| random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        let is_stale = || entry.metadata().ok()?.modified().ok()?.elapsed().ok().map(|age| age > STALE);
        if is_draft(&entry.file_name()) && is_stale() == Some(true) {
            let _ = remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{metadata, read, write};

    fn names(folder: &Path) -> Vec<String> {
        let entries = read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

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
        assert_eq!(names(folder.path()).len(), 3, "nothing else is left");
    }

    #[test]
    fn what_fails_midway_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        write(&path, "old").unwrap();
        let failed = write_whole_with(&path, |out| {
            out.write_all(&[b'x'; 100_000]).map_err(Error::io(&path))?;
            Err(Error::io(&path)(io::ErrorKind::StorageFull.into()))
        });
        assert!(failed.unwrap_err().to_string().contains("report.html"));
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["report.html"]);
        write_whole_with(&path, |out| out.write_all(b"new").map_err(Error::io(&path))).unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["report.html"]);
    }

    /// One name for all writers would mix their bytes, or let one remove what the other renames.
    #[test]
    fn writers_of_one_file_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let path = &path;
                scope.spawn(move || {
                    (0..25).for_each(|_| write_whole(path, &[writer; 50_000]).unwrap());
                });
            }
        });
        let bytes = read(&path).unwrap();
        assert!(bytes.len() == 50_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn old_drafts_of_the_same_file_go() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * STALE;
        for (name, age) in [
            (".file.aB3dE9.tmp", Some(long_ago)),
            (".file.young1.tmp", None),
            (".other.aB3dE9.tmp", Some(long_ago)),
            (".file.by-hand.tmp", Some(long_ago)),
        ] {
            let path = folder.path().join(name);
            write(&path, "").unwrap();
            if let Some(age) = age {
                File::options().write(true).open(&path).unwrap().set_modified(age).unwrap();
            }
        }
        write_whole(&folder.path().join("file"), b"new").unwrap();
        assert_eq!(
            names(folder.path()),
            [".file.by-hand.tmp", ".file.young1.tmp", ".other.aB3dE9.tmp", "file"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn others_can_read_it_as_they_can_any_new_file_and_devices_stay() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(at("plain"), "").unwrap();
        write_whole(&at("whole"), b"").unwrap();
        let mode = |name| metadata(at(name)).unwrap().permissions().mode();
        assert_eq!(mode("whole"), mode("plain"));

        write_whole(Path::new("/dev/null"), b"nothing").unwrap();
        assert!(metadata("/dev/null").unwrap().file_type().is_char_device());
        let (mut reader, writer) = std::io::pipe().unwrap();
        let name = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        write_whole(Path::new(&name), b"through a pipe").unwrap();
        drop(writer);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "through a pipe");
        let refused = write_whole(folder.path(), b"").unwrap_err();
        assert!(refused.to_string().contains("directory"), "{refused}");
    }
}
