//! Frozen image networks that give the 7x7 grid. One file each, one entry in [`backbones`].
//!
//! A backbone is its list of convolutions, each followed by a batch norm, and the order in which
//! they are applied. The weights' names, shapes and seeded stand-ins follow from that list.

mod efficientnet_lite0;
mod layer;
mod resnet50;

use crate::graph::{GraphBuilder, Value};
use crate::{Error, Result, Weights};
pub use efficientnet_lite0::EfficientNetLite0;
use glimpse_bundle::PreprocessorConfig;
pub use layer::{Activation, ConvBn};
pub use resnet50::ResNet50;
use std::fmt::Debug;

/// Height and width of every backbone's input.
pub const INPUT_SIZE: u32 = 224;

/// A frozen image network.
pub trait Backbone: Debug + Sync {
    /// The name in configs and on command lines.
    fn name(&self) -> &'static str;

    /// Channels of the grid.
    fn feature_dim(&self) -> usize;

    /// Mean per RGB channel that the weights were trained with, on the 0-1 scale.
    fn image_mean(&self) -> [f64; 3];

    /// Standard deviation per RGB channel that the weights were trained with, on the 0-1 scale.
    fn image_std(&self) -> [f64; 3];

    /// Every convolution with its batch norm. Names are the original checkpoint's.
    fn layers(&self) -> Vec<ConvBn>;

    /// Adds the network to a graph: from [batch_size, 3, 224, 224] to [batch_size, feature_dim, 7, 7].
    ///
    /// # Errors
    /// The first weight that is missing or of another shape.
    fn build(&self, graph: &mut GraphBuilder, weights: &Weights, pixel_values: &Value) -> Result<Value>;

    /// Names and shapes of the weights that [`Backbone::build`] reads.
    fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.layers().iter().flat_map(ConvBn::weight_shapes).collect()
    }

    /// The preprocessing that the weights expect: the whole picture at 224x224.
    fn preprocessor(&self) -> PreprocessorConfig {
        PreprocessorConfig::squash(INPUT_SIZE, self.image_mean(), self.image_std())
    }
}

/// Every backbone that can be exported.
pub fn backbones() -> &'static [&'static dyn Backbone] {
    &[&ResNet50, &EfficientNetLite0]
}

/// The backbone of this name.
///
/// # Errors
/// [`Error::UnknownBackbone`], which lists them all.
pub fn backbone(name: &str) -> Result<&'static dyn Backbone> {
    backbones().iter().copied().find(|backbone| backbone.name() == name).ok_or_else(|| {
        let known: Vec<_> = backbones().iter().map(|backbone| backbone.name()).collect();
        Error::UnknownBackbone { name: name.into(), known: known.join(", ") }
    })
}
