//! Loading ONNX Runtime by name. A program of its own, as a process loads one library and no other.

#![allow(clippy::unwrap_used)]

use glimpse_runtime::{Error, LoadError, OnnxRuntime, OnnxRuntimeOptions, Origin};
use std::path::Path;

#[test]
fn a_library_asked_for_by_name_loads_or_fails_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so.1");
    let refusal = |library: &Path| {
        let mut options = OnnxRuntimeOptions::default();
        options.library = Some(library.to_path_buf());
        match OnnxRuntime::load(&options) {
            Err(Error::OnnxRuntime(LoadError::Unusable { origin: Origin::Named, path, reason })) => {
                assert!(path.starts_with(library) && !reason.is_empty(), "{path:?}: {reason}");
                reason
            }
            other => panic!("{other:?}"),
        }
    };
    refusal(&text);
    assert_eq!(refusal(folder.path()), "no library in that folder");
    std::fs::write(&text, "no library").unwrap();
    refusal(&text);
}
