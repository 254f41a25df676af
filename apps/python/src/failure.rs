//! From Rust's failures to Python's exceptions.

use glimpse_bundle::with_causes;
use glimpse_runtime::{Error, LoadError};
use pyo3::exceptions::{PyImportError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`. A panic becomes a `RuntimeError`: pyo3's own exception for it is none that `except Exception` catches.
pub(crate) fn guarded<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let advice = "this is a fault of glimpse; please report it with the lines above";
        Err(PyRuntimeError::new_err(format!("glimpse failed unexpectedly: {text}; {advice}")))
    })
}

/// The exception for a captioner that cannot be opened or fails as a whole.
pub(crate) fn exception(error: &Error) -> PyErr {
    let text = with_causes(error);
    match error {
        Error::OnnxRuntime(LoadError::NotFound { .. }) => PyImportError::new_err(text),
        Error::Bundle(_) | Error::Contract { .. } | Error::Precision { .. } | Error::Option(_) => {
            PyValueError::new_err(text)
        }
        _ => PyRuntimeError::new_err(text),
    }
}

/// Refuses to go on in a child of the process that opened the model.
pub(crate) fn check_process(opened_in: u32) -> PyResult<()> {
    if std::process::id() == opened_in {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(
        "this process was forked after the model was opened, and ONNX Runtime's threads are not in it: open the \
         captioner in the child, or start workers with multiprocessing.get_context(\"spawn\")",
    ))
}
