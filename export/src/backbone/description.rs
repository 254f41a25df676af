use super::layer::{Activation, ConvBn, MaxPool};
use crate::{Error, Result};
use glimpse_bundle::PreprocessorConfig;

/// An image network up to its grid of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Backbone {
    /// The name in configs and on command lines.
    pub name: &'static str,
    /// Mean per RGB channel that the weights were trained with, on the 0-1 scale.
    pub image_mean: [f64; 3],
    /// Standard deviation per RGB channel that the weights were trained with, on the 0-1 scale.
    pub image_std: [f64; 3],
    /// Height and width of the photos that it reads, in pixels.
    pub input_size: u32,
    /// Photos that one CPU core takes through at once in the shortest time each: few where their maps have to stay
    /// in its caches, many where the weights are most of what it reads.
    pub cpu_batch: usize,
    /// Repository on the Hugging Face hub whose `model.safetensors` has the weights under the names used here.
    pub hub_repository: Option<&'static str>,
    /// From the pixels to the grid. The first reads 3 channels.
    pub blocks: Vec<Block>,
}

/// Layers one after the other, with a way around them.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What the original checkpoint calls it, e.g. `layer4.0` or `_blocks.11`; `stem` and `head` where it has no
    /// name for all of them.
    pub name: String,
    /// In the order in which they are applied.
    pub layers: Vec<Layer>,
    /// The addend of the last layer's output.
    pub shortcut: Shortcut,
    /// What follows the sum.
    pub activation: Activation,
}

/// A layer of a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Convolution, batch norm, activation.
    Conv(ConvBn),
    /// The largest value of each window.
    MaxPool(MaxPool),
}

/// The way around a block's layers.
#[derive(Debug, Clone, PartialEq)]
pub enum Shortcut {
    /// There is none.
    None,
    /// The block's input as it is.
    Identity,
    /// The block's input through a convolution, because the block changes its shape.
    Projection(ConvBn),
}

/// Shape of the feature maps of one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapShape {
    /// Height in cells.
    pub rows: usize,
    /// Width in cells.
    pub columns: usize,
    /// Numbers a cell.
    pub channels: usize,
}

impl MapShape {
    /// Cells of the map.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }
}

impl Block {
    /// Its convolutions: those of the layers, then the shortcut's.
    pub fn convolutions(&self) -> impl Iterator<Item = &ConvBn> {
        let layers = self.layers.iter().filter_map(|layer| match layer {
            Layer::Conv(conv) => Some(conv),
            Layer::MaxPool(_) => None,
        });
        layers.chain(match &self.shortcut {
            Shortcut::Projection(conv) => Some(conv),
            Shortcut::None | Shortcut::Identity => None,
        })
    }

    /// What the block makes of maps of this shape.
    fn output_shape(&self, input: MapShape) -> MapShape {
        self.layers.iter().fold(input, |shape, layer| {
            let (channels, kernel, stride, padding) = match layer {
                Layer::Conv(conv) => (conv.out_channels, conv.kernel, conv.stride, conv.padding),
                Layer::MaxPool(pool) => (shape.channels, pool.kernel, pool.stride, pool.padding),
            };
            let side = |size| padding.output_size(size, kernel, stride);
            MapShape { rows: side(shape.rows), columns: side(shape.columns), channels }
        })
    }
}

impl Backbone {
    /// Every convolution with its batch norm, in the order of the blocks.
    pub fn layers(&self) -> Vec<&ConvBn> {
        self.blocks.iter().flat_map(Block::convolutions).collect()
    }

    /// Names and shapes of the weights that the network reads; the names are the original checkpoint's.
    pub fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.layers().into_iter().flat_map(ConvBn::weight_shapes).collect()
    }

    /// The preprocessing that the weights expect: the whole photo, squeezed into a square.
    pub fn preprocessor(&self) -> PreprocessorConfig {
        PreprocessorConfig::squash(self.input_size, self.image_mean, self.image_std)
    }

    /// Shape of the maps that block number `block` reads for photos of `height` x `width` pixels; the number of
    /// blocks gives the shape behind the last one.
    pub fn map_shape(&self, block: usize, height: usize, width: usize) -> MapShape {
        let pixels = MapShape { rows: height, columns: width, channels: 3 };
        self.blocks[..block].iter().fold(pixels, |shape, block| block.output_shape(shape))
    }

    /// Shape of the grid of features for photos of the network's own size.
    pub fn grid(&self) -> MapShape {
        let side = self.input_size as usize;
        self.map_shape(self.blocks.len(), side, side)
    }

    /// Channels of the grid.
    pub fn feature_dim(&self) -> usize {
        self.grid().channels
    }

    /// Number of the first of the last `count` blocks.
    ///
    /// # Errors
    /// [`Error::Blocks`] where the network has no block before them.
    pub fn first_of_last(&self, count: usize) -> Result<usize> {
        match self.blocks.len().checked_sub(count) {
            Some(first) if first > 0 => Ok(first),
            _ => Err(Error::Blocks { backbone: self.name, count, most: self.blocks.len() - 1 }),
        }
    }

    /// Names and shapes of the convolutions' weights in the last `count` blocks: what training changes there.
    ///
    /// # Errors
    /// As [`Backbone::first_of_last`].
    pub fn trained_weight_shapes(&self, count: usize) -> Result<Vec<(String, Vec<usize>)>> {
        let blocks = &self.blocks[self.first_of_last(count)?..];
        let convolutions = blocks.iter().flat_map(Block::convolutions);
        Ok(convolutions.map(|conv| (conv.weight_name(), conv.weight_shape().to_vec())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{backbone, backbones};

    #[test]
    fn grids_follow_from_the_blocks() {
        let grid = |name: &str| {
            let shape = backbone(name).unwrap().grid();
            (shape.rows, shape.columns, shape.channels)
        };
        assert_eq!(grid("resnet50"), (7, 7, 2048));
        assert_eq!(grid("efficientnet-lite0"), (7, 7, 1280));
        assert_eq!(grid("efficientnet-lite1"), (8, 8, 1280));
        assert_eq!(grid("efficientnet-lite2"), (9, 9, 1280));
    }

    #[test]
    fn the_last_blocks_begin_where_their_maps_say() {
        for (name, count, block, shape) in [
            ("resnet50", 3, "layer4.0", (14, 14, 1024)),
            ("efficientnet-lite0", 1, "head", (7, 7, 320)),
            ("efficientnet-lite0", 6, "_blocks.11", (14, 14, 112)),
        ] {
            let backbone = backbone(name).unwrap();
            let first = backbone.first_of_last(count).unwrap();
            let maps = backbone.map_shape(first, 224, 224);
            assert_eq!(backbone.blocks[first].name, block);
            assert_eq!((maps.rows, maps.columns, maps.channels), shape);
        }
    }

    #[test]
    fn a_block_has_to_stay_before_those_that_are_trained() {
        let error = backbone("resnet50").unwrap().first_of_last(17).unwrap_err().to_string();
        assert!(error.contains("resnet50") && error.contains("16"), "{error}");
    }

    #[test]
    fn every_layer_reads_what_the_one_before_it_gives() {
        for backbone in backbones() {
            let mut channels = 3;
            for block in &backbone.blocks {
                let input = channels;
                for conv in block.layers.iter().filter_map(|layer| match layer {
                    super::Layer::Conv(conv) => Some(conv),
                    super::Layer::MaxPool(_) => None,
                }) {
                    assert_eq!(conv.in_channels, channels, "{}: {}", backbone.name, conv.conv);
                    channels = conv.out_channels;
                }
                match &block.shortcut {
                    super::Shortcut::None => {}
                    super::Shortcut::Identity => assert_eq!(input, channels, "{}", block.name),
                    super::Shortcut::Projection(conv) => {
                        assert_eq!(
                            (conv.in_channels, conv.out_channels),
                            (input, channels),
                            "{}",
                            block.name
                        );
                    }
                }
            }
        }
    }
}
