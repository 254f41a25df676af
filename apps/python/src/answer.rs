//! From captions to Python's objects.

use glimpse_runtime::Caption;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

/// The answer for one photo of a stream.
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// What a user has to be told although there are captions.
    pub(crate) warning: Option<String>,
}

pub(crate) enum Outcome {
    /// For each of the options, the captions, best first.
    Captions(Vec<Vec<Caption>>),
    /// Why there is none, by the library.
    Failed(String),
    /// Why the photo was refused before it was decoded.
    Refused(PyErr),
}

impl Answer {
    /// `(captions or None, a text or an exception or None, warning or None)`
    pub(crate) fn into_python<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let none = || py.None().into_bound(py);
        let (captions, error) = match self.outcome {
            Outcome::Captions(settings) => (captions(py, &settings)?.into_any(), none()),
            Outcome::Failed(reason) => (none(), reason.into_pyobject(py)?.into_any()),
            Outcome::Refused(error) => (none(), error.into_value(py).into_bound(py).into_any()),
        };
        (captions, error, self.warning).into_pyobject(py)
    }
}

fn captions<'py>(py: Python<'py>, settings: &[Vec<Caption>]) -> PyResult<Bound<'py, PyList>> {
    let lists: Vec<_> = settings
        .iter()
        .map(|captions| {
            let dicts: Vec<_> = captions.iter().map(|caption| dict(py, caption)).collect::<PyResult<_>>()?;
            PyList::new(py, dicts)
        })
        .collect::<PyResult<_>>()?;
    PyList::new(py, lists)
}

fn dict<'py>(py: Python<'py>, caption: &Caption) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("generated_text", &caption.generated_text)?;
    dict.set_item("score", caption.score)?;
    dict.set_item("token_ids", &caption.token_ids)?;
    dict.set_item("token_logprobs", &caption.token_logprobs)?;
    let attentions = caption.attentions.as_ref().map(|weights| {
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_ne_bytes()).collect();
        // Through numpy's Python functions: its C interface would tie the wheel to versions of numpy.
        let numbers =
            py.import("numpy")?.call_method1("frombuffer", (PyBytes::new(py, &bytes), "float32"))?;
        numbers.call_method1("reshape", (weights.dim(),))?.call_method0("copy")
    });
    dict.set_item("attentions", attentions.transpose()?)?;
    Ok(dict)
}
