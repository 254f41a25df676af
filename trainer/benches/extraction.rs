//! `cargo bench -p glimpse-trainer --bench extraction`: grids a second from photos to cache, beside the bare backbone
//! on pixels that lie ready, in the better of two batch sizes. Rounds alternate; the ratio of the medians is what
//! decoding, resizing and writing leave, and what a thread for each photo gains.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use glimpse_bundle::{Preprocessor, image};
use glimpse_export::seeded;
use glimpse_trainer::Silent;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::features::{Augmentation, CacheKey, CacheSpec, Entry, ExtractOptions, extract};
use std::path::Path;
use std::time::Instant;
use tch::{Device, Tensor};

/// Each with as many photos as take some seconds.
const BACKBONES: [(&str, usize); 2] = [("efficientnet-lite0", 256), ("resnet50", 96)];
/// What the bare backbone runs, each batch on all cores.
const BATCHES: [usize; 2] = [2, 16];
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
    let photos: Vec<_> = std::fs::read_dir(root.join("assets/photos"))
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
    let batch = |photos| Tensor::cat(&(0..photos).map(|i| &ready[i % ready.len()]).collect::<Vec<_>>(), 0);
    let batches = BATCHES.map(batch);

    let key = CacheKey {
        backbone: name.into(),
        backbone_sha256: String::new(),
        preprocessor,
        augmentation: Augmentation::Crop,
        view_seed: 0,
        before_block: None,
    };
    let entries = names.into_iter().map(|file_name| Entry { file_name, views: 1 }).collect();
    let spec = CacheSpec::new(key, entries).unwrap();
    let options = ExtractOptions::new(&backbone);
    let (mut bare, mut whole) = (BATCHES.map(|_| Vec::new()), Vec::new());
    for round in 0..=ROUNDS {
        let bare_rates = batches.each_ref().map(|batch| {
            let start = Instant::now();
            for _ in 0..count / batch.size()[0] as usize {
                let _ = backbone.forward(batch);
            }
            count as f64 / start.elapsed().as_secs_f64()
        });
        let cache = tempfile::tempdir().unwrap();
        let report = extract(cache.path(), &spec, folder.path(), &backbone, &options, &Silent).unwrap();
        // The first round warms caches and allocators up.
        if round > 0 {
            bare.iter_mut().zip(bare_rates).for_each(|(rates, rate)| rates.push(rate));
            whole.push(report.per_second);
        }
    }
    let (bare, whole) = (bare.map(median), median(whole));
    println!(
        "{name}: bare backbone {:.1} and {:.1} images/s in batches of {} and {}, extraction {whole:.1} images/s, ratio {:.2}",
        bare[0],
        bare[1],
        BATCHES[0],
        BATCHES[1],
        whole / bare[0].max(bare[1])
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
