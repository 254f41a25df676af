//! Many photos, one after the other: prepared ahead on several threads, encoded and decoded in batches, answered in
//! order. Every program and every binding batches here.

use crate::photo::{NetworkInput, Photo, Prepared};
use crate::{Caption, Captioner, Encoded, Error, Result};
use glimpse_bundle::image::Warning;
use glimpse_bundle::{OrderedMap, Preprocessor, Size};
use glimpse_generation::GenerationConfig;
use ndarray::ArrayView4;
use std::collections::VecDeque;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How photos run through a captioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// Photos that run through the network together; memory grows with it. 8 by default.
    pub batch_size: usize,
    /// Threads that decode and resize photos; 1 by default. [`Captioner::stream`] takes those of ONNX Runtime.
    pub threads: usize,
    /// Hand each photo back as the network sees it, for pictures of attention.
    pub keep_inputs: bool,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { batch_size: 8, threads: 1, keep_inputs: false }
    }
}

impl StreamOptions {
    /// Sets [`batch_size`](Self::batch_size); 0 counts as 1.
    #[must_use]
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size: batch_size.max(1), ..self }
    }

    /// Sets [`threads`](Self::threads); 0 counts as 1.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// Sets [`keep_inputs`](Self::keep_inputs).
    #[must_use]
    pub fn with_inputs(self, keep_inputs: bool) -> Self {
        Self { keep_inputs, ..self }
    }
}

/// Photos that are decoded and resized ahead of their use, on threads of their own.
///
/// It can start before the captioner is open, as it needs the preprocessing alone.
pub struct PreparedPhotos<I: Iterator> {
    photos: OrderedMap<I, Result<Prepared>>,
    options: StreamOptions,
}

impl<I> PreparedPhotos<I>
where
    I: Iterator,
    I::Item: Into<Photo> + Send + 'static,
{
    /// Starts to prepare the first photos.
    pub fn new(photos: I, preprocessor: Preprocessor, options: StreamOptions) -> Self {
        let StreamOptions { batch_size, threads, keep_inputs } = options;
        let prepare = move |photo: I::Item| {
            // A photo that makes a decoder panic fails alone.
            catch_unwind(AssertUnwindSafe(|| Prepared::new(photo.into(), &preprocessor, keep_inputs)))
                .unwrap_or(Err(Error::DecoderPanic))
        };
        Self { photos: OrderedMap::new(photos, threads, batch_size, prepare), options }
    }
}

/// Photos that ran through the encoder together, and those between them that could not be prepared.
#[derive(Debug)]
#[non_exhaustive]
pub struct EncodedBatch {
    /// The place of each photo of `encoded` in the stream, from 0.
    pub positions: Vec<usize>,
    /// What the decoder reads. `None` if no photo could be prepared.
    pub encoded: Option<Encoded>,
    /// How long the encoder took.
    pub encoding: Duration,
    /// Each photo as the network sees it, with [`StreamOptions::keep_inputs`].
    pub inputs: Vec<NetworkInput>,
    /// The places of the photos that failed, and why.
    pub failed: Vec<(usize, Error)>,
    /// The positions of photos with a warning.
    pub warnings: Vec<(usize, Warning)>,
}

/// An iterator over encoded batches; see [`Captioner::encode_stream`].
///
/// `C` is how it holds the captioner: `&Captioner`, or `Arc<Captioner>` where the iterator has to live by itself.
pub struct EncodedBatches<C, I: Iterator> {
    captioner: C,
    photos: PreparedPhotos<I>,
    next: usize,
}

impl<C, I> EncodedBatches<C, I>
where
    C: Deref<Target = Captioner>,
    I: Iterator,
    I::Item: Into<Photo> + Send + 'static,
{
    /// Encodes photos that are being prepared already.
    pub fn new(captioner: C, photos: PreparedPhotos<I>) -> Self {
        Self { captioner, photos, next: 0 }
    }
}

impl<C, I> Iterator for EncodedBatches<C, I>
where
    C: Deref<Target = Captioner>,
    I: Iterator,
    I::Item: Into<Photo> + Send + 'static,
{
    type Item = EncodedBatch;

    fn next(&mut self) -> Option<EncodedBatch> {
        let mut batch = EncodedBatch {
            positions: Vec::new(),
            encoded: None,
            encoding: Duration::ZERO,
            inputs: Vec::new(),
            failed: Vec::new(),
            warnings: Vec::new(),
        };
        let mut pixel_values = Vec::new();
        while batch.positions.len() < self.photos.options.batch_size {
            let Some(prepared) = self.photos.photos.next() else { break };
            match prepared {
                Ok(photo) => {
                    pixel_values.extend_from_slice(&photo.pixel_values);
                    batch.positions.push(self.next);
                    batch.inputs.extend(photo.input);
                    batch.warnings.extend(photo.warning.map(|warning| (self.next, warning)));
                }
                Err(error) => batch.failed.push((self.next, error)),
            }
            self.next += 1;
        }
        if batch.positions.is_empty() {
            return (!batch.failed.is_empty()).then_some(batch);
        }
        let start = Instant::now();
        let Size { height, width } = self.captioner.preprocessor().config().output_size();
        let shape = (batch.positions.len(), 3, height as usize, width as usize);
        let encoded = ArrayView4::from_shape(shape, &pixel_values)
            .map_err(|_| Error::PixelValues {
                found: vec![pixel_values.len()],
                expected: [3, height as usize, width as usize],
            })
            .and_then(|pixel_values| self.captioner.encode_pixel_values(pixel_values));
        match encoded {
            Ok(encoded) => {
                batch.encoded = Some(encoded);
                batch.encoding = start.elapsed();
            }
            Err(error) => {
                batch.inputs.clear();
                batch.failed.extend(batch.positions.drain(..).zip(Error::shared(&error)));
                batch.failed.sort_by_key(|(place, _)| *place);
            }
        }
        Some(batch)
    }
}

/// The captions of one photo of a stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct Captioned {
    /// `num_return_sequences` captions, best first.
    pub captions: Vec<Caption>,
    /// The photo as the network sees it, with [`StreamOptions::keep_inputs`].
    pub input: Option<NetworkInput>,
    /// A warning about a photo that was captioned.
    pub warning: Option<Warning>,
}

/// An iterator over the captions of each photo; see [`Captioner::stream`].
///
/// `C` is how it holds the captioner, as for [`EncodedBatches`].
pub struct CaptionStream<C, I: Iterator> {
    batches: EncodedBatches<C, I>,
    options: GenerationConfig,
    ready: VecDeque<Result<Captioned>>,
}

impl<C, I> CaptionStream<C, I>
where
    C: Deref<Target = Captioner>,
    I: Iterator,
    I::Item: Into<Photo> + Send + 'static,
{
    /// Captions photos that are being prepared already.
    ///
    /// # Errors
    /// Refused options.
    pub fn new(captioner: C, photos: PreparedPhotos<I>, generation: &GenerationConfig) -> Result<Self> {
        generation.validate(captioner.bundle().config.architecture.vocab_size)?;
        let batches = EncodedBatches::new(captioner, photos);
        Ok(Self { batches, options: generation.clone(), ready: VecDeque::new() })
    }

    /// The answers of a batch in the order of the photos.
    fn decode(&self, batch: EncodedBatch) -> Vec<Result<Captioned>> {
        let EncodedBatch { positions, encoded, inputs, failed, warnings, .. } = batch;
        let captions = encoded.map(|encoded| self.batches.captioner.decode(&encoded, &self.options));
        let mut answers: Vec<(usize, Result<Captioned>)> = match captions {
            None => Vec::new(),
            Some(Ok(captions)) => {
                let mut inputs = inputs.into_iter();
                let photos = positions.into_iter().zip(captions);
                photos
                    .map(|(place, captions)| {
                        let warning =
                            warnings.iter().find(|(warned, _)| *warned == place).map(|(_, warning)| *warning);
                        (place, Ok(Captioned { captions, input: inputs.next(), warning }))
                    })
                    .collect()
            }
            Some(Err(error)) => positions.into_iter().zip(Error::shared(&error).map(Err)).collect(),
        };
        answers.extend(failed.into_iter().map(|(place, error)| (place, Err(error))));
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

impl<C, I> Iterator for CaptionStream<C, I>
where
    C: Deref<Target = Captioner>,
    I: Iterator,
    I::Item: Into<Photo> + Send + 'static,
{
    type Item = Result<Captioned>;

    fn next(&mut self) -> Option<Result<Captioned>> {
        while self.ready.is_empty() {
            let batch = self.batches.next()?;
            let answers = self.decode(batch);
            self.ready.extend(answers);
        }
        self.ready.pop_front()
    }
}

impl Captioner {
    /// Captions photos from any iterator, one answer for each, in order. A photo that cannot be captioned gets an
    /// error; the others are captioned all the same.
    ///
    /// Photos are read as they are needed, so that the iterator may be endless; `batch_size` of them are captioned
    /// together.
    ///
    /// # Errors
    /// Refused options.
    pub fn stream<I>(
        &self,
        photos: I,
        generation: &GenerationConfig,
        options: StreamOptions,
    ) -> Result<CaptionStream<&Self, I::IntoIter>>
    where
        I: IntoIterator,
        I::Item: Into<Photo> + Send + 'static,
    {
        let prepared = PreparedPhotos::new(photos.into_iter(), self.preprocessor().clone(), options);
        self.stream_prepared(prepared, generation)
    }

    /// [`stream`](Self::stream) over photos that are being prepared already.
    ///
    /// # Errors
    /// Refused options.
    pub fn stream_prepared<I>(
        &self,
        photos: PreparedPhotos<I>,
        generation: &GenerationConfig,
    ) -> Result<CaptionStream<&Self, I>>
    where
        I: Iterator,
        I::Item: Into<Photo> + Send + 'static,
    {
        CaptionStream::new(self, photos, generation)
    }

    /// Captions photos as one batch; memory grows with their number.
    ///
    /// # Errors
    /// Refused options, a failure of ONNX Runtime, or the error of the first photo that cannot be captioned.
    pub fn caption_batch<I>(&self, photos: I, generation: &GenerationConfig) -> Result<Vec<Vec<Caption>>>
    where
        I: IntoIterator,
        I::Item: Into<Photo>,
    {
        self.decode(&self.encode(photos)?, generation)
    }

    /// Encodes photos as one batch, to decode it in several ways; memory grows with their number.
    ///
    /// # Errors
    /// A failure of ONNX Runtime, or the error of the first photo that cannot be prepared.
    pub fn encode<I>(&self, photos: I) -> Result<Encoded>
    where
        I: IntoIterator,
        I::Item: Into<Photo>,
    {
        let photos: Vec<Photo> = photos.into_iter().map(Into::into).collect();
        let options =
            StreamOptions::default().with_batch_size(photos.len()).with_threads(self.runtime().threads());
        let batch = self.encode_stream(photos, options).next().ok_or(Error::NoPhoto)?;
        match (batch.failed.into_iter().next(), batch.encoded) {
            (Some((_, error)), _) => Err(error),
            (None, encoded) => encoded.ok_or(Error::NoPhoto),
        }
    }

    /// Encodes photos from any iterator in batches, to decode each batch in several ways.
    pub fn encode_stream<I>(&self, photos: I, options: StreamOptions) -> EncodedBatches<&Self, I::IntoIter>
    where
        I: IntoIterator,
        I::Item: Into<Photo> + Send + 'static,
    {
        let photos = PreparedPhotos::new(photos.into_iter(), self.preprocessor().clone(), options);
        EncodedBatches::new(self, photos)
    }
}
