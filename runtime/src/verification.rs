use crate::device::Device;
use crate::precision::PrecisionChoice;
use crate::{Result, optimized};
use glimpse_bundle::{Bundle, DECODER, ENCODER, model_file};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// Compares graphs, and the files in which they keep weights, with their checksums. For the graphs that will probably
/// run, it begins while ONNX Runtime is still being loaded.
pub(crate) struct Verification<'scope> {
    bundle: &'scope Bundle,
    early: Mutex<BTreeMap<String, ScopedJoinHandle<'scope, glimpse_bundle::Result<()>>>>,
}

impl<'scope> Verification<'scope> {
    /// Begins with the graphs that this device and choice ask for.
    pub(crate) fn start(
        scope: &'scope Scope<'scope, '_>,
        bundle: &'scope Bundle,
        device: Device,
        choice: PrecisionChoice,
    ) -> Self {
        let file = |stem| Some(model_file(stem, choice.resolve(bundle, stem, device).ok()?));
        let early = [ENCODER, DECODER].into_iter().filter_map(file);
        // Where a graph is kept for this machine, the bundle's own file is not opened.
        let early = early.filter(|file| !optimized::is_probably_kept(bundle, file)).map(|file| {
            let name = file.clone();
            (file, scope.spawn(move || bundle.verify(&name)))
        });
        Self { bundle, early: Mutex::new(early.collect()) }
    }

    /// Waits for the comparison of a graph, or makes it now.
    pub(crate) fn of(&self, file: &str) -> Result<()> {
        let early = self.early.lock().unwrap_or_else(PoisonError::into_inner).remove(file);
        let verified = match early {
            Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => self.bundle.verify(file),
        };
        Ok(verified?)
    }
}
