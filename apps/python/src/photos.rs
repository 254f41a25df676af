//! From Python's photos to Rust's.

use glimpse_bundle::image::RgbImage;
use glimpse_runtime::Photo;
use pyo3::exceptions::{PyBaseException, PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyTuple};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What went wrong while Python's iterator was read.
#[derive(Default)]
pub(crate) struct Troubles {
    /// Photos that were refused before they were decoded, by their place.
    pub(crate) refused: HashMap<usize, PyErr>,
    /// The exception with which the iterator itself ended.
    pub(crate) ended: Option<PyErr>,
}

impl Troubles {
    /// The exception that goes before all answers: it is about the process, such as `KeyboardInterrupt`.
    pub(crate) fn take_interrupt(&mut self) -> Option<PyErr> {
        let is_interrupt = |error: &PyErr| Python::attach(|py| !error.is_instance_of::<PyException>(py));
        self.ended.as_ref().is_some_and(is_interrupt).then(|| self.ended.take())?
    }
}

/// Shared by the photos, which are read ahead, and the stream that answers.
pub(crate) type SharedTroubles = Arc<Mutex<Troubles>>;

/// Nothing is left half done when a holder panics.
pub(crate) fn locked(troubles: &SharedTroubles) -> MutexGuard<'_, Troubles> {
    troubles.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a Python iterator, under the GIL for as long as that takes.
///
/// Its items are `str` (a path), `bytes` (of a file), `(bytes, width, height)` (RGB pixels), or an exception in the place
/// of a photo that was refused.
pub(crate) struct Photos {
    photos: Py<PyIterator>,
    troubles: SharedTroubles,
    next: usize,
    has_ended: bool,
}

impl Photos {
    pub(crate) fn new(photos: Py<PyIterator>, troubles: SharedTroubles) -> Self {
        Self { photos, troubles, next: 0, has_ended: false }
    }

    fn read(&self, py: Python<'_>) -> Option<Photo> {
        let photo = self.photos.bind(py).clone().next()?.and_then(|item| {
            if let Ok(refusal) = item.cast::<PyBaseException>() {
                return Ok(Err(PyErr::from_value(refusal.clone().into_any())));
            }
            photo(&item).map(Ok)
        });
        match photo {
            Ok(Ok(photo)) => Some(photo),
            Ok(Err(refusal)) => {
                locked(&self.troubles).refused.insert(self.next, refusal);
                // Keeps the place of the photo among the others.
                Some(Photo::Reader(Box::new(|| Err(io::Error::other("refused")))))
            }
            Err(error) => {
                locked(&self.troubles).ended = Some(error);
                None
            }
        }
    }
}

impl Iterator for Photos {
    type Item = Photo;

    fn next(&mut self) -> Option<Photo> {
        if self.has_ended {
            return None;
        }
        let photo = Python::attach(|py| self.read(py));
        self.has_ended = photo.is_none();
        self.next += 1;
        photo
    }
}

fn photo(item: &Bound<'_, PyAny>) -> PyResult<Photo> {
    if let Ok(bytes) = item.cast::<PyBytes>() {
        return Ok(Photo::Bytes(bytes.as_bytes().to_vec()));
    }
    if item.is_instance_of::<PyTuple>() {
        let (pixels, width, height): (Bound<'_, PyBytes>, u32, u32) = item.extract()?;
        let image = RgbImage::from_raw(width, height, pixels.as_bytes().to_vec());
        return image.map(Photo::Pixels).ok_or_else(|| PyTypeError::new_err("too few pixels"));
    }
    Ok(Photo::Path(item.extract::<PathBuf>()?))
}
