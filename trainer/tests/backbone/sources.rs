//! Features from a cache, and anew at each step.

use glimpse_bundle::image::RgbImage;
use glimpse_trainer::Silent;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::features::{
    Augmentation, CacheKey, CacheSpec, Entry, ExtractOptions, FeatureCache, FeatureSource, LivePhotos,
    extract,
};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const NAME: &str = "efficientnet-lite0";

fn backbone() -> FeatureExtractor {
    let weights =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../models/backbones/{NAME}.safetensors"));
    FeatureExtractor::load(NAME, &StateDict::read(&weights).unwrap(), Device::Cpu).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a.to_kind(Kind::Float) - b.to_kind(Kind::Float)).abs().max().double_value(&[])
}

#[test]
fn live_photos_give_the_cached_plain_view_and_any_number_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let entries: Vec<Entry> = (0..3)
        .map(|i| {
            let picture = RgbImage::from_fn(250, 180 + 20 * i, |x, y| {
                [(x + 40 * i) as u8, (y * 2) as u8, (x * y / (i + 5)) as u8].into()
            });
            let file_name = format!("{i}.png");
            picture.save(dir.path().join(&file_name)).unwrap();
            Entry { file_name, views: if i == 2 { 1 } else { 3 } }
        })
        .collect();
    let key = CacheKey {
        backbone: NAME.into(),
        backbone_sha256: String::new(),
        preprocessor: glimpse_export::backbone::backbone(NAME).unwrap().preprocessor(),
        augmentation: Augmentation::ResizedCrop,
        view_seed: 0,
        before_block: None,
    };
    let spec = CacheSpec::new(key.clone(), entries.clone()).unwrap();
    let (cache_dir, options) = (dir.path().join("cache"), ExtractOptions { batch_size: 2, workers: 2 });
    let report = extract(&cache_dir, &spec, dir.path(), &backbone(), &options, &Silent).unwrap();
    assert_eq!(report.computed, 7);

    let cached = FeatureSource::cached(FeatureCache::open(&cache_dir).unwrap());
    let live = FeatureSource::live(LivePhotos::new(&key, dir.path(), &entries).unwrap(), backbone());
    let grids = |source: &FeatureSource, wanted: &[usize]| {
        source.grids(&source.reader.read(wanted).unwrap(), Device::Cpu)
    };
    let first = |source: &FeatureSource, name: &str| source.reader.place(name).unwrap().0;
    let plain =
        |source| grids(source, &[first(source, "2.png"), first(source, "0.png"), first(source, "1.png")]);
    let difference = largest_difference(&plain(&cached), &plain(&live));
    assert!(difference < 5e-3, "{difference}: 16 bits leave less");

    let (start, views) = live.reader.place("0.png").unwrap();
    assert!(views > 1_000_000, "{views}");
    assert_eq!(live.reader.place("2.png").unwrap().1, 1, "the entry asks for the plain view alone");
    let seen = grids(&live, &[start + 5, start + 5, start + 6, start]);
    let view = |i: i64| seen.get(i);
    assert!(largest_difference(&view(0), &view(1)) < 1e-4);
    assert!(largest_difference(&view(0), &view(2)) > 0.1);
    assert!(largest_difference(&view(0), &view(3)) > 0.1);

    // Another number of views is another cache; grids without an index are of nobody knows what.
    let mut other = CacheSpec { entries: entries[..2].to_vec(), ..spec };
    other.entries[0].views = 4;
    let again = |spec| extract(&cache_dir, spec, dir.path(), &backbone(), &options, &Silent);
    let error = again(&other).unwrap_err().to_string();
    assert!(error.contains("remove that folder"), "{error}");
    std::fs::remove_file(cache_dir.join("index.json")).unwrap();
    let report = again(&other).unwrap();
    assert_eq!((report.resumed, report.computed), (0, 7));

    std::fs::remove_file(dir.path().join("1.png")).unwrap();
    let error = live.reader.read(&[first(&live, "1.png")]).unwrap_err().to_string();
    assert!(error.contains("1.png"), "{error}");
}
