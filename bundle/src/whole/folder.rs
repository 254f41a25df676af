use super::{parent_of, sync_folder};
use crate::{Error, Result};
use std::fs::{File, create_dir_all, read_dir, remove_dir_all, rename};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What the name of a folder begins with until the folder is whole; it sorts as a hidden one.
const PREFIX: &str = ".glimpse-";
/// Where the replaced folder lies inside the folder that holds it for a moment.
const ASIDE: &str = "replaced";

/// An empty folder that becomes `target` once it is [published](Self::publish), on the same file system.
///
/// It is removed when dropped. What a killed process left beside the same target is removed by the next one: a folder
/// is locked for as long as its process lives.
#[derive(Debug)]
pub struct WholeFolder {
    target: PathBuf,
    folder: TempDir,
    /// Held, not read: it tells others that this folder is in use.
    _lock: Option<File>,
}

impl WholeFolder {
    /// Makes the folder, with the access rights of an ordinary new folder; missing parents are made.
    ///
    /// # Errors
    /// [`Error::Io`] with the parent's path.
    pub fn beside(target: &Path) -> Result<Self> {
        let parent = parent_of(target);
        create_dir_all(parent).map_err(Error::io(parent))?;
        // Others wait here, so that none of them finds a folder that is not locked yet.
        let _queue = locked(parent, File::lock);
        remove_stale(parent);
        let folder = hidden_folder_in(parent).map_err(Error::io(parent))?;
        let lock = locked(folder.path(), File::lock);
        Ok(Self { target: target.to_path_buf(), folder, _lock: lock })
    }

    /// Where to write until the folder is whole.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Flushes the files and renames the folder to its target. A folder that was there is removed once the new one
    /// is in place, and is put back when it cannot be put there. On Linux, both change their names in one step, so that a
    /// folder is there at every moment; elsewhere, and on file systems that cannot do so, there is none for a moment.
    ///
    /// # Errors
    /// [`Error::Io`] with the target's path.
    pub fn publish(self) -> Result<()> {
        sync_files(self.path()).map_err(Error::io(&self.target))?;
        if self.exchange().map_err(Error::io(&self.target))? {
            // The temporary name is that of the old folder, which is removed now.
            return Ok(());
        }
        self.move_into_place().map_err(Error::io(&self.target))?;
        // The temporary name is gone: there is nothing left to remove.
        let _ = self.folder.keep();
        Ok(())
    }

    /// Gives the folder and its target each other's name; false where there is no target, or that cannot be done.
    fn exchange(&self) -> io::Result<bool> {
        let is_folder = self.target.symlink_metadata().is_ok_and(|found| found.is_dir());
        if !is_folder || !exchange(self.path(), &self.target) {
            return Ok(false);
        }
        sync_folder(parent_of(&self.target))?;
        Ok(true)
    }

    fn move_into_place(&self) -> io::Result<()> {
        let parent = parent_of(&self.target);
        // The folder for the replaced one is empty at first, and must not pass for a stale one.
        let _queue = locked(parent, File::lock);
        let replaced = if self.target.exists() { Some(move_aside(&self.target, parent)?) } else { None };
        if let Err(failure) = rename(self.path(), &self.target) {
            if let Some(aside) = replaced
                && rename(aside.path().join(ASIDE), &self.target).is_err()
            {
                // Never delete the only copy.
                let _ = aside.keep();
            }
            return Err(failure);
        }
        sync_folder(parent)
    }
}

#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

fn hidden_folder_in(parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Before the umask. Without it, other users could not read the folder.
        builder.permissions(std::fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent)
}

fn move_aside(target: &Path, parent: &Path) -> io::Result<TempDir> {
    let aside = hidden_folder_in(parent)?;
    rename(target, aside.path().join(ASIDE))?;
    Ok(aside)
}

/// A folder, locked; `None` where the system cannot lock folders, and then nothing stale is removed.
fn locked<E>(folder: &Path, lock: impl FnOnce(&File) -> Result<(), E>) -> Option<File> {
    let file = File::open(folder).ok()?;
    lock(&file).ok()?;
    Some(file)
}

/// Removes folders whose process was killed. One that holds a replaced folder stays: it may be the only copy.
fn remove_stale(parent: &Path) {
    for entry in read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && path.is_dir() && !path.join(ASIDE).exists() && locked(&path, File::try_lock).is_some() {
            let _ = remove_dir_all(path);
        }
    }
}

fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_files(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{read, write};

    fn names(folder: &Path) -> Vec<String> {
        read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_replaces_another_or_leaves_it() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("models/mine");
        for content in ["old", "new"] {
            let draft = WholeFolder::beside(&target).unwrap();
            write(draft.path().join("file"), content).unwrap();
            draft.publish().unwrap();
            assert_eq!(read(target.join("file")).unwrap(), content.as_bytes());
        }
        let draft = WholeFolder::beside(&target).unwrap();
        write(draft.path().join("file"), "never published").unwrap();
        drop(draft);
        assert_eq!(read(target.join("file")).unwrap(), b"new");
        assert_eq!(names(&parent.path().join("models")), ["mine"]);
    }

    /// A program that is killed at any moment leaves one of them.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_is_there_at_every_moment() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("mine");
        let publish = |content: &str| {
            let draft = WholeFolder::beside(&target).unwrap();
            write(draft.path().join("file"), content).unwrap();
            draft.publish().unwrap();
        };
        publish("0");
        let done = AtomicBool::new(false);
        let looks = std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut looks = 0;
                while !done.load(Relaxed) {
                    assert!(target.join("file").is_file(), "after {looks} looks");
                    looks += 1;
                }
                looks
            });
            (1..100).for_each(|content| publish(&content.to_string()));
            done.store(true, Relaxed);
            looking.join().unwrap()
        });
        assert!(looks > 100, "{looks}");
        assert_eq!(read(target.join("file")).unwrap(), b"99");
        assert_eq!(names(parent.path()), ["mine"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("mine");
        let left = parent.path().join(".glimpse-killed");
        let only_copy = parent.path().join(".glimpse-aside");
        for folder in [&left, &only_copy.join(ASIDE)] {
            create_dir_all(folder).unwrap();
            write(folder.join("file"), "half").unwrap();
        }
        let in_use = WholeFolder::beside(&target).unwrap();
        assert!(!left.exists());
        let second = WholeFolder::beside(&target).unwrap();
        assert!(in_use.path().exists() && second.path() != in_use.path());
        assert_eq!(read(only_copy.join(ASIDE).join("file")).unwrap(), b"half");
        write(in_use.path().join("file"), "first").unwrap();
        in_use.publish().unwrap();
        drop(second);
        assert_eq!(read(target.join("file")).unwrap(), b"first");
    }
}
