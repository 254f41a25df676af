use super::StateDict;
use super::network::{self, Convolution};
use crate::Result;
use glimpse_export::backbone::{Backbone, Block, backbone};
use std::collections::HashMap;
use tch::{Device, Tensor};

/// The frozen part of a backbone, ready to run: all of it, or the blocks before those that are trained.
#[derive(Debug)]
pub struct FeatureExtractor {
    backbone: &'static Backbone,
    blocks: &'static [Block],
    /// By the convolution's name.
    convolutions: HashMap<&'static str, Convolution>,
    device: Device,
}

// SAFETY: nothing but `load_frozen` writes to the weights, and libtorch lets any number of threads read a tensor.
unsafe impl Sync for FeatureExtractor {}

impl FeatureExtractor {
    /// The whole backbone called `name`, from its original weights.
    ///
    /// # Errors
    /// An unknown name, and the first weight that is missing or of another shape.
    pub fn load(name: &str, weights: &StateDict, device: Device) -> Result<Self> {
        Self::load_frozen(name, weights, 0, device)
    }

    /// The backbone called `name` without its last `trained_blocks` blocks.
    ///
    /// # Errors
    /// As [`FeatureExtractor::load`], and more blocks than there are.
    pub fn load_frozen(
        name: &str,
        weights: &StateDict,
        trained_blocks: usize,
        device: Device,
    ) -> Result<Self> {
        let backbone = backbone(name)?;
        let blocks = match trained_blocks {
            0 => &backbone.blocks[..],
            count => &backbone.blocks[..backbone.first_of_last(count)?],
        };
        // A file of another network lacks weights: that says more than the first shape that differs.
        for conv in blocks.iter().flat_map(Block::convolutions) {
            weights.check_contains(&conv.weight_name())?;
        }
        let mut convolutions = HashMap::new();
        for conv in blocks.iter().flat_map(Block::convolutions) {
            let Convolution { weight, bias } = Convolution::folded(conv, weights)?;
            let convolution = Convolution { weight: weight.to_device(device), bias: bias.to_device(device) };
            convolutions.insert(conv.conv.as_str(), convolution);
        }
        Ok(Self { backbone, blocks, convolutions, device })
    }

    /// Photos at once that take the shortest time each, on one core or a GPU.
    pub fn batch_size(&self) -> usize {
        if self.device == Device::Cpu { self.backbone.cpu_batch } else { 64 }
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// From f32 [batch, 3, height, width], normalised, to f32 [batch, cells, channels], row by row: the grid, or the
    /// maps that the first trained block reads.
    ///
    /// The grid of photos of another size than the backbone's own is averaged to the backbone's grid, as
    /// `AdaptiveAvgPool2d` does.
    pub fn forward(&self, pixel_values: &Tensor) -> Tensor {
        let _guard = tch::no_grad_guard();
        let pixels = network::channels_last(&pixel_values.to_device(self.device));
        let maps = network::run(self.blocks, pixels, &|conv| {
            let Convolution { weight, bias } = &self.convolutions[conv.conv.as_str()];
            Convolution { weight: weight.shallow_clone(), bias: bias.shallow_clone() }
        });
        if self.blocks.len() < self.backbone.blocks.len() {
            return network::cells(&maps);
        }
        network::cells(&super::to_grid(self.backbone, &maps))
    }
}
