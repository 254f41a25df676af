use crate::bound_decoder::BoundDecoder;
use crate::decoder::Decoder;
use crate::device::Device;
use crate::encoder::{self, Encoded};
use crate::onnxruntime::{OnnxRuntime, OnnxRuntimeOptions};
use crate::pipeline::{for_each_ordered, in_parallel};
use crate::precision::PrecisionChoice;
use crate::search::{Hypothesis, SearchOptions, search};
use crate::session::Sessions;
use crate::verification::Verification;
use crate::{Error, Result};
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Bundle, CONFIG, Detokenizer, Preprocessor, Size, TOKENIZER};
use ndarray::{Array2, Array4, ArrayView4};
use ort::session::Session;
use std::path::Path;

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

/// One caption of one photo.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Caption {
    /// The words, without special ones.
    pub generated_text: String,
    /// Sum of log-probabilities / length^length_penalty; higher is better.
    pub score: f32,
    /// Generated words: without `<sos>`, with `<eos>` if it was reached.
    pub token_ids: Vec<u32>,
    /// Natural log-probability of each of `token_ids`.
    pub token_logprobs: Vec<f32>,
    /// [words, 49]: how much each word looked at each cell of the 7x7 grid, row-major; each row sums
    /// to 1. With [`SearchOptions::output_attentions`].
    pub attentions: Option<Array2<f32>>,
}

/// A bundle, opened and ready to caption photos.
pub struct Captioner {
    bundle: Bundle,
    runtime: OnnxRuntime,
    tokenizer: Detokenizer,
    preprocessor: Preprocessor,
    encoder: Session,
    decoder: Session,
    selection: Option<Session>,
    device: Device,
    fallback: Option<String>,
}

impl Captioner {
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
        let Sessions { encoder, decoder, selection, device, fallback } = sessions;
        Ok(Self { bundle, runtime, tokenizer, preprocessor, encoder, decoder, selection, device, fallback })
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

    /// Why the CPU was taken for [`Device::Auto`] although ONNX Runtime knows CUDA.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// The bundle's own search options, from `generation_config.json`.
    pub fn search_options(&self) -> SearchOptions {
        SearchOptions::from(&self.bundle.generation)
    }

    /// Captions a batch of photos; for each, `num_return_sequences` captions, best first.
    ///
    /// The photos are prepared in parallel and run as one batch: memory grows with their number.
    ///
    /// # Errors
    /// Refused options, or a failure of ONNX Runtime.
    pub fn caption(&mut self, photos: &[RgbImage], options: &SearchOptions) -> Result<Vec<Vec<Caption>>> {
        let encoded = self.encode(photos)?;
        self.decode(&encoded, options)
    }

    /// Prepares photos and runs the encoder on them as one batch.
    ///
    /// # Errors
    /// A failure of ONNX Runtime.
    pub fn encode(&mut self, photos: &[RgbImage]) -> Result<Encoded> {
        let Size { height, width } = self.bundle.preprocessor.output_size();
        let mut pixel_values = Array4::zeros((photos.len(), 3, height as usize, width as usize));
        let mut rows = pixel_values.outer_iter_mut();
        let threads = self.runtime.threads();
        let resize = |photo: &RgbImage| {
            self.preprocessor.check(photo)?;
            self.preprocessor.resize(photo)
        };
        for_each_ordered(photos, threads, threads, resize, |_, resized| {
            if let Some(row) = rows.next().as_mut().and_then(|row| row.as_slice_mut()) {
                self.preprocessor.normalize(&resized?, row);
            }
            Ok::<_, Error>(())
        })?;
        self.encode_pixel_values(pixel_values.view())
    }

    /// Runs the encoder on photos that are prepared already: f32 [batch, 3, height, width], as
    /// [`Preprocessor::pixel_values`] makes them.
    ///
    /// # Errors
    /// Another shape, or a failure of ONNX Runtime.
    pub fn encode_pixel_values(&mut self, pixel_values: ArrayView4<'_, f32>) -> Result<Encoded> {
        let Size { height, width } = self.bundle.preprocessor.output_size();
        let expected = [3, height as usize, width as usize];
        if pixel_values.shape()[1..] != expected {
            return Err(Error::PixelValues { found: pixel_values.shape().to_vec(), expected });
        }
        let pixel_values = pixel_values.as_standard_layout();
        match self.device {
            Device::Cuda(_) => encoder::encode_on(&mut self.encoder, pixel_values.view(), self.device),
            Device::Auto | Device::Cpu => encoder::encode(&mut self.encoder, pixel_values.view()),
        }
    }

    /// Searches captions for an encoded batch; the batch can be decoded again with other options.
    ///
    /// # Errors
    /// Refused options, or a failure of ONNX Runtime.
    pub fn decode(&mut self, encoded: &Encoded, options: &SearchOptions) -> Result<Vec<Vec<Caption>>> {
        let vocab_size = self.bundle.config.architecture.vocab_size;
        let photos = match &mut self.selection {
            Some(selection) => {
                let decoder =
                    BoundDecoder::new(&mut self.decoder, selection, self.device, encoded, vocab_size);
                search(&mut decoder?, encoded.batch_size(), options)?
            }
            None => {
                let mut decoder = Decoder::new(&mut self.decoder, encoded, vocab_size);
                search(&mut decoder, encoded.batch_size(), options)?
            }
        };
        let caption = |hypothesis| self.caption_of(hypothesis);
        photos.into_iter().map(|hypotheses| hypotheses.into_iter().map(caption).collect()).collect()
    }

    /// The word of each of a caption's `token_ids`, special ones included: `<eos>` at the end.
    pub fn words(&self, token_ids: &[u32]) -> Vec<String> {
        token_ids.iter().map(|&id| self.tokenizer.id_to_word(id).unwrap_or_default()).collect()
    }

    fn caption_of(&self, hypothesis: Hypothesis) -> Result<Caption> {
        let Hypothesis { token_ids, token_logprobs, score, attentions } = hypothesis;
        let generated_text = self.tokenizer.decode(&token_ids)?;
        Ok(Caption { generated_text, score, token_ids, token_logprobs, attentions })
    }
}

/// Ids mean the same words to the tokenizer and to the graphs.
fn check_vocabulary(bundle: &Bundle, tokenizer: &Detokenizer) -> Result<()> {
    let (words, ids) = (tokenizer.vocab_size(), bundle.config.architecture.vocab_size);
    if words == ids {
        return Ok(());
    }
    let reason = format!("it holds {words} words, where {CONFIG} says vocab_size is {ids}");
    Err(Error::Contract { path: bundle.dir().join(TOKENIZER), reason })
}

#[cfg(test)]
mod tests;
