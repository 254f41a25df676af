//! The exported graphs and the runtime against libtorch, on real photos.
//!
//! ResNet50 has seeded random weights, EfficientNet-Lite0 its trained ones; both decoders have random
//! ones. A trained checkpoint with its bundle is tested too where two variables name them:
//!
//! ```sh
//! GLIMPSE_CHECKPOINT=runs/flickr8k/best/best.safetensors GLIMPSE_BUNDLE=models/flickr8k-edge \
//!     cargo test -p glimpse-tests --test parity -- --nocapture
//! ```

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod host;
mod libtorch;
mod plain;

use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Architecture, Bundle};
use glimpse_runtime::generation::GenerationConfig;
use glimpse_runtime::inspect::{compare, inspect};
use glimpse_runtime::{Caption, Captioner, CaptionerOptions, Device, OnnxRuntimeOptions};
use glimpse_tests::models::{self, SeededModel};
use glimpse_tests::photos::photos;
use glimpse_tests::places::project;
use glimpse_trainer::exporting::write_reference;
use libtorch::Libtorch;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const PHOTOS: usize = 32;
/// The largest absolute difference of a log-probability.
const TOLERANCE: f64 = 1e-4;

/// One model in both worlds.
struct Pair {
    name: String,
    bundle: PathBuf,
    checkpoint: PathBuf,
    backbone_weights: PathBuf,
    _files: Option<SeededModel>,
}

impl Pair {
    fn seeded(model: SeededModel) -> Self {
        Self {
            name: model.architecture.backbone.clone(),
            bundle: model.bundle.clone(),
            checkpoint: model.checkpoint.clone(),
            backbone_weights: model.backbone_weights.clone(),
            _files: Some(model),
        }
    }

    fn trained() -> Option<Self> {
        let path = |name| std::env::var_os(name).map(|path| project().join(path));
        let (bundle, checkpoint) = (path("GLIMPSE_BUNDLE")?, path("GLIMPSE_CHECKPOINT")?);
        let backbone = Bundle::open(&bundle).unwrap().config.architecture.backbone;
        let backbone_weights = project().join("models/backbones").join(format!("{backbone}.safetensors"));
        Some(Self { name: "trained".into(), bundle, checkpoint, backbone_weights, _files: None })
    }

    fn runtime(&self) -> Captioner {
        let mut options = CaptionerOptions::default();
        options.device = Device::Cpu;
        options.onnxruntime = onnxruntime();
        Captioner::open(&self.bundle, &options).unwrap()
    }

    fn libtorch(&self) -> Libtorch {
        Libtorch::open(&self.checkpoint, &self.backbone_weights)
    }
}

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let seeded = [models::report(), models::edge()].map(|sizes| Pair::seeded(SeededModel::write(sizes)));
    seeded.into_iter().chain(Pair::trained()).collect()
});

static PICTURES: LazyLock<Vec<RgbImage>> = LazyLock::new(|| photos(PHOTOS));

/// The runtime looks above the test program, which a target folder elsewhere would mislead.
fn onnxruntime() -> OnnxRuntimeOptions {
    let mut options = OnnxRuntimeOptions::default();
    let library = project().join(".deps/onnxruntime/capi");
    options.library = (std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir()).then_some(library);
    options
}

/// The bundle's own options with this many beams.
fn beams(captioner: &Captioner, num_beams: usize) -> GenerationConfig {
    let mut options = captioner.generation_config().clone();
    options.num_beams = num_beams;
    options
}

/// The best caption of each photo.
fn first(captions: Vec<Vec<Caption>>) -> Vec<Caption> {
    captions.into_iter().map(|captions| captions.into_iter().next().unwrap()).collect()
}

#[track_caller]
fn assert_near(what: &str, found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    let largest = differences.fold(0.0, f64::max);
    assert!(largest <= TOLERANCE, "{what}: {largest:.1e} apart: {found:?}, expected {expected:?}");
    largest
}

#[test]
fn every_output_of_both_graphs_equals_libtorch() {
    PAIRS.iter().for_each(|pair| check_outputs(pair, &PICTURES));
}

/// The input of EfficientNet-Lite2 and its grid have other sizes than those of the other two.
#[test]
fn a_backbone_with_another_grid_equals_libtorch() {
    let sizes = Architecture { backbone: "efficientnet-lite2".into(), num_cells: 81, ..models::small() };
    let pair = Pair::seeded(SeededModel::write(sizes));
    let pictures = &PICTURES[..2];
    check_outputs(&pair, pictures);
    check_greedy(&pair, pictures);
}

/// The checkpoint's own weights of these blocks are in the graph, not those of the backbone's file.
#[test]
fn trained_blocks_of_the_backbone_are_exported() {
    let [plain, trained] =
        [0, 6].map(|count| Pair::seeded(SeededModel::with_trained_blocks(models::small(), count)));
    let pictures = &PICTURES[..4];
    check_outputs(&trained, pictures);
    let grid = |pair: &Pair| {
        let libtorch = pair.libtorch();
        let tensors = libtorch.reference(&libtorch.pixel_values(pictures));
        tensors.into_iter().find(|(name, _)| name == "encoder/last_hidden_state").unwrap().1
    };
    let difference = (grid(&plain) - grid(&trained)).abs().max().double_value(&[]);
    assert!(difference > 0.1, "the trained blocks move the grid by {difference}");
}

fn check_outputs(pair: &Pair, pictures: &[RgbImage]) {
    let libtorch = pair.libtorch();
    let pixel_values = libtorch.pixel_values(pictures);
    let tensors = libtorch.reference(&pixel_values);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reference.safetensors");
    write_reference(&file, &tensors).unwrap();
    let runtime = pair.runtime();
    let differences = compare(runtime.bundle(), runtime.runtime(), &file).unwrap();
    println!("{} on {} photos", pair.name, pictures.len());
    assert_eq!(differences.len(), 9, "four outputs of the encoder, five of the decoder");
    for difference in &differences {
        let name = format!("{}/{}", difference.graph, difference.tensor);
        let (_, expected) = tensors.iter().find(|(tensor, _)| *tensor == name).unwrap();
        let largest = expected.abs().max().double_value(&[]);
        println!(
            "  {name:<26} {:.1e} apart, largest {largest:.2}, {:?}",
            difference.max_abs_difference, difference.shape
        );
        // Features may be large numbers: the seventh digit of 36.8 is 1e-5 already.
        let allowed = if difference.graph == "encoder" { TOLERANCE.max(1e-5 * largest) } else { TOLERANCE };
        assert!(difference.max_abs_difference <= allowed, "{}: {difference:?}", pair.name);
    }
}

#[test]
fn greedy_captions_equal_libtorch() {
    PAIRS.iter().for_each(|pair| check_greedy(pair, &PICTURES));
}

fn check_greedy(pair: &Pair, pictures: &[RgbImage]) {
    let runtime = pair.runtime();
    let options = beams(&runtime, 1);
    let captions = first(runtime.caption_batch(pictures, &options).unwrap());
    let libtorch = pair.libtorch();
    let mut largest = 0f64;
    for (photo, caption) in captions.iter().enumerate() {
        let what = format!("{}, photo {photo}", pair.name);
        let expected = plain::greedy(&libtorch.photo(&pictures[photo]), &options);
        assert_eq!(caption.token_ids, expected.token_ids, "{what}");
        largest = largest.max(assert_near(&what, &caption.token_logprobs, &expected.token_logprobs));
    }
    let words: usize = captions.iter().map(|caption| caption.token_ids.len()).sum();
    println!("{}: {words} greedy words, log-probabilities at most {largest:.1e} apart", pair.name);
}

#[test]
fn beam_captions_equal_a_plain_beam_search_in_libtorch() {
    for pair in &*PAIRS {
        let runtime = pair.runtime();
        let [mut three, mut five] = [3, 5].map(|num_beams| beams(&runtime, num_beams));
        three.num_return_sequences = 3;
        five.num_return_sequences = 5;
        five.length_penalty = 0.7;
        five.no_repeat_ngram_size = 2;
        five.max_length = 12;
        let encoded = runtime.encode(&*PICTURES).unwrap();
        let captions = [&three, &five].map(|options| runtime.decode(&encoded, options).unwrap());
        let libtorch = pair.libtorch();
        let mut largest = [0f64; 2];
        for (photo, picture) in PICTURES.iter().enumerate() {
            let reference = libtorch.photo(picture);
            for (setting, options) in [&three, &five].into_iter().enumerate() {
                let captions = &captions[setting][photo];
                let expected = plain::beam_search(&reference, options);
                assert_eq!(captions.len(), expected.len());
                for (rank, (caption, expected)) in captions.iter().zip(&expected).enumerate() {
                    let what =
                        format!("{}, {} beams, photo {photo}, rank {rank}", pair.name, options.num_beams);
                    assert_eq!(caption.token_ids, expected.token_ids, "{what}");
                    assert_near(&what, &caption.token_logprobs, &expected.token_logprobs);
                    let scores = assert_near(&what, &[caption.score], &[expected.score(options) as f32]);
                    largest[setting] = largest[setting].max(scores);
                }
            }
        }
        println!("{}: scores at most {:.1e} (3 beams), {:.1e} (5) apart", pair.name, largest[0], largest[1]);
    }
}

#[test]
fn a_photo_in_a_batch_gets_what_it_gets_alone() {
    for pair in &*PAIRS {
        let runtime = pair.runtime();
        for num_beams in [1, 3] {
            let options = beams(&runtime, num_beams);
            let together = first(runtime.caption_batch(&*PICTURES, &options).unwrap());
            for (photo, batched) in together.iter().enumerate() {
                let what = format!("{}, photo {photo}, {num_beams} beams", pair.name);
                let alone = first(runtime.caption_batch(&PICTURES[photo..=photo], &options).unwrap());
                assert_eq!(alone[0].token_ids, batched.token_ids, "{what}");
                assert_near(&what, &alone[0].token_logprobs, &batched.token_logprobs);
                assert_near(&what, &[alone[0].score], &[batched.score]);
            }
        }
    }
}

/// The graph counts images and rows apart, so that nobody has to repeat a grid; that the runtime
/// does not is tested in `python`, where a graph is altered.
#[test]
fn the_decoder_reads_one_grid_per_image() {
    for pair in &*PAIRS {
        let runtime = pair.runtime();
        let inspection = inspect(runtime.bundle(), runtime.runtime()).unwrap();
        let decoder = inspection.graphs.iter().find(|graph| is_decoder(&graph.file)).unwrap();
        let axis = |name: &str| {
            let input = decoder.inputs.iter().find(|input| input.name == name).unwrap();
            input.dtype.split(['[', ',', ']']).nth(1).unwrap().to_string()
        };
        assert_eq!(["encoder_hidden_states", "encoder_keys"].map(axis), ["batch_size", "batch_size"]);
        assert_eq!(["input_ids", "beam_idx"].map(axis), ["rows", "rows"]);
        assert_eq!(["past_h", "past_c"].map(axis), ["past_rows", "past_rows"]);
    }
}

fn is_decoder(file: &str) -> bool {
    Path::new(file).file_stem().is_some_and(|stem| stem == glimpse_bundle::DECODER)
}
