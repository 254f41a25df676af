use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// The places where ONNX Runtime is searched, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Named by the caller, in [`OnnxRuntimeOptions::library`](crate::OnnxRuntimeOptions::library).
    Named,
    /// The environment variable `ORT_DYLIB_PATH`.
    EnvironmentVariable,
    /// In the program's own folder, or in `lib` there.
    BesideProgram,
    /// Where `pip install --target .deps onnxruntime` puts it.
    Deps,
    /// Where the system's loader looks.
    System,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "the option ort_lib",
            Self::EnvironmentVariable => "ORT_DYLIB_PATH",
            Self::BesideProgram => "beside the program",
            Self::Deps => ".deps",
            Self::System => "the system's loader",
        })
    }
}

/// A place to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) origin: Origin,
    pub(super) path: PathBuf,
}

impl Place {
    /// A place that the user named: no other one is tried then.
    pub(super) fn is_a_demand(&self) -> bool {
        matches!(self.origin, Origin::Named | Origin::EnvironmentVariable)
    }
}

/// Names under which the system's loader may find the library: the development link and the SONAME.
const SYSTEM_NAMES: &[&str] = if cfg!(windows) {
    &["onnxruntime.dll"]
} else if cfg!(target_os = "macos") {
    &["libonnxruntime.dylib", "libonnxruntime.1.dylib"]
} else {
    &["libonnxruntime.so", "libonnxruntime.so.1"]
};

/// The places to try, best first. Folders are searched; `empty` gets those that hold no library.
pub(super) fn places(named: Option<&Path>, empty: &mut Vec<PathBuf>) -> Vec<Place> {
    let place = |origin, path| Place { origin, path };
    let from_variable = env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named {
        return vec![place(Origin::Named, file_at(path))];
    }
    if let Some(path) = from_variable {
        return vec![place(Origin::EnvironmentVariable, file_at(&path))];
    }
    let program = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let folder = program.as_deref().and_then(Path::parent);
    let beside = folder.into_iter().flat_map(beside);
    let above = folder.into_iter().flat_map(Path::ancestors).map(Path::to_path_buf);
    let deps = env::current_dir()
        .into_iter()
        .chain(above)
        .map(|base| place(Origin::Deps, base.join(".deps").join("onnxruntime").join("capi")));

    let mut found = Vec::new();
    for Place { origin, path } in beside.into_iter().chain(deps) {
        match library_in(&path) {
            Some(library) => found.push(place(origin, library)),
            None if empty.contains(&path) => {}
            None => empty.push(path),
        }
    }
    found.dedup();
    found.extend(SYSTEM_NAMES.iter().map(|name| place(Origin::System, name.into())));
    found
}

/// The folders beside a program in `folder`: that one, and the one where releases keep libraries.
fn beside(folder: &Path) -> [Place; 2] {
    [folder.to_path_buf(), folder.join("lib")].map(|path| Place { origin: Origin::BesideProgram, path })
}

/// The library at `path`, which may also be the folder that holds it. Absolute where it exists, as
/// relative paths would be tried against the program's folder first.
pub(super) fn file_at(path: &Path) -> PathBuf {
    let file = if path.is_dir() { library_in(path) } else { None };
    let file = file.unwrap_or_else(|| path.to_path_buf());
    file.canonicalize().unwrap_or(file)
}

/// The library in a folder; the last by name if there are several versions.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.file_name().is_some_and(is_library) && path.is_file()).max()
}

fn is_library(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    if cfg!(windows) {
        name == "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
    } else {
        name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_release_keeps_the_library_in_lib_beside_the_program() {
        let release = tempfile::tempdir().unwrap();
        std::fs::create_dir(release.path().join("lib")).unwrap();
        let file = release.path().join("lib/libonnxruntime.so.1.32.0");
        std::fs::write(&file, "").unwrap();
        let found = beside(release.path()).map(|place| library_in(&place.path));
        assert_eq!(found, [None, Some(file)]);
    }

    #[test]
    fn only_the_library_itself_counts() {
        for name in ["libonnxruntime.so", "libonnxruntime.so.1.32.0"] {
            assert!(is_library(OsStr::new(name)), "{name}");
        }
        for name in ["libonnxruntime_providers_shared.so", "libonnxruntime.sock", "onnxruntime.dll"] {
            assert!(!is_library(OsStr::new(name)), "{name}");
        }
    }
}
