//! From files to what the encoder makes of them, batch by batch.

use super::inputs::Input;
use anyhow::Result;
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, Size};
use glimpse_runtime::pipeline::for_each_ordered;
use glimpse_runtime::{Captioner, Encoded};
use ndarray::ArrayView4;
use std::time::{Duration, Instant};

/// A photo that is ready for the network.
pub struct Prepared {
    /// f32 [3, height, width]
    pub pixel_values: Vec<f32>,
    /// What the pictures of its attention lie over, where these are wanted.
    pub seen: Option<RgbImage>,
}

impl Prepared {
    /// Reads and decodes a picture. What is wrong with it although it can be captioned goes to stderr.
    pub fn new(input: &Input, preprocessor: &Preprocessor, with_seen: bool) -> Result<Self, String> {
        let seen =
            |photo: &RgbImage| with_seen.then(|| glimpse_attention::seen(photo, preprocessor)).transpose();
        let (prepared, seen) = input.load(|source| {
            let (prepared, seen) = preprocessor.prepare_and(source, seen)?;
            Ok((prepared, seen?))
        })?;
        if let Some(warning) = prepared.warning {
            eprintln!("warning: {}: {warning}", input.name());
        }
        Ok(Self { pixel_values: prepared.pixel_values, seen })
    }
}

/// Photos that went through the encoder together.
pub struct EncodedPhotos {
    /// Which inputs they are.
    pub positions: Vec<usize>,
    /// What the decoder reads.
    pub encoded: Encoded,
    /// How long the encoder took.
    pub encoding: Duration,
    /// What the network saw of each, where it was asked for.
    pub seen: Vec<Option<RgbImage>>,
}

/// Decodes `inputs` ahead on all cores, encodes them in batches, and hands each batch on. What is no photo
/// goes to `failed` with the reason.
pub fn for_each_encoded(
    captioner: &mut Captioner,
    inputs: &[Input],
    batch_size: usize,
    with_seen: impl Fn(usize) -> bool + Sync,
    mut failed: impl FnMut(usize, String),
    mut consume: impl FnMut(&mut Captioner, EncodedPhotos) -> Result<()>,
) -> Result<()> {
    let preprocessor = captioner.preprocessor().clone();
    let Size { height, width } = preprocessor.config().output_size();
    let threads = captioner.runtime().threads();
    let (mut positions, mut pixel_values, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let mut run =
        |positions: &mut Vec<usize>, pixel_values: &mut Vec<f32>, seen: &mut Vec<Option<RgbImage>>| {
            if positions.is_empty() {
                return Ok(());
            }
            let start = Instant::now();
            let shape = (positions.len(), 3, height as usize, width as usize);
            let encoded = captioner.encode_pixel_values(ArrayView4::from_shape(shape, pixel_values)?)?;
            let encoding = start.elapsed();
            pixel_values.clear();
            let (positions, seen) = (std::mem::take(positions), std::mem::take(seen));
            consume(captioner, EncodedPhotos { positions, encoded, encoding, seen })
        };
    let all: Vec<usize> = (0..inputs.len()).collect();
    let read = |&position: &usize| Prepared::new(&inputs[position], &preprocessor, with_seen(position));
    for_each_ordered(&all, threads, batch_size, read, |&position, prepared| {
        match prepared {
            Err(reason) => failed(position, reason),
            Ok(photo) => {
                positions.push(position);
                pixel_values.extend_from_slice(&photo.pixel_values);
                seen.push(photo.seen);
            }
        }
        if positions.len() == batch_size { run(&mut positions, &mut pixel_values, &mut seen) } else { Ok(()) }
    })?;
    run(&mut positions, &mut pixel_values, &mut seen)
}
