use crate::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use glimpse_bundle::{Error, sha256, write_whole};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// A file of the site.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Written {
    /// Its path in the folder.
    pub path: String,
    /// Bytes of its content.
    pub bytes: usize,
    /// Bytes as it is stored: the large ones are compressed.
    pub stored: usize,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Whether the page fetches it with a progress bar, and checks it.
    pub is_model: bool,
}

impl Written {
    /// What the page has to know to fetch it.
    pub(crate) fn entry(&self) -> Value {
        json!({ "path": self.path, "bytes": self.stored, "sha256": self.sha256 })
    }
}

/// Writes the files of a folder, and remembers them.
pub(crate) struct Files<'a> {
    folder: &'a Path,
    pub(crate) written: Vec<Written>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, written: Vec::new() }
    }

    /// A file of the page.
    pub(crate) fn plain(&mut self, path: String, content: &[u8]) -> Result<()> {
        self.write(&path, content)?;
        let (bytes, sha256) = (content.len(), sha256(content));
        self.written.push(Written { path, bytes, stored: bytes, sha256, is_model: false });
        Ok(())
    }

    /// A large file, compressed, since few hosts do so by themselves.
    pub(crate) fn compressed(&mut self, path: &str, content: &[u8]) -> Result<Value> {
        let path = format!("{path}.gz");
        let target = self.folder.join(&path);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(content).and_then(|()| encoder.finish()).map_err(Error::io(target))?;
        self.write(&path, &packed)?;
        let (bytes, stored, sha256) = (content.len(), packed.len(), sha256(content));
        let written = Written { path, bytes, stored, sha256, is_model: true };
        let entry = written.entry();
        self.written.push(written);
        Ok(entry)
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        let target = self.folder.join(path);
        let folder = target.parent().unwrap_or(self.folder);
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        Ok(write_whole(&target, content)?)
    }
}
