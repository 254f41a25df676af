//! Networks that turn a photo into a grid of features.
//!
//! What a network is made of is described in [`glimpse_export::backbone`]; here is what reads its weights and runs the
//! description in libtorch: [`FeatureExtractor`] the frozen part, [`TrainedBlocks`] the last blocks where they are
//! trained.

mod frozen;
mod hub;
mod locate;
mod network;
mod pickle;
mod state_dict;
mod trained;

pub use frozen::FeatureExtractor;
pub use locate::weights_path;
pub use state_dict::StateDict;
pub use trained::TrainedBlocks;

use glimpse_export::backbone::{Backbone, MapShape};
use tch::Tensor;

/// The last block's maps [batch, channels, rows, columns], averaged to the size of the backbone's grid where they
/// have another.
fn to_grid(backbone: &Backbone, maps: &Tensor) -> Tensor {
    let MapShape { rows, columns, .. } = backbone.grid();
    let grid = [rows as i64, columns as i64];
    if maps.size()[2..] == grid { maps.shallow_clone() } else { maps.adaptive_avg_pool2d(grid) }
}
