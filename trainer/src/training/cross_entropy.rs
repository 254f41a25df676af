use super::data::{EncodedImage, shuffled_batches};
use super::recipe::{CaptionsPerImage, Recipe};
use super::trainer::{EpochOutcome, Trainer};
use super::validate::cut;
use crate::Result;
use crate::ahead::ahead;
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
    let data = trainer.data;
    let plans: Vec<Plan> =
        batches.iter().map(|images| plan(images, &data.train, &recipe, &mut rng)).collect();
    let steps = plans.len();
    let reader = &data.features.reader;
    let read = |plan: &Plan| reader.read(&plan.grids);
    let mut outcome = EpochOutcome::default();
    let mut step = 0;
    ahead(&plans, trainer.workers, read, |plan, read| -> Result<()> {
        let features = data.features.grids(&read?, trainer.device);
        let mut batch = CaptionBatch::new(&plan.captions, trainer.device);
        let progress = trainer.progress.epoch as f64 + step as f64 / steps as f64;
        trainer.seed_step();
        let seen = trainer.model.run_trained_blocks(&features, &pass);
        if recipe.scheduled_sampling > 0.0 {
            let share = recipe.scheduled_sampling * progress / recipe.epochs as f64;
            batch = batch.with_predictions(&drawn_words(trainer, &seen, &batch), share);
        }
        let grid = trainer.model.encode_grid(&seen, &pass);
        let forced = trainer.model.teacher_forced(&grid, &batch, &pass);
        let nll = forced.logits.cross_entropy_loss(
            &batch.targets,
            None::<Tensor>,
            tch::Reduction::Mean,
            -100,
            recipe.label_smoothing,
        );
        let value = nll.double_value(&[]);
        let mut loss = nll;
        if recipe.attention_regularization > 0.0 {
            let missing: Tensor = 1.0 - &forced.attention_sums;
            let excess = missing.square().sum_dim_intlist(1, false, Kind::Float);
            loss += excess.mean(Kind::Float) * recipe.attention_regularization;
        }
        let rate = recipe.learning_rate * recipe.schedule.factor(progress, recipe.epochs);
        step += 1;
        trainer.update(&forced, &loss, value, rate, step)?;
        outcome.add(value, batch.words(), plan.captions.len());
        bar.step(format!("loss={value:.3}"));
        Ok(())
    })?;
    Ok(outcome)
}

/// A draw for every word of the batch, given the true words before it and the backbone's grid: i64 [words].
fn drawn_words(trainer: &Trainer, seen: &Tensor, batch: &CaptionBatch) -> Tensor {
    let _guard = tch::no_grad_guard();
    let pass = Pass { precision: trainer.recipe.precision.into(), ..Pass::EXACT };
    let grid = trainer.model.encode_grid(seen, &pass);
    let logits = trainer.model.teacher_forced(&grid, batch, &pass).logits;
    logits.softmax(1, Kind::Float).multinomial(1, true).squeeze_dim(1)
}

/// A step's draws.
struct Plan<'a> {
    /// A view of each photo.
    grids: Vec<usize>,
    captions: Vec<(usize, &'a [u32], bool)>,
}

fn plan<'a>(images: &[usize], train: &'a [EncodedImage], recipe: &Recipe, rng: &mut impl Rng) -> Plan<'a> {
    let grids = images.iter().map(|&image| train[image].any_grid(rng)).collect();
    let mut captions = Vec::new();
    for (place, &image) in images.iter().enumerate() {
        let all = &train[image].captions;
        let chosen = match recipe.captions_per_image {
            CaptionsPerImage::All => &all[..],
            CaptionsPerImage::One => std::slice::from_ref(&all[rng.random_range(0..all.len())]),
        };
        captions.extend(chosen.iter().map(|caption| cut(place, caption, recipe.max_length)));
    }
    Plan { grids, captions }
}
