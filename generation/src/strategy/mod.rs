//! Ways to choose the tokens of a step. To add one, add a file here and a row in [`STRATEGIES`].

mod beams;
mod chains;
mod warp;

pub use warp::warp;

use crate::image::{Finished, Hypotheses, StepResult};
use glimpse_bundle::GenerationConfig;
use std::fmt::Debug;

/// Chooses the tokens of one image, step by step.
pub(crate) trait Strategy: Debug {
    /// Reads a step's candidates ([`Hypotheses::collect`]), stores the finished hypotheses and continues others
    /// ([`Hypotheses::go_on`]). The search of the image ends when no hypothesis is continued.
    fn advance(&mut self, hypotheses: &mut Hypotheses, step: &StepResult<'_>);

    /// The finished hypotheses, in the order in which they are returned.
    fn into_finished(self: Box<Self>) -> Vec<Finished>;
}

/// A row of [`STRATEGIES`].
pub(crate) struct StrategyKind {
    /// Whether the options select this strategy.
    pub(crate) is_chosen: fn(&GenerationConfig) -> bool,
    /// Rows of an image before the first token.
    pub(crate) starts: fn(&GenerationConfig) -> usize,
    /// How many of a row's best tokens decide a step if no processor removes any.
    pub(crate) candidates: fn(&GenerationConfig) -> usize,
    /// The strategy for one image; the number is the image's key.
    pub(crate) begin: fn(&GenerationConfig, u64) -> Box<dyn Strategy>,
}

/// All strategies. The first one that the options select is used.
const STRATEGIES: [&StrategyKind; 3] = [&chains::SAMPLING, &beams::BEAM_SEARCH, &chains::GREEDY];

impl StrategyKind {
    /// The strategy that the options select.
    pub(crate) fn of(options: &GenerationConfig) -> &'static Self {
        STRATEGIES.into_iter().find(|kind| (kind.is_chosen)(options)).unwrap_or(&chains::GREEDY)
    }
}
