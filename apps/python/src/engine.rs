//! A bundle, opened for Python.

use crate::failure::{check_process, exception, guarded};
use crate::stream::Stream;
use glimpse_runtime::{Captioner, CaptionerOptions, GenerationConfig, StreamOptions};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// A bundle, opened and ready. `glimpse.Captioner` is its face.
#[pyclass(frozen, module = "glimpse._glimpse")]
pub(crate) struct Engine {
    captioner: Arc<Captioner>,
    /// The process that has ONNX Runtime's threads.
    process: u32,
}

/// Decoding options that were checked.
#[pyclass(frozen, module = "glimpse._glimpse")]
pub(crate) struct Options(pub(crate) GenerationConfig);

#[pymethods]
impl Options {
    /// All options by their keys, as JSON.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

#[pymethods]
impl Engine {
    /// Opens the bundle in the folder `model`. `library` is ONNX Runtime's, or `None` to search for it.
    #[new]
    #[pyo3(signature = (model, device, precision, threads, library))]
    fn open(
        py: Python<'_>,
        model: PathBuf,
        device: &str,
        precision: &str,
        threads: Option<usize>,
        library: Option<PathBuf>,
    ) -> PyResult<Self> {
        let refused = |text: String| PyValueError::new_err(text);
        let mut options = CaptionerOptions::default();
        options.device = device.parse().map_err(|error| refused(format!("device: {error}")))?;
        options.precision = precision.parse().map_err(|error| refused(format!("precision: {error}")))?;
        options.onnxruntime.threads = threads;
        options.onnxruntime.library = library;
        guarded(|| {
            let captioner =
                py.detach(|| Captioner::open(model, &options)).map_err(|error| exception(&error))?;
            Ok(Self { captioner: Arc::new(captioner), process: std::process::id() })
        })
    }

    /// Puts `overrides`, a JSON object of options by their keys, over the bundle's own options. A wrong key or type is a
    /// `TypeError`, a wrong value a `ValueError`.
    fn options(&self, overrides: &str) -> PyResult<Options> {
        let overrides: Map<String, Value> =
            serde_json::from_str(overrides).map_err(|error| PyTypeError::new_err(error.to_string()))?;
        // By itself, so that keys and types are told apart from values.
        GenerationConfig::from_object(overrides.clone())
            .map_err(|refused| PyTypeError::new_err(refused.to_string()))?;
        let vocab_size = self.captioner.bundle().config.architecture.vocab_size;
        let options = self.captioner.generation_config().with_overrides(&overrides);
        let options = options.and_then(|options| options.validate(vocab_size).map(|()| options));
        options.map(Options).map_err(|refused| PyValueError::new_err(refused.to_string()))
    }

    /// Captions the photos of an iterator with each of `options`. Nothing is read before the first answer is asked for.
    fn stream(
        &self,
        photos: Py<PyIterator>,
        options: Vec<PyRef<'_, Options>>,
        batch_size: usize,
        threads: Option<usize>,
    ) -> PyResult<Stream> {
        check_process(self.process)?;
        let threads = threads.unwrap_or_else(|| self.captioner.runtime().threads());
        let stream = StreamOptions::default().with_batch_size(batch_size).with_threads(threads);
        let options = options.iter().map(|options| options.0.clone()).collect();
        Ok(Stream::new(Arc::clone(&self.captioner), photos, options, stream, self.process))
    }

    /// Each token as text; an id outside the vocabulary is empty.
    fn tokens(&self, token_ids: Vec<u32>) -> Vec<String> {
        self.captioner.tokens(&token_ids)
    }

    /// What was opened, as JSON.
    fn describe(&self) -> String {
        let captioner = &self.captioner;
        let side = captioner.bundle().config.architecture.grid_side();
        json!({
            "model": captioner.bundle().dir(),
            "device": captioner.device().to_string(),
            "fallback": captioner.fallback(),
            "onnxruntime": captioner.runtime().version(),
            "library": captioner.runtime().library(),
            "threads": captioner.runtime().threads(),
            "grid": [side, side],
            "config": captioner.bundle().config,
        })
        .to_string()
    }
}

impl Drop for Engine {
    /// In a forked child, closing a session would wait for threads that are not there.
    fn drop(&mut self) {
        if check_process(self.process).is_err() {
            std::mem::forget(Arc::clone(&self.captioner));
        }
    }
}
