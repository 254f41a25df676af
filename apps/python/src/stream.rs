//! Captions for the photos of a Python iterator.

use crate::answer::{Answer, Outcome};
use crate::failure::{check_process, guarded};
use crate::photos::{Photos, SharedTroubles, locked};
use glimpse_bundle::with_causes;
use glimpse_runtime::{
    Captioner, EncodedBatch, EncodedBatches, GenerationConfig, PreparedPhotos, StreamOptions,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, TryLockError};

/// An iterator over answers, one for each photo, in order: `(captions, error, warning)`.
#[pyclass(frozen, module = "glimpse._glimpse")]
pub(crate) struct Stream {
    state: Mutex<State>,
    process: u32,
}

struct State {
    source: Source,
    captioner: Arc<Captioner>,
    /// Each batch is encoded once and decoded with each of these.
    options: Vec<GenerationConfig>,
    troubles: SharedTroubles,
    ready: VecDeque<Answer>,
}

enum Source {
    /// Nothing was read yet.
    Waiting(Py<PyIterator>, StreamOptions),
    Running(Box<EncodedBatches<Arc<Captioner>, Photos>>),
    Ended,
}

impl Stream {
    pub(crate) fn new(
        captioner: Arc<Captioner>,
        photos: Py<PyIterator>,
        options: Vec<GenerationConfig>,
        stream: StreamOptions,
        process: u32,
    ) -> Self {
        let source = Source::Waiting(photos, stream);
        let state =
            State { source, captioner, options, troubles: SharedTroubles::default(), ready: VecDeque::new() };
        Self { state: Mutex::new(state), process }
    }

    fn answer(&self) -> PyResult<Option<Answer>> {
        // Waiting for the lock could be for ever: the holder may be the one whose iterator asks here.
        match self.state.try_lock() {
            Ok(mut state) => state.answer(),
            Err(TryLockError::WouldBlock) => Err(PyValueError::new_err(
                "this stream is being read already: give each thread a stream of its own",
            )),
            Err(TryLockError::Poisoned(_)) => {
                Err(PyRuntimeError::new_err("this stream has failed: begin a new one"))
            }
        }
    }
}

#[pymethods]
impl Stream {
    fn __iter__(stream: PyRef<'_, Self>) -> PyRef<'_, Self> {
        stream
    }

    /// The next answer. Without the GIL while photos are decoded and captioned; Ctrl-C is heard between batches.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        check_process(self.process)?;
        py.check_signals()?;
        let answer = guarded(|| py.detach(|| self.answer()))?;
        answer.map(|answer| answer.into_python(py)).transpose()
    }
}

impl State {
    fn answer(&mut self) -> PyResult<Option<Answer>> {
        while self.ready.is_empty() {
            self.start();
            let Source::Running(batches) = &mut self.source else { return Ok(None) };
            let batch = batches.next();
            let is_last = batch.is_none();
            if let Some(interrupt) = locked(&self.troubles).take_interrupt() {
                self.source = Source::Ended;
                return Err(interrupt);
            }
            if let Some(batch) = batch {
                self.decode(batch);
            }
            if is_last {
                self.source = Source::Ended;
                return locked(&self.troubles).ended.take().map_or(Ok(None), Err);
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Begins to read photos ahead.
    fn start(&mut self) {
        let Source::Waiting(photos, stream) = &self.source else { return };
        let photos = Python::attach(|py| photos.clone_ref(py));
        let photos = Photos::new(photos, Arc::clone(&self.troubles));
        let photos = PreparedPhotos::new(photos, self.captioner.preprocessor().clone(), *stream);
        self.source = Source::Running(Box::new(EncodedBatches::new(Arc::clone(&self.captioner), photos)));
    }

    fn decode(&mut self, batch: EncodedBatch) {
        let EncodedBatch { positions, encoded, failed, warnings, .. } = batch;
        let mut answers: Vec<(usize, Answer)> = Vec::new();
        if let Some(encoded) = &encoded {
            let decoded: glimpse_runtime::Result<Vec<_>> =
                self.options.iter().map(|options| self.captioner.decode(encoded, options)).collect();
            let decoded = decoded.map_err(|error| with_causes(&error));
            for (index, &place) in positions.iter().enumerate() {
                let outcome = match &decoded {
                    Ok(settings) => {
                        Outcome::Captions(settings.iter().map(|photos| photos[index].clone()).collect())
                    }
                    Err(reason) => Outcome::Failed(reason.clone()),
                };
                let warning = warnings.iter().find(|(warned, _)| *warned == place);
                answers.push((
                    place,
                    Answer { outcome, warning: warning.map(|(_, warning)| warning.to_string()) },
                ));
            }
        }
        let mut troubles = locked(&self.troubles);
        for (place, error) in failed {
            let outcome = match troubles.refused.remove(&place) {
                Some(refusal) => Outcome::Refused(refusal),
                None => Outcome::Failed(with_causes(&error)),
            };
            answers.push((place, Answer { outcome, warning: None }));
        }
        answers.sort_by_key(|(place, _)| *place);
        self.ready.extend(answers.into_iter().map(|(_, answer)| answer));
    }
}

impl Drop for Stream {
    /// In a forked child, the threads that prepare photos are not there to be waited for.
    fn drop(&mut self) {
        if check_process(self.process).is_err()
            && let Ok(state) = self.state.get_mut()
        {
            std::mem::forget(Arc::clone(&state.captioner));
            std::mem::forget(std::mem::replace(&mut state.source, Source::Ended));
        }
    }
}
