//! The captions of a run that was stopped, one line of JSON for each.

use anyhow::{Context, Result, bail};
use glimpse_captions::{CaptionResult, ImageId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Everything that can change the captions.
    settings: String,
}

/// The file `OUTPUT.partial`, which exists until the run is complete.
pub struct Partial {
    path: PathBuf,
    file: BufWriter<File>,
    known: HashMap<ImageId, String>,
}

impl Partial {
    /// Continues the file of a run with the same settings, or starts a new one.
    pub fn open(output: &Path, settings: &str) -> Result<Self> {
        let mut path = output.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let place = || format!("--output: {}", path.display());
        let mut known = HashMap::new();
        let mut whole = 0;
        if path.exists() {
            let bytes = fs::read(&path).with_context(place)?;
            let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
            // A line without a line break is incomplete: the run was stopped while it was written.
            if let Some(first) = lines.next().filter(|line| line.ends_with(b"\n")) {
                let header = serde_json::from_slice::<Header>(first).ok();
                let is_ours = header.as_ref().is_some_and(|header| header.settings == settings);
                let is_empty = header.is_some() && bytes.len() == first.len();
                if !is_ours && !is_empty {
                    bail!(
                        "{} is from a run with another model or other settings: remove it, or name another --output",
                        path.display()
                    );
                }
                whole = if is_ours { first.len() } else { 0 };
                for line in lines.filter(|line| line.ends_with(b"\n")) {
                    let CaptionResult { image_id, caption } =
                        serde_json::from_slice(line).with_context(place)?;
                    known.insert(image_id, caption);
                    whole += line.len();
                }
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).with_context(place)?;
        file.set_len(whole as u64).with_context(place)?;
        let mut partial = Self { file: BufWriter::new(file), known, path };
        if whole == 0 {
            partial.line(&Header { settings: settings.into() })?;
        }
        partial.flush()?;
        Ok(partial)
    }

    /// The caption of the earlier run.
    pub fn take(&mut self, image: &ImageId) -> Option<String> {
        self.known.remove(image)
    }

    pub fn add(&mut self, image: &ImageId, caption: &str) -> Result<()> {
        self.line(&CaptionResult { image_id: image.clone(), caption: caption.into() })
    }

    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().with_context(|| self.path.display().to_string())
    }

    /// Removes the file when the run is complete.
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).with_context(|| self.path.display().to_string())
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).with_context(|| self.path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ImageId {
        ImageId::Name(name.into())
    }

    #[test]
    fn complete_lines_remain_after_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("results.json");
        let mut partial = Partial::open(&output, "greedy").unwrap();
        partial.add(&id("a"), "a dog").unwrap();
        partial.add(&id("b"), "a caf\u{e9}").unwrap();
        drop(partial);
        let path = folder.path().join("results.json.partial");
        let text = fs::read(&path).unwrap();
        // Cut in the middle of the last letter.
        fs::write(&path, &text[..text.len() - 4]).unwrap();
        assert!(fs::read_to_string(&path).is_err());

        let mut partial = Partial::open(&output, "greedy").unwrap();
        assert_eq!((partial.take(&id("a")), partial.take(&id("b"))), (Some("a dog".into()), None));
        partial.add(&id("b"), "a caf\u{e9}").unwrap();
        drop(partial);
        assert_eq!(fs::read(&path).unwrap(), text);

        assert!(Partial::open(&output, "3 beams").is_err(), "other settings give other captions");
        Partial::open(&output, "greedy").unwrap().remove().unwrap();
        assert!(!path.exists());
    }
}
