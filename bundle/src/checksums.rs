use crate::{CHECKSUMS, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// SHA-256 of a file in lower-case hex.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut BufReader::with_capacity(1 << 16, file), &mut hasher).map_err(Error::io(path))?;
    Ok(format!("{:x}", hasher.finalize()))
}

/// SHA-256 of bytes in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Writes `SHA256SUMS` over every file in `dir`; the last step of writing a bundle.
/// The lines are what `sha256sum -c` reads.
pub fn seal(dir: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Error::io(dir))? {
        let entry = entry.map_err(Error::io(dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().map_err(Error::io(entry.path()))?.is_file();
        // The card is prose that people edit; changing it must not break the model.
        if is_file && name != CHECKSUMS && name != "README.md" && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    let mut lines = String::new();
    for name in names {
        lines += &format!("{}  {name}\n", sha256_of_file(&dir.join(&name))?);
    }
    let path = dir.join(CHECKSUMS);
    std::fs::write(&path, lines).map_err(Error::io(&path))
}

/// The `(name, sha256)` pairs of `SHA256SUMS`.
pub(crate) fn read(dir: &Path) -> Result<Vec<(String, String)>> {
    let path = dir.join(CHECKSUMS);
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (sum, name) = line.split_once("  ").ok_or_else(|| Error::NotABundle {
                path: dir.to_path_buf(),
                reason: format!("{CHECKSUMS} has a line that sha256sum would not write: {line:?}"),
            })?;
            Ok((name.to_string(), sum.to_string()))
        })
        .collect()
}
