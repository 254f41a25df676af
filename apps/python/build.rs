//! Lays the model that the wheel carries, and the licences, into the build's folder, from where maturin packs them
//! (`include` in `pyproject.toml`). This is the one place that names the model.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The bundle of the wheel, from the project's root.
const MODEL: &str = "models/flickr8k-edge";
/// Of the code and the decoder, and of the backbone.
const LICENSES: [&str; 2] = ["LICENSE", "models/backbones/LICENSE-APACHE-2.0"];

fn main() -> io::Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    println!("cargo::rerun-if-changed=build.rs");
    let model = project.join(MODEL);
    println!("cargo::rerun-if-changed={}", model.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&model)? {
        let entry = entry?;
        // `optimized/` is of one machine alone.
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    lay_out(&files, &out.join("model"))?;
    lay_out(&LICENSES.map(|file| project.join(file)), &out.join("licenses"))
}

/// Puts `files`, and nothing else, into the folder `target`.
fn lay_out(files: &[PathBuf], target: &Path) -> io::Result<()> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    fs::create_dir_all(target)?;
    for file in files {
        let copy = target.join(file.file_name().unwrap_or_default());
        // Not a hard link: ONNX Runtime refuses external data in a file that has several.
        fs::copy(file, copy)?;
    }
    Ok(())
}
