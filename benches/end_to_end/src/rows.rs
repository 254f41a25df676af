//! Encoder, greedy search and beam search on every engine, for each size of batch.

use crate::Args;
use crate::engine::{Engine, Job, Task};
use crate::fixtures::{Model, PixelValues, Variant};
use crate::glimpse::Glimpse;
use crate::measure::take_turns;
use crate::peer::Peer;
use crate::report::{Row, Summary};
use anyhow::Result;
use glimpse_runtime::Device;

/// Batches take seconds: fewer rounds tell as much.
const LARGE_BATCH: usize = 16;

pub fn measure(args: &Args, model: &Model, pixel_values: &PixelValues, summary: &mut Summary) -> Result<()> {
    let mut engines = engines(args, model, pixel_values)?;
    for &photos in &args.photos {
        for task in Task::ALL {
            let job = Job { photos, task };
            let rounds = if photos >= LARGE_BATCH { args.rounds.div_ceil(3) } else { args.rounds };
            eprintln!("==> {}, {}, batch {photos}", model.name, task.name());
            let mut engines: Vec<_> = engines.iter_mut().filter(|engine| engine.does(task)).collect();
            let outcomes = take_turns(&mut engines, job, rounds)?;
            let reference = outcomes[0].token_ids.clone();
            for (engine, outcome) in engines.iter().zip(outcomes) {
                let same_words = outcome.token_ids.iter().zip(&reference).filter(|(a, b)| a == b).count();
                summary.rows.push(Row {
                    model: model.name,
                    engine: engine.name().to_string(),
                    task: task.name(),
                    photos,
                    same_words: (task != Task::Encode).then_some(same_words),
                    images_per_s: photos as f64 / outcome.times.median_ms * 1e3,
                    times: outcome.times,
                });
            }
        }
    }
    Ok(())
}

/// Glimpse's f32 graphs come first: ratios are to their encoder, and words are compared with theirs.
fn engines<'a>(
    args: &Args,
    model: &Model,
    pixel_values: &'a PixelValues,
) -> Result<Vec<Box<dyn Engine + 'a>>> {
    let python = &args.python;
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    if args.device == Device::Cpu {
        for variant in [Variant::F32, Variant::INT8_DECODER, Variant::INT8] {
            engines.push(Box::new(Glimpse::open(model, variant, pixel_values, args.device)?));
        }
        let decoder = ["--decoder", "decoder_model_int8.onnx"];
        let loops: [(&[&str], &str); 3] = [
            (&[], "defaults"),
            (&["--spinning", "off"], "no spinning"),
            (&["--spinning", "off", decoder[0], decoder[1]], "no spinning, int8 decoder"),
        ];
        for (flags, note) in loops {
            engines.push(Box::new(Peer::onnxruntime(python, model, pixel_values, flags, note)?));
        }
        engines.push(Box::new(Peer::captioner(python, model, pixel_values)?));
    } else {
        for variant in [Variant::F32, Variant::F16] {
            engines.push(Box::new(Glimpse::open(model, variant, pixel_values, args.device)?));
        }
        engines.push(Box::new(Peer::pytorch(python, model, pixel_values, args.device, true)?));
    }
    engines.push(Box::new(Peer::pytorch(python, model, pixel_values, args.device, false)?));
    // The first is what ratios are to.
    let first = engines[0].name().to_string();
    engines.retain(|engine| engine.name().contains(&args.engine) || engine.name() == first);
    Ok(engines)
}
