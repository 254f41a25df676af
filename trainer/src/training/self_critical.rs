use super::data::shuffled_batches;
use super::learner::Learner;
use super::outcome::EpochOutcome;
use super::recipe::{Schedule, SelfCritical};

use crate::Result;
use crate::ahead::ahead;
use crate::decode::{Choice, Decoded, decode};
use crate::model::{CaptionBatch, Grid, Pass};
use tch::{Kind, Tensor};

/// One pass of self-critical training (Rennie et al. 2017) with several samples a photo: the
/// baseline of a sample is the mean reward of the photo's other samples (Luo 2020).
pub(super) fn epoch(learner: &mut Learner, settings: &SelfCritical) -> Result<EpochOutcome> {
    let mut rng = learner.epoch_rng();
    let batches = shuffled_batches(learner.data.train.len(), settings.batch_images, &mut rng);
    let bar = learner.bar(batches.len(), "scst");
    let schedule = Schedule::WarmupCosine { warmup: 0.0, floor: 0.1 };
    let done = learner.progress.epoch - learner.recipe.epochs;
    let precision = learner.recipe.precision.into();
    // Sampling and learning use the same grid, with the same dropout; no dropout is applied to tokens.
    let seeing = Pass { dropout: settings.dropout, cell_dropout: learner.recipe.cell_dropout, precision };
    let reading = Pass { dropout: 0.0, ..seeing };
    let data = learner.data;
    let mut view = |&image: &usize| data.train[image].any_grid(&mut rng);
    let plans: Vec<(Vec<usize>, Vec<usize>)> =
        batches.into_iter().map(|images| (images.iter().map(&mut view).collect(), images)).collect();
    let steps = plans.len();
    let reader = &data.features.reader;
    let mut outcome = EpochOutcome::default();
    let mut step = 0;
    ahead(
        &plans,
        learner.workers,
        |(grids, _)| reader.read(grids),
        |(_, images), read| -> Result<()> {
            let features = data.features.grids(&read?, learner.device);
            learner.seed_step();
            let grid = learner.model.encode(&features, &seeing);
            let samples = draw(learner, &grid, settings.samples, precision);
            let scores = images
                .iter()
                .flat_map(|&image| std::iter::repeat_n(image, settings.samples))
                .zip(&samples)
                .map(|(image, sample)| match &learner.rewards {
                    Some(rewards) => rewards.reward(image, sample, settings.bleu_weight),
                    None => Ok(0.0),
                })
                .collect::<Result<Vec<f64>>>()?;
            let advantages = leave_one_out(&scores, settings.samples);

            let captions: Vec<_> = samples
                .iter()
                .enumerate()
                .map(|(i, sample)| (i / settings.samples, &sample.words[..], sample.ended))
                .collect();
            let batch = CaptionBatch::new(&captions, learner.device);
            let forced = learner.model.teacher_forced(&grid, &batch, &reading);
            let suppressed = suppressed(learner, &forced.logits);
            let nll = forced.logits.index_fill(1, &suppressed, f64::NEG_INFINITY).cross_entropy_loss(
                &batch.targets,
                None::<Tensor>,
                tch::Reduction::None,
                -100,
                0.0,
            );
            let loss = (nll * batch.spread(&advantages)).sum(Kind::Float) / batch.words() as f64;
            let progress = done as f64 + step as f64 / steps as f64;
            let rate = settings.learning_rate * schedule.factor(progress, settings.epochs);
            let value = loss.double_value(&[]);
            step += 1;
            learner.update(&forced, &loss, value, rate, step)?;
            let reward = scores.iter().sum::<f64>() / scores.len() as f64;
            outcome.add_rewards(&scores);
            bar.step(format!("reward={reward:.3}"));
            Ok(())
        },
    )?;
    Ok(outcome)
}

/// Draws `samples` captions of each photo, in the order of the photos.
fn draw(learner: &Learner, grid: &Grid, samples: usize, precision: Kind) -> Vec<Decoded> {
    let _guard = tch::no_grad_guard();
    let rows = Tensor::arange(grid.h.size()[0], (Kind::Int64, learner.device));
    let rows = rows.repeat_interleave_self_int(samples as i64, None, None);
    let stepper = learner.model.stepper(precision);
    decode(&stepper, &grid.select(&rows), Choice::Sample, &learner.card.generation)
}

/// Ids of the tokens that are never drawn: their probability is 0 in the loss too.
fn suppressed(learner: &Learner, logits: &Tensor) -> Tensor {
    let ids: Vec<i64> = learner.card.generation.suppress_tokens.iter().map(|&id| i64::from(id)).collect();
    Tensor::from_slice(&ids).to_device(logits.device())
}

/// Each score minus the mean of the other scores of its photo.
fn leave_one_out(scores: &[f64], samples: usize) -> Vec<f32> {
    scores
        .chunks_exact(samples)
        .flat_map(|of_photo| {
            let sum: f64 = of_photo.iter().sum();
            of_photo.iter().map(move |score| (score - (sum - score) / (samples - 1) as f64) as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::leave_one_out;

    #[test]
    fn advantages_of_a_photo_sum_to_zero() {
        let advantages = leave_one_out(&[1.0, 0.0, 0.5, 2.0, 2.0, 2.0], 3);
        assert_eq!(advantages, [0.75, -0.75, 0.0, 0.0, 0.0, 0.0]);
    }
}
