//! A photo of 12 megapixels: what decoding it costs beside captioning it.

use crate::Args;
use crate::engine::{Engine, Job, Task};
use crate::fixtures::{Model, Variant, large_photo};
use crate::glimpse::options;
use crate::measure::Times;
use crate::peer::Peer;
use crate::report::{Single, Summary};
use anyhow::Result;
use glimpse_runtime::{Captioner, Device};
use std::time::Instant;

/// PIL is asked for what needs no arguments.
const ANY: Job = Job { photos: 1, task: Task::Encode };

pub fn measure(args: &Args, models: &[Model], summary: &mut Summary) -> Result<()> {
    let Some(model) = models.last() else { return Ok(()) };
    eprintln!("==> a photo of 12 megapixels");
    let file = large_photo(&args.out)?;
    let captioner = Captioner::open(&model.bundle, &options(Variant::F32, Device::Cpu))?;
    let mut search = captioner.generation_config().clone();
    search.num_beams = 1;
    let mut pillow = Peer::pillow(&args.python, model, &file, false)?;
    let mut draft = Peer::pillow(&args.python, model, &file, true)?;

    let mut prepared = Vec::new();
    let mut captioned = Vec::new();
    let mut by_pillow = Vec::new();
    let mut by_draft = Vec::new();
    for round in 0..=args.rounds {
        let start = Instant::now();
        let pixel_values = captioner.preprocessor().prepare(file.as_path())?.pixel_values;
        let preparing = start.elapsed().as_secs_f64();
        let encoded = captioner
            .encode_pixel_values(ndarray::ArrayView4::from_shape((1, 3, 224, 224), &pixel_values)?)?;
        captioner.decode(&encoded, &search)?;
        let whole = start.elapsed().as_secs_f64();
        let peers = (pillow.run(ANY)?.seconds, draft.run(ANY)?.seconds);
        // The first round fills the caches.
        if round > 0 {
            prepared.push(preparing);
            captioned.push(whole);
            by_pillow.push(peers.0);
            by_draft.push(peers.1);
        }
    }
    let rows = [
        ("12-megapixel JPEG to pixel values, Glimpse".to_string(), prepared),
        (format!("12-megapixel JPEG to pixel values, {}", pillow.name()), by_pillow),
        (format!("12-megapixel JPEG to pixel values, {}", draft.name()), by_draft),
        ("12-megapixel JPEG to caption (greedy), Glimpse".to_string(), captioned),
    ];
    for (what, seconds) in rows {
        let times = Times::of(seconds);
        summary.single.push(Single { model: model.name.into(), what, times, peak_memory_mb: None });
    }
    Ok(())
}
