use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The version of onnxruntime-web that the page was tested with.
pub const ONNXRUNTIME_WEB_VERSION: &str = "1.30.0";

/// What the page needs of the npm package: the smallest build, which runs on WebAssembly alone.
pub(crate) struct OnnxRuntime {
    pub(crate) module: Vec<u8>,
    pub(crate) wasm: Vec<u8>,
}

impl OnnxRuntime {
    pub(crate) fn read(package: &Path) -> Result<Self> {
        let refused =
            |path: PathBuf, reason| Error::OnnxRuntime { path, reason, expected: ONNXRUNTIME_WEB_VERSION };
        let read = |name: &str| {
            let path = package.join(name);
            std::fs::read(&path).map_err(|error| refused(path, error.to_string()))
        };
        let description: serde_json::Value = serde_json::from_slice(&read("package.json")?)
            .map_err(|error| refused(package.join("package.json"), error.to_string()))?;
        let version = description["version"].as_str().unwrap_or("unknown");
        if description["name"] != "onnxruntime-web" || version != ONNXRUNTIME_WEB_VERSION {
            let reason =
                format!("this is {} {version}", description["name"].as_str().unwrap_or("no package"));
            return Err(refused(package.to_path_buf(), reason));
        }
        Ok(Self {
            module: read("dist/ort.wasm.bundle.min.mjs")?,
            wasm: read("dist/ort-wasm-simd-threaded.wasm")?,
        })
    }
}
