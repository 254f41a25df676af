//! `cargo bench -p glimpse-trainer --bench extraction`: grids a second from photos to cache, beside the bare backbone
//! on pixels that lie ready. Rounds alternate; the ratio of the medians is what decoding, resizing and writing leave.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use glimpse_bundle::{Preprocessor, image};
use glimpse_export::seeded;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::features::{Augmentation, CacheKey, CacheSpec, Entry, ExtractOptions, extract};
use std::path::Path;
use std::time::Instant;
use tch::{Device, Tensor};

/// Each with as many photos as take some seconds.
const BACKBONES: [(&str, usize); 2] = [("efficientnet-lite0", 256), ("resnet50", 96)];
const BATCH: usize = 16;
const ROUNDS: usize = 5;

fn main() {
    for (name, photos) in BACKBONES {
        measure(name, photos);
    }
}

/// With seeded weights: time does not depend on them.
fn load(name: &str) -> FeatureExtractor {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backbone.safetensors");
    let weights = seeded::backbone_weights(glimpse_export::backbone::backbone(name).unwrap(), 1).unwrap();
    weights.write(&path).unwrap();
    FeatureExtractor::load(name, &StateDict::read(&path).unwrap(), Device::Cpu).unwrap()
}

fn measure(name: &str, count: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let backbone = load(name);
    let known = glimpse_export::backbone::backbone(name).unwrap();
    let preprocessor = known.preprocessor();
    let photos: Vec<_> = std::fs::read_dir(root.join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "jpg"))
        .collect();

    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..count).map(|i| format!("{i}.jpg")).collect();
    for (name, photo) in names.iter().zip(photos.iter().cycle()) {
        std::fs::copy(photo, folder.path().join(name)).unwrap();
    }
    let pixels = Preprocessor::new(preprocessor.clone()).unwrap();
    let mut values = vec![0.0; 3 * 224 * 224];
    let ready: Vec<Tensor> = photos
        .iter()
        .map(|photo| {
            pixels.pixel_values(&image::open(photo).unwrap(), &mut values).unwrap();
            Tensor::from_slice(&values).view([1, 3, 224, 224])
        })
        .collect();
    let batch = Tensor::cat(&(0..BATCH).map(|i| &ready[i % ready.len()]).collect::<Vec<_>>(), 0);

    let key = CacheKey {
        backbone: name.into(),
        backbone_sha256: String::new(),
        preprocessor,
        augmentation: Augmentation::Crop,
        view_seed: 0,
    };
    let entries = names.into_iter().map(|file_name| Entry { file_name, views: 1 }).collect();
    let spec = CacheSpec { key, feature_dim: known.feature_dim(), entries };
    let options = ExtractOptions { batch_size: BATCH, workers: 2 };
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..count / BATCH {
            let _ = backbone.forward(&batch);
        }
        let bare_rate = count as f64 / start.elapsed().as_secs_f64();
        let cache = tempfile::tempdir().unwrap();
        let report = extract(cache.path(), &spec, folder.path(), &backbone, &options).unwrap();
        // The first round warms caches and allocators up.
        if round > 0 {
            bare.push(bare_rate);
            whole.push(report.per_second);
        }
    }
    let (bare, whole) = (median(bare), median(whole));
    println!(
        "{name}: bare backbone {bare:.1} images/s, extraction {whole:.1} images/s, ratio {:.2}",
        whole / bare
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
