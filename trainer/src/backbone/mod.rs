//! Frozen networks that turn a photo into a 7x7 grid of features.
//!
//! A new backbone is one file here, one graph builder in `glimpse-export`, and one row in [`FeatureExtractor::load`].

mod conv;
mod efficientnet_lite0;
mod hub;
mod locate;
mod pickle;
mod resnet50;
mod state_dict;

pub use locate::weights_path;
pub use state_dict::StateDict;

use crate::{Error, Result};
use tch::{Device, Tensor};

/// A frozen convolutional network without its classifier.
trait Backbone: std::fmt::Debug + Send {
    /// f32 [batch, 3, height, width], normalised, to f32 [batch, feature_dim, rows, columns].
    fn forward(&self, pixel_values: &Tensor) -> Tensor;

    /// Photos that one core takes through at once in the shortest time each: few where their layers have to stay in
    /// its caches, many where the weights are most of what it reads.
    fn batch_size(&self) -> usize;

    /// Moves the weights.
    fn move_to(&mut self, device: Device);
}

/// A backbone by name, ready to run.
#[derive(Debug)]
pub struct FeatureExtractor {
    network: Box<dyn Backbone>,
    device: Device,
}

// SAFETY: nothing but `load` writes to the weights, and libtorch lets any number of threads read a tensor.
unsafe impl Sync for FeatureExtractor {}

impl FeatureExtractor {
    /// Builds the backbone called `name` from its original weights.
    pub fn load(name: &str, weights: &StateDict, device: Device) -> Result<Self> {
        let mut network: Box<dyn Backbone> = match name {
            "resnet50" => Box::new(resnet50::ResNet50::load(weights)?),
            "efficientnet-lite0" => Box::new(efficientnet_lite0::EfficientNetLite0::load(weights)?),
            _ => return Err(Error::NoModule { name: glimpse_export::backbone::backbone(name)?.name() }),
        };
        network.move_to(device);
        Ok(Self { network, device })
    }

    /// Photos at once that take the shortest time each, on one core or a GPU.
    pub fn batch_size(&self) -> usize {
        if self.device == Device::Cpu { self.network.batch_size() } else { 64 }
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// f32 [batch, 3, height, width], normalised, to f32 [batch, 49, feature_dim], row-major 7x7.
    ///
    /// Other sizes than 224 are averaged to 7x7 as `AdaptiveAvgPool2d` does.
    pub fn forward(&self, pixel_values: &Tensor) -> Tensor {
        let _guard = tch::no_grad_guard();
        let grid = self
            .network
            .forward(&conv::channels_last(&pixel_values.to_device(self.device)))
            .adaptive_avg_pool2d([7, 7]);
        grid.flatten(2, 3).transpose(1, 2).contiguous()
    }
}
