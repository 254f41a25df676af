use crate::InvalidOption;

/// A decoder that the search runs: one step for all rows. The model holds the state of the rows.
///
/// The search does not read the state. It names the row of the last step that each row continues ([`Step::beam_idx`])
/// and the images whose search goes on ([`Step::kept_images`]). Before the first step there is one row per image.
pub trait StepModel {
    /// The error of a step.
    type Error: From<InvalidOption>;

    /// Tokens in the vocabulary.
    fn vocab_size(&self) -> usize;

    /// A number of the image's own: sampling draws by it and the seed. `image` is the image's position in the batch
    /// with which the search began.
    fn image_key(&self, image: usize) -> u64;

    /// Feeds one token to each row and writes the best next tokens of each row to `out`.
    ///
    /// # Errors
    /// Any failure of the model. The search ends and returns it.
    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), Self::Error>;
}

/// The input of one step of a [`StepModel`].
///
/// Rows are image-major, with the same number of rows for every image of the batch.
#[derive(Debug)]
pub struct Step<'a> {
    /// `[rows]`: the last token of each row.
    pub input_ids: &'a [i64],
    /// `[rows]`: the row of the last step that each row continues.
    pub beam_idx: &'a [i64],
    /// The positions of the images that stay in the batch, ascending; `None` if all stay.
    pub kept_images: Option<&'a [usize]>,
    /// Tokens to return for each row; at most the vocabulary's size.
    pub k: usize,
    /// Whether to return attentions as well.
    pub output_attentions: bool,
}

/// The best next tokens of each row. The buffers are reused from step to step.
#[derive(Debug, Default, Clone)]
pub struct TopCandidates {
    /// `[rows, k]`: log-probabilities, best first; never NaN.
    pub log_probs: Vec<f32>,
    /// `[rows, k]`: the tokens; of equal ones the lower id is first.
    pub token_ids: Vec<i64>,
    /// `[rows, cells]`: the attention weights of each row; empty without [`Step::output_attentions`].
    pub attentions: Vec<f32>,
}

impl TopCandidates {
    /// The tokens of one row with their log-probabilities, best first.
    pub(crate) fn row(&self, row: usize, k: usize) -> impl Iterator<Item = (u32, f32)> {
        let range = row * k..(row + 1) * k;
        let ids = self.token_ids[range.clone()].iter().map(|&id| id as u32);
        ids.zip(self.log_probs[range].iter().copied())
    }
}
