//! The native module of the Python wheel `glimpse-captioner`, `glimpse._glimpse`. The package around it,
//! `apps/python/glimpse/`, is what users import; `glimpse/_glimpse.pyi` has the types of what is here.
//!
//! Every call that takes long gives up the GIL. A panic becomes a `RuntimeError`.

#![warn(clippy::disallowed_methods)]

mod answer;
mod engine;
mod failure;
mod photos;
mod stream;

use failure::guarded;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs the program `glimpse`; `arguments` begin with its name. Returns its exit code.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    guarded(|| {
        let code = py.detach(|| {
            let code = glimpse_cli::run(arguments);
            // Python ends without Rust's own end of a program, which would write the last line.
            std::io::stdout().flush().map(|()| code)
        })?;
        Ok((0..=2).find(|&number| code == ExitCode::from(number)).unwrap_or(2))
    })
}

/// Scores one caption a photo against its references, both by image id. Returns each metric's key and score.
#[pyfunction]
fn evaluate(
    py: Python<'_>,
    results: Vec<(String, String)>,
    references: Vec<(String, Vec<String>)>,
) -> PyResult<Vec<(&'static str, f64)>> {
    guarded(|| {
        let evaluation = py.detach(|| glimpse_metrics::evaluate(results, references));
        let evaluation = evaluation.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(evaluation.scores().iter().map(|(key, scored)| (*key, scored.corpus)).collect())
    })
}

/// Panics, for the test that a panic does not end the interpreter.
#[pyfunction]
fn panic_for_test(py: Python<'_>) -> PyResult<()> {
    guarded(|| py.detach(|| panic!("on purpose")))
}

#[pymodule]
fn _glimpse(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("OPTIONS", glimpse_runtime::GenerationConfig::KEYS.to_vec())?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<engine::Options>()?;
    module.add_class::<stream::Stream>()?;
    module.add_function(wrap_pyfunction!(evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(panic_for_test, module)?)
}
