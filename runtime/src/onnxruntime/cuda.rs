//! CUDA's libraries as pip installs them: `nvidia/*/lib` beside `onnxruntime/`.
//!
//! ONNX Runtime's CUDA provider names them without a folder. A library that is loaded already satisfies such a name, so
//! `LD_LIBRARY_PATH` need not be set. Python's `onnxruntime.preload_dlls` does the same.

use std::path::{Path, PathBuf};

/// The libraries that the provider needs; each comes after those that it needs itself.
const LIBRARIES: [&str; 8] = [
    "libcudart",
    "libnvJitLink",
    "libnvrtc",
    "libcublasLt",
    "libcublas",
    "libcurand",
    "libcufft",
    "libcudnn",
];

/// Loads those that are there, for as long as the process lives. Others may lie where the system's loader finds them; if
/// they do not, the provider reports it.
pub(super) fn preload(onnxruntime: &Path) {
    for path in libraries(onnxruntime) {
        load(&path);
    }
}

#[cfg(unix)]
fn load(path: &Path) {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};
    // SAFETY: NVIDIA's libraries only register themselves when they are loaded. The handle is never dropped, so they
    // are never unloaded.
    if let Ok(library) = unsafe { Library::open(Some(path), RTLD_LAZY | RTLD_GLOBAL) } {
        std::mem::forget(library);
    }
}

/// On other systems the provider looks in `PATH` only.
#[cfg(not(unix))]
fn load(_: &Path) {}

/// The libraries below the folder that holds `onnxruntime/capi/`, in the order of [`LIBRARIES`].
fn libraries(onnxruntime: &Path) -> Vec<PathBuf> {
    let packages = onnxruntime.parent().and_then(Path::parent).and_then(Path::parent);
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    let folders = packages.map(|packages| entries(&packages.join("nvidia"))).unwrap_or_default();
    let mut files: Vec<_> = folders.iter().flat_map(|folder| entries(&folder.join("lib"))).collect();
    files.sort();
    let named = |name: &str| {
        let prefix = format!("{name}.so");
        let is_named = move |path: &&PathBuf| {
            path.file_name().and_then(|file| file.to_str()).is_some_and(|file| file.starts_with(&prefix))
        };
        files.iter().filter(is_named).cloned().collect::<Vec<_>>()
    };
    LIBRARIES.iter().flat_map(|name| named(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_come_in_the_order_of_their_needs() {
        let packages = tempfile::tempdir().unwrap();
        let onnxruntime = packages.path().join("onnxruntime/capi/libonnxruntime.so.1.31.1");
        assert!(libraries(&onnxruntime).is_empty(), "without pip's CUDA packages");
        for file in [
            "cu13/lib/libcublas.so.13",
            "cu13/lib/libcublasLt.so.13",
            "cu13/lib/libcudart.so.13",
            "cu13/lib/libcufile.so.0",
            "cudnn/lib/libcudnn.so.9",
            "cudnn/lib/libcudnn_ops.so.9",
        ] {
            let path = packages.path().join("nvidia").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = libraries(&onnxruntime);
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcudnn.so.9"]);
        // Files that are not libraries are skipped.
        preload(&onnxruntime);
    }
}
