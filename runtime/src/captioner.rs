use crate::decoder::Decoder;
use crate::device::Device;
use crate::encoder::{Encoded, Encoder};
use crate::onnxruntime::{OnnxRuntime, OnnxRuntimeOptions};
use crate::parallel::in_parallel;
use crate::precision::PrecisionChoice;
use crate::session::Sessions;
use crate::stream::StreamOptions;
use crate::verification::Verification;
use crate::{Error, Photo, Result, Trace, answer};
use glimpse_bundle::{
    Bundle, CONFIG, DecoderInterface, Detokenizer, GenerationConfig, Preprocessor, Size, TOKENIZER,
};
use glimpse_generation::{Hypothesis, search, search_traced};
use ndarray::{Array2, ArrayView4};
use ort::session::Session;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How to open a [`Captioner`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CaptionerOptions {
    /// Where the graphs run.
    pub device: Device,
    /// Which of the bundle's graphs run.
    pub precision: PrecisionChoice,
    /// Which ONNX Runtime to load, with how many threads.
    pub onnxruntime: OnnxRuntimeOptions,
}

impl CaptionerOptions {
    /// Sets [`device`](Self::device).
    #[must_use]
    pub fn with_device(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Sets [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(self, precision: impl Into<PrecisionChoice>) -> Self {
        Self { precision: precision.into(), ..self }
    }

    /// Sets the ONNX Runtime library: a file, or the folder that holds it.
    #[must_use]
    pub fn with_library(mut self, library: impl Into<PathBuf>) -> Self {
        self.onnxruntime.library = Some(library.into());
        self
    }

    /// Sets the threads of ONNX Runtime.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.onnxruntime.threads = Some(threads);
        self
    }
}

/// One caption of one photo. Its JSON has the fields' names as keys, and `attentions` as a list for each token.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Caption {
    /// The text, without special tokens.
    pub generated_text: String,
    /// Sum of log-probabilities / length^length_penalty; higher is better.
    pub score: f32,
    /// Generated ids: without `<sos>`, with `<eos>` if it was reached.
    pub token_ids: Vec<u32>,
    /// Natural log-probability of each of `token_ids`.
    pub token_logprobs: Vec<f32>,
    /// [tokens, cells]: the attention of each token over the cells of the feature grid, row-major; each row sums
    /// to 1. With [`GenerationConfig::output_attentions`].
    #[serde(serialize_with = "answer::rows", skip_serializing_if = "Option::is_none")]
    pub attentions: Option<Array2<f32>>,
}

/// A bundle, opened and ready to caption photos.
///
/// It can be shared between threads. ONNX Runtime uses all its threads for one batch, so that calls of the encoder
/// run one after the other, and so do searches; an encoder and a search of two threads overlap.
pub struct Captioner {
    /// Distinguishes photos encoded by this captioner from those of others.
    id: u64,
    bundle: Bundle,
    interface: DecoderInterface,
    runtime: OnnxRuntime,
    tokenizer: Detokenizer,
    preprocessor: Preprocessor,
    encoder: Mutex<Session>,
    decoder: Mutex<Session>,
    selection: Option<Mutex<Session>>,
    device: Device,
    precision: PrecisionChoice,
    fallback: Option<String>,
}

static CAPTIONERS: AtomicU64 = AtomicU64::new(0);

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Captioner>();
    assert_send_sync::<Encoded>();
};

impl fmt::Debug for Captioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captioner")
            .field("bundle", &self.bundle.dir())
            .field("device", &self.device)
            .field("onnxruntime", &self.runtime.version())
            .finish_non_exhaustive()
    }
}

/// A panic in another thread leaves a session as it was between two runs.
fn locked(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Captioner {
    /// Opens the bundle in `dir` with the default options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bundle(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open(dir, &CaptionerOptions::default())
    }

    /// Opens the bundle in `dir`: checks its files and graphs, loads ONNX Runtime if the process has
    /// not done so yet, and opens the graphs on the device.
    ///
    /// # Errors
    /// A damaged bundle, no ONNX Runtime, a device that cannot be used, or graphs that do not fit
    /// `config.json`; each names the file and the reason.
    pub fn open(dir: impl AsRef<Path>, options: &CaptionerOptions) -> Result<Self> {
        Self::of_bundle(Bundle::open_unverified(dir.as_ref())?, options)
    }

    /// [`open`](Self::open) for a bundle whose small files are read already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_bundle(bundle: Bundle, options: &CaptionerOptions) -> Result<Self> {
        let &CaptionerOptions { device, precision, ref onnxruntime } = options;
        let (tokenizer, opened) = in_parallel(
            || bundle.detokenizer(),
            || {
                std::thread::scope(|scope| {
                    let verification = Verification::start(scope, &bundle, device, precision);
                    let runtime = OnnxRuntime::load(onnxruntime)?;
                    let sessions = Sessions::open(&bundle, &runtime, device, precision, &verification)?;
                    Ok::<_, Error>((runtime, sessions))
                })
            },
        );
        let (tokenizer, (runtime, sessions)) = (tokenizer?, opened?);
        check_vocabulary(&bundle, &tokenizer)?;
        let preprocessor = Preprocessor::new(bundle.preprocessor.clone())?;
        let Sessions { encoder, decoder, selection, device, precision, fallback } = sessions;
        Ok(Self {
            id: CAPTIONERS.fetch_add(1, Ordering::Relaxed),
            interface: bundle.config.decoder_interface(),
            bundle,
            runtime,
            tokenizer,
            preprocessor,
            encoder: Mutex::new(encoder),
            decoder: Mutex::new(decoder),
            selection: selection.map(Mutex::new),
            device,
            precision,
            fallback,
        })
    }

    /// The bundle's files, sizes, provenance and scores.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The ONNX Runtime that runs the graphs.
    pub fn runtime(&self) -> &OnnxRuntime {
        &self.runtime
    }

    /// From a photo to `pixel_values`.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// Where the graphs run; never [`Device::Auto`].
    pub fn device(&self) -> Device {
        self.device
    }

    /// The precision of each graph that runs; never `None`.
    pub fn precision(&self) -> PrecisionChoice {
        self.precision
    }

    /// Why [`Device::Auto`] chose the CPU although this ONNX Runtime has CUDA.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// The bundle's own decoding options, from `generation_config.json`.
    pub fn generation_config(&self) -> &GenerationConfig {
        &self.bundle.generation
    }

    /// Captions one photo: `num_return_sequences` captions, best first.
    ///
    /// # Errors
    /// Refused options, a photo that cannot be captioned, or a failure of ONNX Runtime.
    pub fn caption(&self, photo: impl Into<Photo>, options: &GenerationConfig) -> Result<Vec<Caption>> {
        let photos = std::iter::once(photo.into());
        let mut answers = self.stream(photos, options, StreamOptions::default())?;
        answers.next().unwrap_or(Err(Error::NoPhoto)).map(|captioned| captioned.captions)
    }

    /// Runs the encoder on photos that are prepared already: f32 [batch, 3, height, width], as
    /// [`Preprocessor::pixel_values`] makes them.
    ///
    /// # Errors
    /// Another shape, or a failure of ONNX Runtime.
    pub fn encode_pixel_values(&self, pixel_values: ArrayView4<'_, f32>) -> Result<Encoded> {
        let Size { height, width } = self.bundle.preprocessor.output_size();
        let expected = [3, height as usize, width as usize];
        if pixel_values.shape()[1..] != expected {
            return Err(Error::PixelValues { found: pixel_values.shape().to_vec(), expected });
        }
        let pixel_values = pixel_values.as_standard_layout();
        let mut session = locked(&self.encoder);
        let encoder = Encoder { session: &mut session, interface: &self.interface, captioner: self.id };
        encoder.encode(pixel_values.view(), self.device)
    }

    /// Searches captions for an encoded batch; the batch can be decoded again with other options.
    ///
    /// # Errors
    /// Refused options, a batch of another captioner, or a failure of ONNX Runtime.
    pub fn decode(&self, encoded: &Encoded, options: &GenerationConfig) -> Result<Vec<Vec<Caption>>> {
        let photos = self.with_decoder(encoded, |decoder| search(decoder, encoded.batch_size(), options))?;
        photos.into_iter().map(|hypotheses| self.captions_of(hypotheses)).collect()
    }

    /// [`decode`](Self::decode) with the beam tree of each photo: the captions are the same, and the trace has every
    /// continuation that was ranked and up to `alternatives` of the best tokens of each row.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_traced(
        &self,
        encoded: &Encoded,
        options: &GenerationConfig,
        alternatives: usize,
    ) -> Result<Vec<(Vec<Caption>, Trace)>> {
        let photos = self.with_decoder(encoded, |decoder| {
            search_traced(decoder, encoded.batch_size(), options, alternatives)
        })?;
        let text = |id| self.tokenizer.id_to_token(id).unwrap_or_default().to_string();
        let photo = |(hypotheses, trace)| Ok((self.captions_of(hypotheses)?, Trace::new(trace, text)));
        photos.into_iter().map(photo).collect()
    }

    /// Calls `search` with the decoder for this batch.
    fn with_decoder<T>(
        &self,
        encoded: &Encoded,
        search: impl FnOnce(&mut Decoder<'_>) -> Result<T>,
    ) -> Result<T> {
        if encoded.captioner != self.id {
            return Err(Error::OtherCaptioner);
        }
        let vocab_size = self.bundle.config.architecture.vocab_size;
        let mut session = locked(&self.decoder);
        let mut selection = self.selection.as_ref().map(locked);
        let mut decoder = match &mut selection {
            Some(selection) => {
                Decoder::bound(&mut session, selection, self.device, &self.interface, encoded, vocab_size)?
            }
            None => Decoder::new(&mut session, &self.interface, encoded, vocab_size)?,
        };
        search(&mut decoder)
    }

    /// The token of each of a caption's `token_ids` as text, special ones included: `<eos>` at the end.
    pub fn tokens(&self, token_ids: &[u32]) -> Vec<String> {
        token_ids.iter().map(|&id| self.tokenizer.id_to_token(id).unwrap_or_default().to_string()).collect()
    }

    fn captions_of(&self, hypotheses: Vec<Hypothesis>) -> Result<Vec<Caption>> {
        hypotheses.into_iter().map(|hypothesis| self.caption_of(hypothesis)).collect()
    }

    fn caption_of(&self, hypothesis: Hypothesis) -> Result<Caption> {
        let Hypothesis { token_ids, token_logprobs, score, attentions } = hypothesis;
        let generated_text = self.tokenizer.decode(&token_ids)?;
        Ok(Caption { generated_text, score, token_ids, token_logprobs, attentions })
    }
}

/// Refuses a tokenizer of another vocabulary size than the graphs have.
fn check_vocabulary(bundle: &Bundle, tokenizer: &Detokenizer) -> Result<()> {
    let (words, ids) = (tokenizer.vocab_size(), bundle.config.architecture.vocab_size);
    if words == ids {
        return Ok(());
    }
    let reason = format!("it holds {words} tokens, where {CONFIG} says vocab_size is {ids}");
    Err(Error::Contract { path: bundle.dir().join(TOKENIZER), reason })
}

#[cfg(test)]
mod tests;
