use super::data::{EncodedImage, shuffled_batches};
use super::learner::Learner;
use super::outcome::EpochOutcome;
use super::recipe::{CaptionsPerImage, Recipe};

use super::validate::cut;
use crate::READ_AHEAD;
use crate::Result;
use crate::model::{CaptionBatch, Pass};
use glimpse_bundle::for_each_ordered;
use rand::Rng;
use tch::{Kind, Tensor};

/// One pass over the training split, where each token is predicted from the true tokens before it.
pub(super) fn epoch(learner: &mut Learner) -> Result<EpochOutcome> {
    let mut rng = learner.epoch_rng();
    let recipe = learner.recipe.clone();
    let batches = shuffled_batches(learner.data.train.len(), recipe.batch_images, &mut rng);
    learner.begin_epoch(batches.len(), "train");
    let pass = Pass {
        dropout: recipe.dropout,
        cell_dropout: recipe.cell_dropout,
        precision: recipe.precision.into(),
    };
    let data = learner.data;
    let plans: Vec<Plan> =
        batches.iter().map(|images| plan(images, &data.train, &recipe, &mut rng)).collect();
    let steps = plans.len();
    let reader = &data.features.reader;
    let read = |plan: &Plan| reader.read(&plan.grids);
    let mut outcome = EpochOutcome::default();
    let mut step = 0;
    for_each_ordered(
        &plans,
        learner.workers,
        READ_AHEAD * learner.workers,
        read,
        |plan, read| -> Result<()> {
            let features = data.features.grids(&read?, learner.device);
            let mut batch = CaptionBatch::new(&plan.captions, learner.device);
            let progress = learner.progress.epoch as f64 + step as f64 / steps as f64;
            learner.seed_step();
            let features = learner.model.run_trained_blocks(&features, &pass);
            if recipe.scheduled_sampling > 0.0 {
                let share = recipe.scheduled_sampling * progress / recipe.epochs as f64;
                batch = batch.with_predictions(&drawn_tokens(learner, &features, &batch), share);
            }
            let grid = learner.model.encode_grid(&features, &pass);
            let forced = learner.model.teacher_forced(&grid, &batch, &pass);
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
                // `Trainer::new` refuses it of a decoder without attention.
                let Some(sums) = &forced.attention_sums else { unreachable!("the decoder attends") };
                let missing: Tensor = 1.0 - sums;
                let excess = missing.square().sum_dim_intlist(1, false, Kind::Float);
                loss += excess.mean(Kind::Float) * recipe.attention_regularization;
            }
            let rate = recipe.learning_rate * recipe.schedule.factor(progress, recipe.epochs);
            step += 1;
            learner.update(&[forced], &loss, value, rate, step)?;
            outcome.add_loss(value, batch.tokens(), plan.captions.len());
            learner.observer.advance(1, &format!("loss={value:.3}"));
            Ok(())
        },
    )?;
    learner.observer.end();
    Ok(outcome)
}

/// A drawn token at each position of the batch, given the true tokens before it and the backbone's grid: i64 [tokens].
fn drawn_tokens(learner: &Learner, features: &Tensor, batch: &CaptionBatch) -> Tensor {
    let _guard = tch::no_grad_guard();
    let pass = Pass { precision: learner.recipe.precision.into(), ..Pass::EXACT };
    let grid = learner.model.encode_grid(features, &pass);
    let logits = learner.model.teacher_forced(&grid, batch, &pass).logits;
    logits.softmax(1, Kind::Float).multinomial(1, true).squeeze_dim(1)
}

/// The views and captions of a step.
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
