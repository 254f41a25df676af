//! The shipped bundle's captions against greedy and beam search written as plainly as possible: one
//! photo, one row at a time, the whole vocabulary, whole sequences. 200 photos of Flickr8k where they
//! are at hand (`../shared`), the example photos elsewhere.

use super::*;
use crate::encoder::take_f32;
use crate::{CaptionStream, PreparedPhotos};
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{EarlyStopping, tensors};
use ort::value::{Tensor, TensorRef};
use std::path::PathBuf;
use std::rc::Rc;

const PHOTOS: usize = 200;
/// Log-probabilities and scores of batches and of single rows.
const TOLERANCE: f32 = 1e-4;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shipped bundle, where there is an ONNX Runtime.
fn captioner() -> Option<Captioner> {
    let mut options = CaptionerOptions { device: Device::Cpu, ..Default::default() };
    let library = project().join(".deps/onnxruntime/capi");
    if std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir() {
        options.onnxruntime.library = Some(library);
    }
    match Captioner::open(project().join("models/flickr8k-edge"), &options) {
        Err(Error::OnnxRuntime(error)) => {
            println!("skipped: {error}");
            None
        }
        opened => Some(opened.unwrap()),
    }
}

fn photos() -> Vec<RgbImage> {
    let shared = project().join("../shared/data/flickr8k/images");
    let folder = if shared.is_dir() { shared } else { project().join("assets/photos") };
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "jpg")).collect();
    files.sort();
    // Neighbours in the alphabet are photos of one series.
    let every = (files.len() / PHOTOS).max(1);
    let photos: Vec<_> = files.iter().step_by(every).take(PHOTOS).collect();
    println!("{} photos of {}", photos.len(), folder.display());
    photos.into_iter().map(|path| glimpse_bundle::image::open(path).unwrap()).collect()
}

struct State {
    h: Tensor<f32>,
    c: Tensor<f32>,
}

#[derive(Clone)]
struct Sequence {
    token_ids: Vec<u32>,
    token_logprobs: Vec<f32>,
    sum: f32,
    state: Rc<Option<State>>,
}

impl Sequence {
    fn score(&self, options: &GenerationConfig) -> f32 {
        self.sum / (self.token_ids.len() as f32).powf(options.length_penalty)
    }

    fn ends(&self, options: &GenerationConfig) -> bool {
        self.token_ids.last().is_some_and(|&id| options.eos_token_id.contains(id))
            || self.token_ids.len() + 1 == options.max_length
    }
}

/// One photo, described without a search.
struct Plain<'a> {
    decoder: &'a mut Session,
    encoded: &'a Encoded,
    vocab_size: usize,
    options: &'a GenerationConfig,
}

impl Plain<'_> {
    fn start(&self) -> Sequence {
        Sequence { token_ids: Vec::new(), token_logprobs: Vec::new(), sum: 0.0, state: Rc::new(None) }
    }

    /// Every allowed word after a sequence, in no order.
    fn continuations(&mut self, sequence: &Sequence) -> Vec<Sequence> {
        let [last_hidden_state, encoder_keys, initial_h, initial_c] =
            [tensors::LAST_HIDDEN_STATE, tensors::ENCODER_KEYS, tensors::INITIAL_H, tensors::INITIAL_C]
                .map(|name| self.encoded.output(name).unwrap());
        let (h, c) = match &*sequence.state {
            Some(State { h, c }) => (h, c),
            None => (initial_h, initial_c),
        };
        let last = *sequence.token_ids.last().unwrap_or(&self.options.decoder_start_token_id);
        let (last, row, k) = ([i64::from(last)], [0i64], [self.vocab_size as i64]);
        let inputs = ort::inputs![
            tensors::INPUT_IDS => TensorRef::from_array_view(([1usize], &last[..])).unwrap(),
            tensors::BEAM_IDX => TensorRef::from_array_view(([1usize], &row[..])).unwrap(),
            tensors::PAST_H => h,
            tensors::PAST_C => c,
            tensors::ENCODER_HIDDEN_STATES => last_hidden_state,
            tensors::ENCODER_KEYS => encoder_keys,
            tensors::K => TensorRef::from_array_view(((), &k[..])).unwrap(),
        ];
        let mut outputs = self.decoder.run(inputs).unwrap();
        let log_probs = outputs[tensors::TOP_LOG_PROBS].try_extract_tensor::<f32>().unwrap().1.to_vec();
        let ids = outputs[tensors::TOP_TOKEN_IDS].try_extract_tensor::<i64>().unwrap().1.to_vec();
        let [h, c] =
            [tensors::PRESENT_H, tensors::PRESENT_C].map(|name| take_f32(&mut outputs, name).unwrap());
        let state = Rc::new(Some(State { h, c }));
        let words = ids.iter().map(|&id| id as u32).zip(log_probs);
        let allowed = words.filter(|(id, _)| !self.options.suppress_tokens.contains(id));
        let longer = allowed.map(|(id, log_prob)| Sequence {
            token_ids: [sequence.token_ids.as_slice(), &[id]].concat(),
            token_logprobs: [sequence.token_logprobs.as_slice(), &[log_prob]].concat(),
            sum: sequence.sum + log_prob,
            state: state.clone(),
        });
        longer.collect()
    }

    fn greedy(&mut self) -> Vec<Sequence> {
        let mut sequence = self.start();
        while !sequence.ends(self.options) {
            let longer = self.continuations(&sequence).into_iter();
            sequence = longer.max_by(|a, b| a.sum.total_cmp(&b.sum)).unwrap();
        }
        vec![sequence]
    }

    fn beam_search(&mut self) -> Vec<Sequence> {
        let (options, num_beams) = (self.options, self.options.num_beams);
        let (mut beams, mut finished) = (vec![self.start()], Vec::<Sequence>::new());
        while !beams.is_empty() {
            let mut ranked: Vec<_> = beams.iter().flat_map(|beam| self.continuations(beam)).collect();
            ranked.sort_by(|a, b| b.sum.total_cmp(&a.sum));
            ranked.truncate(2 * num_beams);
            finished.extend(ranked.iter().take(num_beams).filter(|sequence| sequence.ends(options)).cloned());
            finished.sort_by(|a, b| b.score(options).total_cmp(&a.score(options)));
            finished.truncate(num_beams);
            beams = ranked.into_iter().filter(|sequence| !sequence.ends(options)).take(num_beams).collect();
            let full = finished.len() == num_beams;
            if full
                && beams
                    .first()
                    .is_some_and(|best| finished[num_beams - 1].score(options) >= best.score(options))
            {
                break;
            }
        }
        finished
    }
}

#[track_caller]
fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= TOLERANCE);
    assert!(near, "{what}: {found:?}, expected {expected:?}");
}

#[test]
fn captions_equal_a_plain_search() {
    let Some(captioner) = captioner() else { return };
    let mut greedy = captioner.generation_config().clone();
    (greedy.num_beams, greedy.early_stopping) = (1, EarlyStopping::Heuristic);
    greedy.no_repeat_ngram_size = 0;
    let mut three = greedy.clone();
    (three.num_beams, three.num_return_sequences, three.length_penalty) = (3, 3, 1.0);
    let mut words = 0;
    for (batch, photos) in photos().chunks(8).enumerate() {
        let encoded = captioner.encode(photos).unwrap();
        let found = [&greedy, &three].map(|options| captioner.decode(&encoded, options).unwrap());
        for (index, photo) in photos.iter().enumerate() {
            let encoded = captioner.encode([photo]).unwrap();
            let vocab_size = captioner.bundle.config.architecture.vocab_size;
            for (captions, options) in found.iter().zip([&greedy, &three]) {
                let mut plain = Plain {
                    decoder: &mut locked(&captioner.decoder),
                    encoded: &encoded,
                    vocab_size,
                    options,
                };
                let expected = if options.num_beams == 1 { plain.greedy() } else { plain.beam_search() };
                assert_eq!(captions[index].len(), expected.len());
                for (caption, expected) in captions[index].iter().zip(&expected) {
                    let what = format!("photo {}, {} beams", 8 * batch + index, options.num_beams);
                    assert_eq!(caption.token_ids, expected.token_ids, "{what}");
                    assert_near(&what, &caption.token_logprobs, &expected.token_logprobs);
                    assert_near(&what, &[caption.score], &[expected.score(options)]);
                    words += caption.token_ids.len();
                }
            }
        }
    }
    println!("{words} words are the same");
}

/// A seed draws the same for a photo, whatever photos are beside it; another seed draws something else.
#[test]
fn samples_do_not_depend_on_the_batch() {
    let Some(captioner) = captioner() else { return };
    let mut options = captioner.generation_config().clone();
    (options.num_beams, options.do_sample, options.num_return_sequences) = (1, true, 3);
    (options.temperature, options.seed) = (1.3, 11);
    let ids = |captions: &[Caption]| -> Vec<_> {
        captions.iter().map(|caption| caption.token_ids.clone()).collect()
    };
    let photos: Vec<_> = photos().into_iter().take(5).collect();
    let together = captioner.caption_batch(&photos, &options).unwrap();
    for (photo, batched) in photos.iter().zip(&together) {
        let alone = captioner.caption_batch([photo], &options).unwrap();
        assert_eq!(ids(&alone[0]), ids(batched));
    }
    let reversed: Vec<_> = photos.iter().rev().cloned().collect();
    let reversed = captioner.caption_batch(&reversed, &options).unwrap();
    assert!(reversed.iter().rev().zip(&together).all(|(a, b)| ids(a) == ids(b)));
    options.seed = 12;
    let other = captioner.caption_batch(&photos, &options).unwrap();
    assert!(other.iter().zip(&together).any(|(a, b)| ids(a) != ids(b)));
}

#[test]
fn a_batch_of_another_captioner_is_refused() {
    let (Some(one), Some(other)) = (captioner(), captioner()) else { return };
    let photo = photos().swap_remove(0);
    let encoded = one.encode([&photo]).unwrap();
    assert!(matches!(other.decode(&encoded, one.generation_config()), Err(Error::OtherCaptioner)));
    assert!(one.decode(&encoded, one.generation_config()).is_ok());
}

#[test]
fn a_picture_of_few_pixels_is_refused_by_the_library_too() {
    let Some(captioner) = captioner() else { return };
    let refused = captioner.caption(RgbImage::new(3, 3), captioner.generation_config());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("3x3"), "{message}");
}

/// Two threads share a captioner, and each gets what it would get alone.
#[test]
fn threads_share_a_captioner() {
    let Some(captioner) = captioner() else { return };
    let photos: Vec<_> = photos().into_iter().take(6).collect();
    let options = captioner.generation_config();
    let expected = captioner.caption_batch(&photos, options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for (photo, expected) in photos.iter().zip(&expected) {
                    let found = captioner.caption(photo, options).unwrap();
                    assert_eq!(found[0].token_ids, expected[0].token_ids);
                }
            });
        }
    });
}

/// What cannot be captioned has an error of its own, in its place; the stream is read as it is needed.
#[test]
fn a_stream_answers_in_order() {
    let Some(captioner) = captioner() else { return };
    let photos: Vec<_> = photos().into_iter().take(5).collect();
    let options = captioner.generation_config().clone().with_num_beams(1);
    let expected = captioner.caption_batch(&photos, &options).unwrap();
    let broken = || Photo::Bytes(b"not a picture".to_vec());
    let taken = std::sync::Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let endless = photos.clone().into_iter().cycle().enumerate().map(move |(place, photo)| {
        counted.fetch_add(1, Ordering::SeqCst);
        if place % 3 == 1 { broken() } else { photo.into() }
    });
    let stream = StreamOptions::default().with_batch_size(2).with_threads(2);
    let answers: Vec<_> = captioner.stream(endless, &options, stream).unwrap().take(12).collect();
    for (place, answer) in answers.iter().enumerate() {
        match answer {
            Ok(answer) => {
                assert_eq!(answer.captions[0].token_ids, expected[place % 5][0].token_ids, "photo {place}");
            }
            Err(error) => assert!(place % 3 == 1, "photo {place}: {error}"),
        }
    }
    assert!(answers[1].is_err() && answers[10].is_err());
    assert!(taken.load(Ordering::SeqCst) < 20, "{taken:?} photos were read for 12 answers");
}

/// A stream that owns its captioner can leave the function that opened it.
#[test]
fn a_stream_may_own_its_captioner() {
    let Some(captioner) = captioner() else { return };
    let photos: Vec<_> = photos().into_iter().take(2).collect();
    let options = captioner.generation_config().clone().with_num_beams(1);
    let expected = captioner.caption_batch(&photos, &options).unwrap();
    let preprocessor = captioner.preprocessor().clone();
    let prepared = PreparedPhotos::new(photos.into_iter(), preprocessor, StreamOptions::default());
    let stream = CaptionStream::new(std::sync::Arc::new(captioner), prepared, &options).unwrap();
    let answers = std::thread::spawn(move || stream.collect::<Vec<_>>()).join().unwrap();
    for (answer, expected) in answers.into_iter().zip(&expected) {
        assert_eq!(answer.unwrap().captions[0].token_ids, expected[0].token_ids);
    }
}
