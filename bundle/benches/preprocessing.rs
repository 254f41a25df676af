//! From a photo's bytes to pixel values, step by step.

use criterion::{Criterion, criterion_group, criterion_main};
use glimpse_bundle::image::decode;
use glimpse_bundle::{Preprocessor, PreprocessorConfig};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use std::hint::black_box;

const EXAMPLE: &[u8] = include_bytes!("../../assets/photos/beach.jpg");
const WANTED: Size = Size { height: 224, width: 224 };

fn preprocessing(criterion: &mut Criterion) {
    let preprocessor = Preprocessor::new(PreprocessorConfig::squash(224, [0.5; 3], [0.25; 3]))
        .expect("a sound configuration");
    let photo = decode(EXAMPLE).expect("an example photo");
    let small = preprocessor.resize(&photo).expect("a resize");
    let mut pixel_values = vec![0.0; 3 * 224 * 224];
    criterion.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(EXAMPLE))));
    criterion.bench_function("resize", |bencher| bencher.iter(|| preprocessor.resize(black_box(&photo))));
    criterion.bench_function("normalize", |bencher| {
        bencher.iter(|| preprocessor.normalize(black_box(&small), &mut pixel_values));
    });

    let large = resize(&photo, 4000, 3000, FilterType::Triangle);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92).encode_image(&large).expect("a JPEG");
    let mut group = criterion.benchmark_group("12 megapixels");
    group.sample_size(10);
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&bytes))));
    group.bench_function("resize", |bencher| bencher.iter(|| preprocessor.resize(black_box(&large))));
    group.bench_function("prepare", |bencher| {
        bencher.iter(|| preprocessor.prepare(black_box(bytes.as_slice())));
    });
}

criterion_group!(benches, preprocessing);
criterion_main!(benches);
