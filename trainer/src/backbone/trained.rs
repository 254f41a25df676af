use super::StateDict;
use super::network::{self, Convolution, FrozenNorm};
use crate::Result;
use glimpse_bundle::Size;
use glimpse_export::backbone::{Backbone, Block, ConvBn, MapShape, backbone};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

/// The last blocks of a backbone, which are trained with the decoder.
///
/// What is trained are the weights of the convolutions. The batch norms stay as they are in the backbone's file: their
/// running statistics are not updated, and their factors and offsets are constants through which the gradient flows.
#[derive(Debug)]
pub struct TrainedBlocks {
    backbone: &'static Backbone,
    blocks: &'static [Block],
    /// Of one photo, before the first of the blocks.
    input: MapShape,
    /// By the convolution's name, f32.
    norms: HashMap<&'static str, FrozenNorm>,
    /// Where training begins.
    initial: Vec<(String, Tensor)>,
}

impl TrainedBlocks {
    /// The last `count` blocks of the backbone called `name`, for photos of `size`, from the original weights.
    ///
    /// # Errors
    /// An unknown name, more blocks than there are, and the first weight that is missing or of another shape.
    pub fn new(name: &str, count: usize, size: Size, weights: &StateDict, device: Device) -> Result<Self> {
        let backbone = backbone(name)?;
        let first = backbone.first_of_last(count)?;
        let blocks = &backbone.blocks[first..];
        let input = backbone.map_shape(first, size.height as usize, size.width as usize);
        let (mut norms, mut initial) = (HashMap::new(), Vec::new());
        for conv in blocks.iter().flat_map(Block::convolutions) {
            initial.push((conv.weight_name(), network::own_weight(conv, weights)?.to_device(device)));
            let FrozenNorm { scale, offset } = FrozenNorm::of(conv, weights)?;
            let ready = |tensor: Tensor| tensor.to_kind(Kind::Float).to_device(device);
            norms.insert(conv.conv.as_str(), FrozenNorm { scale: ready(scale), offset: ready(offset) });
        }
        Ok(Self { backbone, blocks, input, norms, initial })
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Names and values of the weights to train, as in the backbone's file.
    pub fn initial_weights(&self) -> &[(String, Tensor)] {
        &self.initial
    }

    /// From the maps that [`FeatureExtractor::forward`](super::FeatureExtractor::forward) gives before these blocks,
    /// f16 or f32 [batch, cells, channels], to the grid, f32 [batch, grid cells, feature_dim]. `weight` gives the
    /// current value of each weight; products are computed in `precision`, but for depthwise convolutions on the CPU.
    pub fn forward<'a>(&self, maps: &Tensor, weight: impl Fn(&str) -> &'a Tensor, precision: Kind) -> Tensor {
        let MapShape { rows, columns, channels } = self.input;
        let shape = [-1, rows as i64, columns as i64, channels as i64];
        // The channels lie side by side already.
        let maps = maps.view(shape).permute([0, 3, 1, 2]).to_kind(precision);
        let on_cpu = maps.device() == Device::Cpu;
        let convolution = |conv: &ConvBn| {
            let FrozenNorm { scale, offset } = &self.norms[conv.conv.as_str()];
            let folded = weight(&conv.weight_name()) * scale;
            // On the CPU, the gradient of a depthwise convolution takes five times as long in bf16.
            let kind = if conv.groups > 1 && on_cpu { Kind::Float } else { precision };
            Convolution { weight: folded.to_kind(kind), bias: offset.to_kind(kind) }
        };
        let grid = network::run(self.blocks, maps, &convolution);
        network::cells(&super::to_grid(self.backbone, &grid)).to_kind(Kind::Float)
    }
}
