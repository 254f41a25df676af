//! Ways to choose the tokens of a step. A new one is a file here and a row in [`STRATEGIES`].

mod beams;
mod chains;
mod warp;

pub use warp::warp;

use crate::image::{Finished, Hypotheses, StepResult};
use glimpse_bundle::GenerationConfig;
use std::fmt::Debug;

/// Chooses the tokens of one image, step by step.
pub(crate) trait Strategy: Debug {
    /// Reads a step's candidates ([`Hypotheses::collect`]), keeps the hypotheses that are finished, and lets the
    /// others go on ([`Hypotheses::go_on`]). The image is done when none goes on.
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>);

    /// The finished hypotheses, in the order in which they are returned.
    fn into_finished(self: Box<Self>) -> Vec<Finished>;
}

/// A row of [`STRATEGIES`].
pub(crate) struct StrategyKind {
    /// Whether the options ask for this strategy.
    pub(crate) is_chosen: fn(&GenerationConfig) -> bool,
    /// Rows of an image before the first token.
    pub(crate) starts: fn(&GenerationConfig) -> usize,
    /// How many of a row's best tokens decide a step, as long as no processor removes any.
    pub(crate) candidates: fn(&GenerationConfig) -> usize,
    /// The strategy for one image; the number tells the image from others.
    pub(crate) begin: fn(&GenerationConfig, u64) -> Box<dyn Strategy>,
}

/// All strategies. The first that is chosen is taken.
const STRATEGIES: [&StrategyKind; 3] = [&chains::SAMPLING, &beams::BEAM_SEARCH, &chains::GREEDY];

impl StrategyKind {
    /// The strategy that the options ask for.
    pub(crate) fn of(options: &GenerationConfig) -> &'static Self {
        STRATEGIES.into_iter().find(|kind| (kind.is_chosen)(options)).unwrap_or(&chains::GREEDY)
    }
}
