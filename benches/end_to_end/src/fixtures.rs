//! The models and pixels that all engines share, written once under `target/bench`.

use anyhow::{Context, Result, ensure};
use glimpse_bundle::{Architecture, Bundle, DECODER, ENCODER, EOS_ID, GenerationConfig, Precision};
use glimpse_export::backbone::backbone;
use glimpse_export::{Checkpoint, Weights, seeded, write_bundle};
use image::imageops::FilterType;
use ndarray::Array4;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Words of every caption: as many as Flickr8k's long ones, so that all engines do the same work.
pub const WORDS: usize = 16;

/// Graphs of a bundle that run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    pub name: &'static str,
    pub encoder: Precision,
    pub decoder: Precision,
}

impl Variant {
    pub const F32: Self = Self { name: "f32", encoder: Precision::Fp32, decoder: Precision::Fp32 };
    pub const INT8_DECODER: Self =
        Self { name: "int8 decoder", encoder: Precision::Fp32, decoder: Precision::Int8 };
    pub const INT8: Self = Self { name: "int8", encoder: Precision::Int8, decoder: Precision::Int8 };
    pub const F16: Self = Self { name: "f16", encoder: Precision::Fp16, decoder: Precision::Fp16 };
}

/// A model on disk, as each engine reads it.
pub struct Model {
    pub name: &'static str,
    pub bundle: PathBuf,
    /// The decoder's weights.
    pub checkpoint: PathBuf,
    pub backbone_weights: PathBuf,
}

/// The reference and the edge model, with seeded weights: speed does not depend on their values.
pub fn models(out: &Path, quantizer: &Path) -> Result<Vec<Model>> {
    let edge = Bundle::open(project().join("models/flickr8k-edge"))?.config.architecture;
    let models = vec![write(out, "resnet50-lstm512", &reference())?, write(out, "edge", &edge)?];
    models.iter().try_for_each(|model| quantize(model, quantizer))?;
    Ok(models)
}

/// Adds int8 and fp16 graphs to a bundle. The examples calibrate well enough for what is timed.
fn quantize(model: &Model, quantizer: &Path) -> Result<()> {
    let bundle = Bundle::open(&model.bundle)?;
    if [Variant::INT8, Variant::F16].iter().all(|variant| holds(&bundle, *variant)) {
        return Ok(());
    }
    println!("==> Quantizing {}", model.name);
    let status = Command::new(quantizer)
        .arg(&model.bundle)
        .args(["--precision", "int8,fp16", "--calibration"])
        .arg(project().join("assets/photos"))
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{} cannot be run", quantizer.display()))?;
    ensure!(status.success(), "{} failed", quantizer.display());
    Ok(())
}

fn holds(bundle: &Bundle, variant: Variant) -> bool {
    bundle.model_path(ENCODER, variant.encoder).is_ok() && bundle.model_path(DECODER, variant.decoder).is_ok()
}

/// The seed report's model with its sizes.
fn reference() -> Architecture {
    Architecture {
        backbone: "resnet50".into(),
        feature_dim: 2048,
        num_cells: 49,
        encoder_dim: 2048,
        attention_dim: 512,
        decoder_dim: 512,
        embed_dim: 300,
        vocab_size: 12_509,
        project_features: false,
        gated_context: false,
        deep_output: false,
        tie_word_embeddings: false,
    }
}

/// Writes what is not there yet. The bundle's own options force [`WORDS`] words: `<eos>` is
/// suppressed and the sequence is cut.
fn write(out: &Path, name: &'static str, architecture: &Architecture) -> Result<Model> {
    let folder = out.join("models").join(name);
    let model = Model {
        name,
        bundle: folder.join("bundle"),
        checkpoint: folder.join("checkpoint.safetensors"),
        backbone_weights: folder.join("backbone.safetensors"),
    };
    if Bundle::open(&model.bundle).is_ok_and(|bundle| bundle.config.architecture == *architecture) {
        return Ok(model);
    }
    println!("==> Writing {name} to {}", folder.display());
    fs::create_dir_all(&folder)?;
    let network = backbone(&architecture.backbone)?;
    let weights = seeded::backbone_weights(network, 0)?;
    weights.write(&model.backbone_weights)?;
    let tokenizer = seeded::tokenizer(architecture.vocab_size)?;
    let mut checkpoint = Checkpoint::seeded(architecture.clone(), tokenizer, 0)?;
    let mut suppress_tokens = GenerationConfig::default().suppress_tokens;
    suppress_tokens.push(EOS_ID);
    checkpoint.generation =
        GenerationConfig::default().with_max_length(WORDS + 1).with_suppress_tokens(suppress_tokens);
    checkpoint.write(&model.checkpoint)?;
    write_bundle(&checkpoint, &Weights::read(&model.backbone_weights)?, &model.bundle)?;
    Ok(model)
}

/// Pixels of a batch, in memory and as a .npy file.
pub struct PixelValues {
    pub array: Array4<f32>,
    pub file: PathBuf,
}

/// The example photos, over and over; a copy of one is shifted in brightness, so that no two are equal.
pub fn pixel_values(out: &Path, photos: usize) -> Result<PixelValues> {
    let bundle = Bundle::open(project().join("models/flickr8k-edge"))?;
    let preprocessor = glimpse_bundle::Preprocessor::new(bundle.preprocessor)?;
    let files = examples()?;
    let mut array = Array4::zeros((photos, 3, 224, 224));
    for (index, mut values) in array.outer_iter_mut().enumerate() {
        let photo = glimpse_bundle::image::open(&files[index % files.len()])?;
        let values = values.as_slice_mut().context("a row of a fresh array")?;
        preprocessor.pixel_values(&photo, values)?;
        let shift = 0.05 * (index / files.len()) as f32;
        values.iter_mut().for_each(|value| *value += shift);
    }
    let file = out.join("pixel_values.npy");
    ndarray_npy::write_npy(&file, &array)?;
    Ok(PixelValues { array, file })
}

/// A photo of 4000 x 3000 pixels as a camera stores it: an example, enlarged, with a sensor's noise,
/// without which it would compress like no real photo.
pub fn large_photo(out: &Path) -> Result<PathBuf> {
    let file = out.join("12-megapixels.jpg");
    if !file.is_file() {
        let photo = glimpse_bundle::image::open(&examples()?[0])?;
        let mut large = image::imageops::resize(&photo, 4000, 3000, FilterType::CatmullRom);
        // Noise of up to 12 grey levels, most of it less, from a linear congruential generator (Knuth's MMIX).
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 48) % 7) as i16 - 3
        };
        for value in large.iter_mut() {
            *value = (i16::from(*value) + noise() + noise() + noise() + noise()).clamp(0, 255) as u8;
        }
        let writer = std::io::BufWriter::new(fs::File::create(&file)?);
        image::codecs::jpeg::JpegEncoder::new_with_quality(writer, 92).encode_image(&large)?;
    }
    Ok(file)
}

/// The photos of `assets/photos/`, sorted.
pub fn examples() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(project().join("assets/photos"))?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    files.sort();
    anyhow::ensure!(!files.is_empty(), "assets/photos/ holds no photo");
    Ok(files)
}

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
