//! The parts of a caption: encoder, steps, top-k, and what the search does between steps.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use glimpse_generation::{GenerationConfig, InvalidOption, Step, StepModel, TopCandidates, search};
use glimpse_runtime::{Captioner, CaptionerOptions, Device};
use ndarray::Array4;
use std::hint::black_box;
use std::path::Path;

const WORDS: usize = 16;

fn forced(mut options: GenerationConfig, num_beams: usize, words: usize) -> GenerationConfig {
    options.num_beams = num_beams;
    options.max_length = words + 1;
    options.suppress_tokens.extend(options.eos_token_id.as_slice());
    options
}

/// The shipped bundle on gray pictures: speed does not depend on what they show.
fn graphs(criterion: &mut Criterion) {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/flickr8k-edge");
    let mut options = CaptionerOptions::default();
    options.device = Device::Cpu;
    let captioner = Captioner::open(bundle, &options).expect("the shipped bundle; `make deps` before");
    let defaults = captioner.generation_config().clone();
    for photos in [1, 8] {
        let pixel_values = Array4::zeros((photos, 3, 224, 224));
        criterion.bench_with_input(BenchmarkId::new("encoder, batch", photos), &photos, |bencher, _| {
            bencher.iter(|| captioner.encode_pixel_values(black_box(pixel_values.view())));
        });
        let encoded = captioner.encode_pixel_values(pixel_values.view()).expect("an encoded batch");
        for num_beams in [1, 5] {
            let options = forced(defaults.clone(), num_beams, WORDS);
            let name = format!("{WORDS} steps, {num_beams} beams, batch");
            criterion.bench_with_input(BenchmarkId::new(name, photos), &photos, |bencher, _| {
                bencher.iter(|| captioner.decode(black_box(&encoded), &options));
            });
        }
    }
    let encoded =
        captioner.encode_pixel_values(Array4::zeros((1, 3, 224, 224)).view()).expect("an encoded photo");
    for more in [0, 200] {
        // Each suppressed word makes the graph report one more candidate.
        let mut options = forced(defaults.clone(), 1, 1);
        options.suppress_tokens.extend(4..4 + more);
        let k = options.suppress_tokens.len() + 1;
        criterion.bench_with_input(BenchmarkId::new("one step, top", k), &k, |bencher, _| {
            bencher.iter(|| captioner.decode(black_box(&encoded), &options));
        });
    }
}

/// A decoder that costs next to nothing.
struct Instant;

impl StepModel for Instant {
    type Error = InvalidOption;

    fn vocab_size(&self) -> usize {
        10_000
    }

    fn image_key(&self, image: usize) -> u64 {
        image as u64
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), InvalidOption> {
        out.log_probs.clear();
        out.token_ids.clear();
        for (row, &id) in step.input_ids.iter().enumerate() {
            out.log_probs.extend((0..step.k).map(|rank| -1.0 - rank as f32 - row as f32 / 64.0));
            out.token_ids.extend((0..step.k as i64).map(|rank| 4 + (31 * id + rank) % 9_000));
        }
        Ok(())
    }
}

fn bookkeeping(criterion: &mut Criterion) {
    let defaults = GenerationConfig::default();
    for (images, num_beams) in [(1, 1), (1, 5), (32, 5)] {
        let options = forced(defaults.clone(), num_beams, WORDS);
        let name = format!("search alone, {WORDS} words, {num_beams} beams, batch");
        criterion.bench_with_input(BenchmarkId::new(name, images), &images, |bencher, &images| {
            bencher.iter(|| search(&mut Instant, black_box(images), &options));
        });
    }
}

criterion_group!(benches, bookkeeping, graphs);
criterion_main!(benches);
