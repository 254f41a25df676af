use super::data::{EncodedImage, TrainingData};
use super::rewards::Rewards;
use crate::Result;
use crate::decode::{Choice, Decoded, decode};
use crate::model::{CaptionBatch, Captioner, Pass};
use glimpse_bundle::GenerationConfig;
use std::collections::HashSet;
use tch::{Device, Tensor};

/// How the weights score on the validation split.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Mean cross-entropy of a token, in nats.
    pub loss: f64,
    /// CIDEr-D of greedy captions over token ids; 0.5 is usual.
    pub cider: f64,
    /// Different tokens in the captions.
    pub vocabulary: usize,
    /// Greedy captions, one a photo.
    pub captions: Vec<Decoded>,
}

const BATCH_IMAGES: usize = 100;

/// Scores the model on the validation split, plain views only.
pub fn validate(
    model: &Captioner,
    data: &TrainingData,
    rewards: &Rewards,
    generation: &GenerationConfig,
    device: Device,
) -> Result<Validation> {
    let _guard = tch::no_grad_guard();
    let stepper = model.stepper(tch::Kind::Float);
    let (mut loss, mut words) = (0.0, 0);
    let mut captions = Vec::with_capacity(data.validation.len());
    for images in data.validation.chunks(BATCH_IMAGES) {
        let grids: Vec<usize> = images.iter().map(EncodedImage::plain_grid).collect();
        let features = data.features.grids(&data.features.reader.read(&grids)?, device);
        let grid = model.encode(&features, &Pass::EXACT);
        captions.extend(decode(&*stepper, &grid, Choice::Greedy, generation));
        // A few photos at a time: the logits of 500 captions do not fit into the memory of a small machine.
        for (start, images) in images.chunks(20).enumerate().map(|(i, chunk)| (i * 20, chunk)) {
            let batch = all_captions(images.iter(), start, generation.max_length, device);
            let logits = model.teacher_forced(&grid, &batch, &Pass::EXACT).logits;
            let sum =
                logits.cross_entropy_loss(&batch.targets, None::<Tensor>, tch::Reduction::Sum, -100, 0.0);
            loss += sum.double_value(&[]);
            words += batch.tokens();
        }
    }
    let cider = rewards.mean(&captions)?;
    let vocabulary = captions.iter().flat_map(|caption| &caption.token_ids).collect::<HashSet<_>>().len();
    Ok(Validation { loss: loss / words as f64, cider, vocabulary, captions })
}

/// A greedy caption of the plain view of each photo.
pub(super) fn greedy_captions(
    model: &Captioner,
    data: &TrainingData,
    photos: &[&EncodedImage],
    generation: &GenerationConfig,
    device: Device,
) -> Result<Vec<Decoded>> {
    let _guard = tch::no_grad_guard();
    let stepper = model.stepper(tch::Kind::Float);
    let mut captions = Vec::with_capacity(photos.len());
    for photos in photos.chunks(BATCH_IMAGES) {
        let grids: Vec<usize> = photos.iter().map(|photo| photo.plain_grid()).collect();
        let features = data.features.grids(&data.features.reader.read(&grids)?, device);
        let grid = model.encode(&features, &Pass::EXACT);
        captions.extend(decode(&*stepper, &grid, Choice::Greedy, generation));
    }
    Ok(captions)
}

/// Every caption of `images`, cut to `max_length`; their grids begin at `start` of the batch.
pub fn all_captions<'a>(
    images: impl Iterator<Item = &'a EncodedImage>,
    start: usize,
    max_length: usize,
    device: Device,
) -> CaptionBatch {
    let captions: Vec<_> = images
        .enumerate()
        .flat_map(|(i, image)| image.captions.iter().map(move |caption| cut(start + i, caption, max_length)))
        .collect();
    CaptionBatch::new(&captions, device)
}

/// A caption of at most `max_length` ids with `<sos>` and `<eos>`, and whether it still ends.
pub fn cut(image: usize, caption: &[u32], max_length: usize) -> (usize, &[u32], bool) {
    let longest = max_length - 2;
    if caption.len() <= longest { (image, caption, true) } else { (image, &caption[..longest], false) }
}
