use crate::bounded::{self, MAX_JSON_BYTES};
use crate::{CHECKSUMS, Error, Result, write_whole};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// SHA-256 of a regular file in lower-case hex. Pipes and devices are not opened.
///
/// # Errors
/// [`Error::NotAFile`], or [`Error::Io`] where it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    sha256_of_file_up_to(path, u64::MAX)
}

/// [`sha256_of_file`] of a file of at most `limit` bytes.
pub(crate) fn sha256_of_file_up_to(path: &Path, limit: u64) -> Result<String> {
    let mut file = bounded::open(path, limit)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer).map_err(Error::io(path))? {
            0 => return Ok(format!("{:x}", hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// SHA-256 of bytes in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Writes `SHA256SUMS` over every file in `dir`; the last step of writing a bundle.
/// The lines are what `sha256sum -c` reads.
///
/// # Errors
/// [`Error::Io`], and [`Error::NotABundle`] where a file has a name that cannot be listed.
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
        if !is_plain_name(&name) {
            return Err(Error::NotABundle {
                path: dir.to_path_buf(),
                reason: format!("{name:?} has characters that {CHECKSUMS} cannot hold; rename the file"),
            });
        }
        lines += &format!("{}  {name}\n", sha256_of_file(&dir.join(&name))?);
    }
    write_whole(&dir.join(CHECKSUMS), lines.as_bytes())
}

/// The SHA-256 of each file that `SHA256SUMS` lists, by name.
///
/// # Errors
/// [`Error::NotABundle`] for a line that [`seal`] would not write: another layout, a file outside the folder, a file
/// that is listed twice.
pub(crate) fn read(dir: &Path) -> Result<BTreeMap<String, String>> {
    let text = bounded::read_text(&dir.join(CHECKSUMS), MAX_JSON_BYTES)?;
    let refused = |reason| Error::NotABundle { path: dir.to_path_buf(), reason };
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (sum, name) = line
            .split_once("  ")
            .filter(|(sum, _)| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or_else(|| {
                refused(format!("{CHECKSUMS} has a line that sha256sum would not write: {line:?}"))
            })?;
        if !is_plain_name(name) {
            return Err(refused(format!(
                "{CHECKSUMS} lists {name:?}, which is not the name of a file in the bundle's own folder"
            )));
        }
        if sums.insert(name.to_string(), sum.to_ascii_lowercase()).is_some() {
            return Err(refused(format!("{CHECKSUMS} lists {name} twice")));
        }
    }
    Ok(sums)
}

/// Whether a name is that of a file in the same folder, on any system, and can be printed.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let is_special = |character: char| {
        matches!(character, '/' | '\\' | ':')
            || character.is_control()
            || character == char::REPLACEMENT_CHARACTER
    };
    !name.is_empty() && name != "." && name != ".." && !name.contains(is_special)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_folder() {
        for name in ["encoder_model.onnx", "model card.txt", "..a", "ein-Bündel.bin"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/proc/kmsg", "a\\b", "C:x", "a\u{1b}[2J", "a\nb"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
