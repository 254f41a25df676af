use super::data::shuffled_batches;
use super::learner::Learner;
use super::missing_tokens::MissingTokens;
use super::outcome::EpochOutcome;
use super::recipe::{Schedule, SelfCritical};
use super::rewards::Rewards;
use super::validate::{all_captions, greedy_captions};
use crate::decode::{Choice, Decoded, decode};
use crate::model::{CaptionBatch, Encoded, Pass, TeacherForced};
use crate::{READ_AHEAD, Result};
use glimpse_bundle::for_each_ordered;
use tch::{Kind, Tensor};

/// How many training photos tell which tokens the model lacks.
const PHOTOS_FOR_MISSING_TOKENS: usize = 2000;

/// One pass of self-critical training (Rennie et al. 2017) with several samples a photo: the
/// baseline of a sample is the mean reward of the photo's other samples (Luo 2020).
pub(super) fn epoch(
    learner: &mut Learner,
    settings: &SelfCritical,
    rewards: &Rewards,
) -> Result<EpochOutcome> {
    let mut rng = learner.epoch_rng();
    let batches = shuffled_batches(learner.data.train.len(), settings.batch_images, &mut rng);
    learner.begin_epoch(batches.len(), "scst");
    let schedule = Schedule::WarmupCosine { warmup: 0.0, floor: 0.1 };
    let done = learner.progress.epoch - learner.recipe.epochs;
    let precision = learner.recipe.precision.into();
    let seeing = Pass { dropout: settings.dropout, cell_dropout: learner.recipe.cell_dropout, precision };
    let missing = missing_tokens(learner, settings, rewards)?;
    let data = learner.data;
    let mut view = |&image: &usize| data.train[image].any_grid(&mut rng);
    let plans: Vec<(Vec<usize>, Vec<usize>)> =
        batches.into_iter().map(|images| (images.iter().map(&mut view).collect(), images)).collect();
    let steps = plans.len();
    let reader = &data.features.reader;
    let mut outcome = EpochOutcome::default();
    let mut step = 0;
    for_each_ordered(
        &plans,
        learner.workers,
        READ_AHEAD * learner.workers,
        |(grids, _)| reader.read(grids),
        |(_, images), read| -> Result<()> {
            let features = data.features.grids(&read?, learner.device);
            learner.seed_step();
            let encoded = learner.model.encode(&features, &seeing);
            let samples = draw(learner, &encoded, settings.samples, precision);
            let of_sample = images.iter().flat_map(|&image| std::iter::repeat_n(image, settings.samples));
            let scores = of_sample
                .zip(&samples)
                .map(|(image, sample)| rewards.reward(image, sample, settings, &missing))
                .collect::<Result<Vec<f64>>>()?;
            let advantages = leave_one_out(&scores, settings.samples);
            let (forced, mut loss) = policy_loss(learner, &encoded, &samples, &advantages, &seeing);
            let mut passes = vec![forced];
            if settings.cross_entropy_weight > 0.0 {
                let (forced, cross_entropy) = reference_loss(learner, &encoded, images, &seeing);
                let weight = settings.cross_entropy_weight;
                loss = loss * (1.0 - weight) + cross_entropy * weight;
                passes.push(forced);
            }
            let progress = done as f64 + step as f64 / steps as f64;
            let rate = settings.learning_rate * schedule.factor(progress, settings.epochs);
            let value = loss.double_value(&[]);
            step += 1;
            learner.update(&passes, &loss, value, rate, step)?;
            outcome.add_rewards(&scores);
            learner
                .observer
                .advance(1, &format!("reward={:.3}", scores.iter().sum::<f64>() / scores.len() as f64));
            Ok(())
        },
    )?;
    learner.observer.end();
    Ok(outcome)
}

/// Which tokens the model lacks now, by its greedy captions of training photos.
fn missing_tokens(learner: &Learner, settings: &SelfCritical, rewards: &Rewards) -> Result<MissingTokens> {
    let Learner { data, model, card, device, .. } = learner;
    if settings.missing_token_weight == 0.0 {
        return Ok(MissingTokens::default());
    }
    let step = data.train.len().div_ceil(PHOTOS_FOR_MISSING_TOKENS);
    let images: Vec<usize> = (0..data.train.len()).step_by(step).collect();
    let photos: Vec<_> = images.iter().map(|&image| &data.train[image]).collect();
    let captions = greedy_captions(model, data, &photos, &card.generation, *device)?;
    Ok(rewards.missing(&images, &captions))
}

/// The loss whose gradient is that of the expected reward. No dropout is applied to tokens, and the grid has the
/// dropout that it had when the samples were drawn.
fn policy_loss(
    learner: &Learner,
    encoded: &Encoded,
    samples: &[Decoded],
    advantages: &[f32],
    seeing: &Pass,
) -> (TeacherForced, Tensor) {
    let samples_of_photo = samples.len() / encoded.len();
    let captions: Vec<_> = samples
        .iter()
        .enumerate()
        .map(|(i, sample)| (i / samples_of_photo, &sample.token_ids[..], sample.ended))
        .collect();
    let batch = CaptionBatch::new(&captions, learner.device);
    let forced = learner.model.teacher_forced(encoded, &batch, &Pass { dropout: 0.0, ..*seeing });
    let suppressed = suppressed(learner, &forced.logits);
    let nll = forced.logits.index_fill(1, &suppressed, f64::NEG_INFINITY).cross_entropy_loss(
        &batch.targets,
        None::<Tensor>,
        tch::Reduction::None,
        -100,
        0.0,
    );
    let loss = (nll * batch.spread(advantages)).sum(Kind::Float) / batch.tokens() as f64;
    (forced, loss)
}

/// Cross-entropy of the photos' references, as in the epochs before.
fn reference_loss(
    learner: &Learner,
    encoded: &Encoded,
    images: &[usize],
    seeing: &Pass,
) -> (TeacherForced, Tensor) {
    let photos = images.iter().map(|&image| &learner.data.train[image]);
    let batch = all_captions(photos, 0, learner.recipe.max_length, learner.device);
    let forced = learner.model.teacher_forced(encoded, &batch, seeing);
    let loss = forced.logits.cross_entropy_loss(
        &batch.targets,
        None::<Tensor>,
        tch::Reduction::Mean,
        -100,
        learner.recipe.label_smoothing,
    );
    (forced, loss)
}

/// Draws `samples` captions of each photo, in the order of the photos.
fn draw(learner: &Learner, encoded: &Encoded, samples: usize, precision: Kind) -> Vec<Decoded> {
    let _guard = tch::no_grad_guard();
    let rows = Tensor::arange(encoded.len() as i64, (Kind::Int64, learner.device));
    let rows = rows.repeat_interleave_self_int(samples as i64, None, None);
    let stepper = learner.model.stepper(precision);
    decode(&*stepper, &encoded.select(&rows), Choice::Sample, &learner.card.generation)
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
