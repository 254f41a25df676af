//! `glimpse-quantize` run as a user would, and its bundles captioned with.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_bundle::image::{self, RgbImage};
use glimpse_bundle::{Bundle, DECODER, ENCODER, Precision};
use glimpse_runtime::{Caption, Captioner, CaptionerOptions, Device, PrecisionChoice};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn quantize(bundle: &Path, arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_glimpse-quantize"));
    Command::new(program).current_dir(project()).arg(bundle).args(arguments).output().unwrap()
}

/// The shipped bundle with every variant, made once.
fn with_variants() -> &'static Path {
    static FOLDER: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, bundle) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        std::fs::create_dir(&bundle).unwrap();
        for entry in std::fs::read_dir(project().join("models/flickr8k-edge")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, bundle.join(path.file_name().unwrap())).unwrap();
        }
        let output = quantize(&bundle, &["--precision", "int8,fp16", "--calibration", "assets/photos"]);
        assert!(output.status.success(), "{output:?}");
        (folder, bundle)
    });
    bundle
}

fn captioner(bundle: &Path, precision: &str) -> glimpse_runtime::Result<Captioner> {
    let mut options = CaptionerOptions::default();
    options.device = Device::Cpu;
    options.precision = precision.parse::<PrecisionChoice>().unwrap();
    // Tests run in threads of one process, which has one ONNX Runtime.
    options.onnxruntime.library = Some(project().join(".deps/onnxruntime/capi"));
    Captioner::open(bundle, &options)
}

fn photos() -> Vec<RgbImage> {
    let mut files: Vec<_> = std::fs::read_dir(project().join("assets/photos"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jpg"));
    files.sort();
    files.iter().map(|file| image::open(file).unwrap()).collect()
}

fn captions(captioner: &Captioner, photos: &[RgbImage]) -> Vec<Caption> {
    let options = captioner.generation_config().clone();
    captioner.caption_batch(photos, &options).unwrap().into_iter().map(|mut found| found.remove(0)).collect()
}

/// What a caption scores is a mean of log-probabilities: near enough, and a word may change only
/// where another is about as likely.
fn assert_scores_are_near(precision: &str, tolerance: f32) {
    let photos = photos();
    let expected = captions(&captioner(with_variants(), "fp32").unwrap(), &photos);
    let found = captions(&captioner(with_variants(), precision).unwrap(), &photos);
    for (found, expected) in found.iter().zip(&expected) {
        let apart = (found.score - expected.score).abs();
        println!("{precision}: {} ({apart:.4} apart)", found.generated_text);
        assert!(apart < tolerance, "{precision}: {found:?}\nfp32: {expected:?}");
    }
}

#[test]
fn half_precision_says_nearly_the_same() {
    assert_scores_are_near("fp16", 0.01);
}

#[test]
fn eight_bits_in_the_decoder_say_nearly_the_same() {
    assert_scores_are_near("fp32,int8", 0.05);
}

#[test]
fn eight_bits_in_both_graphs_say_about_the_same() {
    assert_scores_are_near("int8", 0.25);
}

#[test]
fn the_photos_of_a_batch_do_not_change_each_others_words_in_eight_bits() {
    let captioner = captioner(with_variants(), "int8").unwrap();
    let photos = photos();
    let together = captions(&captioner, &photos);
    for (photo, together) in photos.iter().zip(&together) {
        let alone = captions(&captioner, std::slice::from_ref(photo)).remove(0);
        assert_eq!(alone.token_ids, together.token_ids);
        assert!((alone.score - together.score).abs() < 1e-4, "{alone:?} {together:?}");
    }
}

#[test]
fn a_bundle_of_eight_bits_alone_is_a_third_of_the_size_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let output = quantize(
        &project().join("models/flickr8k-edge"),
        &[
            "--precision",
            "int8",
            "--calibration",
            "assets/photos/beach.jpg",
            "--output",
            small.to_str().unwrap(),
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("1 photos are few"), "{stderr}");
    let bundle = Bundle::open(&small).unwrap();
    assert_eq!(bundle.precisions(ENCODER), [Precision::Int8]);
    let bytes = |dir: &Path, precision| {
        let bundle = Bundle::open(dir).unwrap();
        let size = |stem| std::fs::metadata(bundle.model_path(stem, precision).unwrap()).unwrap().len();
        (size(ENCODER) + size(DECODER)) as f64
    };
    let ratio = bytes(&small, Precision::Int8) / bytes(with_variants(), Precision::Fp32);
    println!("int8 takes {ratio:.3} of the bytes");
    assert!(ratio < 0.3, "{ratio}");
    // `auto` takes what there is.
    assert_eq!(captions(&captioner(&small, "auto").unwrap(), &photos()[..1]).len(), 1);
}

#[test]
fn a_precision_that_the_bundle_has_not_is_refused_with_those_it_has() {
    let error = captioner(&project().join("models/flickr8k-edge"), "fp32,fp16");
    let Err(error) = error else { return println!("skipped: the shipped bundle has fp16") };
    let text = error.to_string();
    for words in ["--precision fp16", "decoder_model as fp32", "glimpse-quantize"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn wrong_use_is_one_line() {
    let shipped = project().join("models/flickr8k-edge");
    for (bundle, arguments, words) in [
        (shipped.as_path(), &["--precision", "int8"][..], "--calibration PHOTO"),
        (&shipped, &["--precision", "fp32"], "holds already"),
        (Path::new("nowhere"), &["--precision", "fp16"], "nowhere is not a bundle"),
        (&shipped, &["--precision", "fp16", "--output", "assets/photos"], "assets/photos is not replaced"),
    ] {
        let output = quantize(bundle, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}
