//! ONNX Runtime: found, loaded and started once per process.

mod cuda;
mod locate;
mod telemetry;
mod waiting;

pub use locate::Origin;
pub use telemetry::disable_telemetry;

use crate::error::OrtError;
use crate::{Error, Result};
use locate::{Place, places};
use ort::LoadDynamicError;
use ort::environment::{Environment, EnvironmentBuilder};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Why no ONNX Runtime could be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The library that the user named does not load. No other one is tried then.
    #[error("{origin} names {path}, which is not a usable ONNX Runtime: {reason}", path = path.display())]
    Unusable {
        /// Where it was named.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// The loader's reason.
        reason: String,
    },
    /// No place held a usable library.
    #[error(
        "no ONNX Runtime found; install one with `make deps` or `pip install --target .deps onnxruntime`, \
         or name the library with the option ort_lib or the variable ORT_DYLIB_PATH (tried {tried})"
    )]
    NotFound {
        /// Each place and what was wrong there, in the order of the search.
        tried: String,
    },
    /// The process has loaded another library.
    #[error(
        "ONNX Runtime is loaded once per process: {path} is in use already, so {asked} cannot be used",
        path = path.display(),
        asked = asked.display()
    )]
    AlreadyLoaded {
        /// The library in use.
        path: PathBuf,
        /// What was asked for instead.
        asked: PathBuf,
    },
}

/// Which library to load and how many threads to give it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OnnxRuntimeOptions {
    /// The library, or the folder that holds it; by default it is searched for (see [`Origin`]).
    pub library: Option<PathBuf>,
    /// Threads that run a graph; by default the physical cores.
    pub threads: Option<usize>,
}

impl OnnxRuntimeOptions {
    /// How many threads a graph gets.
    pub fn resolved_threads(&self) -> usize {
        self.threads.unwrap_or_else(physical_cores)
    }
}

/// A loaded ONNX Runtime, and how many threads its graphs get.
///
/// ONNX Runtime allows one environment per process, so this is a handle to a shared one.
#[derive(Debug, Clone)]
pub struct OnnxRuntime {
    environment: Environment,
    library: PathBuf,
    origin: Origin,
    version: String,
    threads: usize,
}

/// Never emptied: sessions may live longer than their captioner, and ONNX Runtime does not start a second environment.
static LOADED: Mutex<Option<OnnxRuntime>> = Mutex::new(None);

impl OnnxRuntime {
    /// Finds, loads and starts ONNX Runtime, or returns the one that this process has loaded already.
    ///
    /// # Errors
    /// [`LoadError`] as [`Error::OnnxRuntime`], or [`Error::Environment`] when the library loads but
    /// does not start.
    pub fn load(options: &OnnxRuntimeOptions) -> Result<Self> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone().with_options(options)?);
        }
        let (place, builder) = load_library(options.library.as_deref())?;
        let library = place.path.canonicalize().unwrap_or(place.path);
        let environment = builder.with_name("glimpse").with_telemetry(false).build();
        let environment =
            environment.map_err(|source| Error::Environment { source: OrtError::of(source) })?;
        if std::env::var_os("ORT_LOG").is_none() {
            // A failure is returned as an error. The same message on stderr would only confuse.
            environment.set_log_level(LogLevel::Fatal);
        }
        let version = version(&library).unwrap_or_else(|| "of unknown version".into());
        let runtime = Self { environment, library, origin: place.origin, version, threads: 1 };
        Ok(loaded.insert(runtime).clone().with_options(options)?)
    }

    fn with_options(self, options: &OnnxRuntimeOptions) -> Result<Self, LoadError> {
        if let Some(library) = &options.library
            && locate::file_at(library).canonicalize().ok().as_ref() != Some(&self.library)
        {
            return Err(LoadError::AlreadyLoaded { path: self.library, asked: library.clone() });
        }
        Ok(Self { threads: options.resolved_threads(), ..self })
    }

    /// The library's file; just its name when the system's loader found it.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// How the library was found.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// ONNX Runtime's version, e.g. `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Threads that run a graph; the calling thread is one of them.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Loads the CUDA libraries that pip installed beside ONNX Runtime, if they are there: the loader does not find them
    /// by itself.
    pub(crate) fn preload_cuda(&self) {
        cuda::preload(&self.library);
    }

    /// A builder of graphs with this many threads, which wait for work as [`waiting`](mod@waiting) says.
    pub(crate) fn session_builder(&self) -> ort::Result<SessionBuilder> {
        // With 0, ONNX Runtime chooses the number and binds each thread to a core. With a number, the scheduler places
        // the threads: at times two of them share one core, and a photo takes twice as long.
        let threads = if self.threads == num_cpus::get_physical() { 0 } else { self.threads };
        let builder = Session::builder(&self.environment)?.with_intra_threads(threads)?;
        waiting::configure(builder, &self.version)
    }
}

/// Cores that can compute at once, as far as this process may use them: a second hardware thread
/// adds nothing to matrix products.
fn physical_cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    num_cpus::get_physical().clamp(1, allowed)
}

fn load_library(named: Option<&Path>) -> Result<(Place, EnvironmentBuilder), LoadError> {
    let mut empty = Vec::new();
    let mut failed = Vec::new();
    for place in places(named, &mut empty) {
        // `init_from` returns what is wrong. Loading at the first call, which `ort` does otherwise, panics.
        match ort::init_from(&place.path) {
            Ok(builder) => return Ok((place, builder)),
            Err(error) if place.is_a_demand() => {
                let is_folder = place.path.is_dir();
                let reason = if is_folder { "no library in that folder".into() } else { explain(&error) };
                return Err(LoadError::Unusable { origin: place.origin, path: place.path, reason });
            }
            Err(error) => failed.push(explain(&error)),
        }
    }
    let empty = empty.iter().map(|folder| folder.display().to_string());
    let tried: Vec<_> = empty.chain(failed).collect();
    Err(LoadError::NotFound { tried: tried.join(", ") })
}

/// The loader's own message where there is one; it names the file.
fn explain(error: &LoadDynamicError) -> String {
    match error {
        LoadDynamicError::Dlopen { error, .. } => {
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        }
        other => other.to_string(),
    }
}

/// The version that the library reports; `ort` reads it but does not return it.
fn version(library: &Path) -> Option<String> {
    // SAFETY: the library is loaded already, so that this only takes another handle on it, and
    // `OrtGetApiBase` has had this signature since ONNX Runtime 1.0. The string is static.
    unsafe {
        let library = libloading::Library::new(library).ok()?;
        let api_base: libloading::Symbol<'_, unsafe extern "system" fn() -> *const ort::sys::OrtApiBase> =
            library.get(b"OrtGetApiBase").ok()?;
        let api_base = api_base().as_ref()?;
        let version = std::ffi::CStr::from_ptr((api_base.GetVersionString)());
        Some(version.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_core() {
        assert!(physical_cores() >= 1);
    }
}
