use super::data::shuffled_batches;
use super::recipe::CaptionsPerImage;
use super::trainer::{EpochOutcome, Trainer};
use super::validate::cut;
use crate::Result;
use crate::model::{CaptionBatch, Pass};
use rand::Rng;
use tch::{Kind, Tensor};

/// One pass over the training split, each word predicted from the true words before it.
pub(super) fn epoch(trainer: &mut Trainer) -> Result<EpochOutcome> {
    let mut rng = trainer.epoch_rng();
    let recipe = trainer.recipe.clone();
    let batches = shuffled_batches(trainer.data.train.len(), recipe.batch_images, &mut rng);
    let bar = trainer.bar(batches.len(), "train");
    let pass = Pass {
        dropout: recipe.dropout,
        cell_dropout: recipe.cell_dropout,
        precision: recipe.precision.into(),
    };
    let mut outcome = EpochOutcome::default();
    for (step, images) in batches.iter().enumerate() {
        let data = trainer.data;
        let grids: Vec<usize> = images.iter().map(|&image| data.train[image].any_grid(&mut rng)).collect();
        let mut captions = Vec::new();
        for (place, &image) in images.iter().enumerate() {
            let all = &data.train[image].captions;
            let chosen = match recipe.captions_per_image {
                CaptionsPerImage::All => &all[..],
                CaptionsPerImage::One => std::slice::from_ref(&all[rng.random_range(0..all.len())]),
            };
            captions.extend(chosen.iter().map(|caption| cut(place, caption, recipe.max_length)));
        }
        let batch = CaptionBatch::new(&captions, trainer.device);
        trainer.seed_step();
        let grid = trainer.model.encode(&data.cache.gather(&grids).to_device(trainer.device), &pass);
        let read = trainer.model.teacher_forced(&grid, &batch, &pass);
        let nll = read.logits.cross_entropy_loss(
            &batch.targets,
            None::<Tensor>,
            tch::Reduction::Mean,
            -100,
            recipe.label_smoothing,
        );
        let value = nll.double_value(&[]);
        let mut loss = nll;
        if recipe.attention_regularization > 0.0 {
            let missing: Tensor = 1.0 - read.attention_sums;
            let excess = missing.square().sum_dim_intlist(1, false, Kind::Float);
            loss += excess.mean(Kind::Float) * recipe.attention_regularization;
        }
        let progress = trainer.progress.epoch as f64 + step as f64 / batches.len() as f64;
        let rate = recipe.learning_rate * recipe.schedule.factor(progress, recipe.epochs);
        trainer.update(&loss, value, rate, step + 1)?;
        outcome.add(value, batch.words(), captions.len());
        bar.step(format!("loss={value:.3}"));
    }
    Ok(outcome)
}
