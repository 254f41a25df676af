use crate::InvalidOption;

/// A decoder as the search sees it: one step for all rows, with the recurrent state inside.
///
/// The search never looks at the state. It says which row of the last step each row continues
/// ([`Step::beam_idx`]) and which images are still worth a step ([`Step::kept_images`]). For the first
/// step the last one is taken to have had one row per image.
pub trait StepModel {
    /// What can go wrong in a step.
    type Error: From<InvalidOption>;

    /// Words in the vocabulary.
    fn vocab_size(&self) -> usize;

    /// A number that tells an image from others: sampling draws by it and the seed. `image` counts
    /// from 0 over the images that the search began with.
    fn image_key(&self, image: usize) -> u64;

    /// Feeds one word to each row and reports the best next words of each.
    ///
    /// # Errors
    /// Whatever keeps the model from answering; the search ends with it.
    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), Self::Error>;
}

/// One step's question to a [`StepModel`].
///
/// Rows are image-major, with the same number of rows for every image of the batch.
#[derive(Debug)]
pub struct Step<'a> {
    /// `[rows]`: the last word of each row.
    pub input_ids: &'a [i64],
    /// `[rows]`: which row of the last step each row continues.
    pub beam_idx: &'a [i64],
    /// The images of the last step's batch that are still in it, in order; `None` when all are.
    pub kept_images: Option<&'a [usize]>,
    /// Words to report for each row; at most the vocabulary's size.
    pub k: usize,
    /// Whether to report attentions as well.
    pub output_attentions: bool,
}

/// The best next words of each row. The buffers are reused from step to step.
#[derive(Debug, Default, Clone)]
pub struct TopCandidates {
    /// `[rows, k]`: log-probabilities, best first; never NaN.
    pub log_probs: Vec<f32>,
    /// `[rows, k]`: the words; among equals the lower id first.
    pub token_ids: Vec<i64>,
    /// `[rows, cells]`: where each row looked; empty unless asked for.
    pub attentions: Vec<f32>,
}

impl TopCandidates {
    /// The words of one row with their log-probabilities, best first.
    pub(crate) fn row(&self, row: usize, k: usize) -> impl Iterator<Item = (u32, f32)> {
        let range = row * k..(row + 1) * k;
        let ids = self.token_ids[range.clone()].iter().map(|&id| id as u32);
        ids.zip(self.log_probs[range].iter().copied())
    }
}
