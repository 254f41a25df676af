use crate::image::{ImageSearch, StepResult};
use crate::processors::Processors;
use crate::strategy::StrategyKind;
use crate::{GenerationConfig, Step};

/// The images whose search is not finished, and how their beams become rows.
pub(crate) struct Batch {
    /// Image index and its search, in the order of the rows.
    searches: Vec<(usize, ImageSearch)>,
    /// Rows per image in the next step.
    width: usize,
    /// Rows per image in the last step.
    past_width: usize,
    input_ids: Vec<i64>,
    beam_idx: Vec<i64>,
    /// Positions in the last step's batch that are still here.
    kept: Vec<usize>,
    /// Images of the last step's batch.
    past_images: usize,
    sequence: Vec<u32>,
}

impl Batch {
    /// `image_keys` has a number for each image, by which sampling draws. With `alternatives`, the searches are
    /// recorded.
    pub(crate) fn new(
        kind: &StrategyKind,
        options: &GenerationConfig,
        image_keys: impl Iterator<Item = u64>,
        alternatives: Option<usize>,
    ) -> Self {
        let search = |key| ImageSearch::new(kind, options, key, alternatives);
        let searches: Vec<_> = image_keys.map(search).enumerate().collect();
        let images = searches.len();
        let mut batch = Self {
            searches,
            width: 1,
            past_width: 1,
            input_ids: Vec::new(),
            beam_idx: Vec::new(),
            kept: (0..images).collect(),
            past_images: images,
            sequence: Vec::new(),
        };
        batch.arrange();
        batch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.searches.is_empty()
    }

    /// Passes every row's sequence to the processors, if they need it. Row numbers are those of [`Batch::arrange`].
    pub(crate) fn push_rows(&mut self, processors: &mut Processors, options: &GenerationConfig) {
        if !processors.need_sequences() {
            return;
        }
        for (_, search) in &self.searches {
            for row in 0..self.width {
                let beam = row.min(search.running().len() - 1);
                search.sequence(beam, options, &mut self.sequence);
                processors.push_row(&self.sequence);
            }
        }
    }

    pub(crate) fn step(&self, k: usize, output_attentions: bool) -> Step<'_> {
        let kept_images = (self.kept.len() < self.past_images).then_some(self.kept.as_slice());
        Step { input_ids: &self.input_ids, beam_idx: &self.beam_idx, kept_images, k, output_attentions }
    }

    /// Chooses the next beams of every image. `result` is that of the whole batch.
    pub(crate) fn advance(&mut self, result: StepResult<'_>) {
        for (position, (_, search)) in self.searches.iter_mut().enumerate() {
            search.advance(&StepResult { first_row: position * self.width, ..result });
        }
    }

    /// Removes finished images from the batch, and makes the rows of the next step from the others.
    pub(crate) fn retire(&mut self, mut finished: impl FnMut(usize, ImageSearch)) {
        self.past_images = self.searches.len();
        self.past_width = self.width;
        self.kept.clear();
        let searches = self.searches.iter().enumerate();
        self.kept.extend(searches.filter(|(_, (_, search))| !search.is_done()).map(|(position, _)| position));
        for (image, search) in self.searches.extract_if(.., |(_, search)| search.is_done()) {
            finished(image, search);
        }
        self.arrange();
    }

    /// Arranges the beams as rows: image-major, the same number for each image. An image with fewer beams than the
    /// others repeats its last beam; the results of the copies are not used.
    fn arrange(&mut self) {
        self.width = self.searches.iter().map(|(_, search)| search.running().len()).max().unwrap_or(0);
        self.input_ids.clear();
        self.beam_idx.clear();
        for ((_, search), position) in self.searches.iter().zip(&self.kept) {
            let running = search.running();
            for row in 0..self.width {
                let beam = running[row.min(running.len() - 1)];
                self.input_ids.push(i64::from(beam.token_id));
                self.beam_idx.push((position * self.past_width + beam.parent) as i64);
            }
        }
    }
}
