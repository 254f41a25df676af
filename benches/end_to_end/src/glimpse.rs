//! Glimpse's own runtime, in this process.

use crate::engine::{Engine, Job, Run, Task};
use crate::fixtures::{Model, PixelValues, Variant};
use anyhow::Result;
use glimpse_runtime::{Captioner, CaptionerOptions, Device, PrecisionChoice};
use ndarray::{ArrayView4, s};
use std::time::Instant;

pub struct Glimpse<'a> {
    name: String,
    captioner: Captioner,
    pixel_values: ArrayView4<'a, f32>,
}

impl<'a> Glimpse<'a> {
    pub fn open(
        model: &Model,
        variant: Variant,
        pixel_values: &'a PixelValues,
        device: Device,
    ) -> Result<Self> {
        let captioner = Captioner::open(&model.bundle, &options(variant, device))?;
        Ok(Self {
            name: format!("Glimpse, {}", variant.name),
            captioner,
            pixel_values: pixel_values.array.view(),
        })
    }
}

/// How to open a bundle for one of its variants.
pub fn options(variant: Variant, device: Device) -> CaptionerOptions {
    let mut options = CaptionerOptions::default();
    options.device = device;
    options.precision = PrecisionChoice { encoder: Some(variant.encoder), decoder: Some(variant.decoder) };
    options
}

impl Engine for Glimpse<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, job: Job) -> Result<Run> {
        let pixel_values = self.pixel_values.slice(s![..job.photos, .., .., ..]);
        let start = Instant::now();
        let encoded = self.captioner.encode_pixel_values(pixel_values)?;
        let captions = match job.task {
            Task::Encode => Vec::new(),
            Task::Caption { num_beams } => {
                let mut options = self.captioner.generation_config().clone();
                options.num_beams = num_beams;
                self.captioner.decode(&encoded, &options)?
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        let token_ids = captions.into_iter().map(|captions| captions[0].token_ids.clone()).collect();
        Ok(Run { seconds, token_ids })
    }
}
