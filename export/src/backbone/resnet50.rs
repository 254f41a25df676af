use super::{Activation, Backbone, Block, ConvBn, Layer, MaxPool, Padding, Shortcut};

/// Blocks and inner width of each stage; a stage gives four times its width.
const STAGES: [(usize, usize); 4] = [(3, 64), (4, 128), (6, 256), (3, 512)];
const EXPANSION: usize = 4;
const STEM_CHANNELS: usize = 64;

/// ResNet-50 (He et al. 2016, "Deep Residual Learning for Image Recognition") up to its last
/// residual block, as torchvision has it: the stride sits in the 3x3 convolution ("v1.5").
/// Weights keep the names of torchvision's state dict; its `fc` is not needed.
pub(super) fn describe() -> Backbone {
    let pool = MaxPool { kernel: 3, stride: 2, padding: Padding::Symmetric(1) };
    let mut blocks = vec![Block {
        name: "stem".into(),
        layers: vec![
            Layer::Conv(conv("conv1".into(), "bn1".into(), (3, STEM_CHANNELS), 7, 2)),
            Layer::MaxPool(pool),
        ],
        shortcut: Shortcut::None,
        activation: Activation::Linear,
    }];
    let mut channels = STEM_CHANNELS;
    for (stage, (count, width)) in (1..).zip(STAGES) {
        for index in 0..count {
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let name = format!("layer{stage}.{index}");
            blocks.push(bottleneck(name, channels, width, stride, index == 0));
            channels = width * EXPANSION;
        }
    }
    Backbone {
        name: "resnet50",
        image_mean: [0.485, 0.456, 0.406],
        image_std: [0.229, 0.224, 0.225],
        input_size: 224,
        cpu_batch: 16,
        hub_repository: Some("timm/resnet50.tv_in1k"),
        blocks,
    }
}

/// Three convolutions; the first block of a stage has one on its shortcut too, as it changes the shape.
fn bottleneck(name: String, channels: usize, width: usize, stride: usize, is_first: bool) -> Block {
    let layer = |part: usize, channels, kernel, stride| {
        conv(format!("{name}.conv{part}"), format!("{name}.bn{part}"), channels, kernel, stride)
    };
    let linear = |conv| ConvBn { activation: Activation::Linear, ..conv };
    let expanded = width * EXPANSION;
    let layers = [
        layer(1, (channels, width), 1, 1),
        layer(2, (width, width), 3, stride),
        linear(layer(3, (width, expanded), 1, 1)),
    ];
    let shortcut = if is_first {
        let names = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
        Shortcut::Projection(linear(conv(names.0, names.1, (channels, expanded), 1, stride)))
    } else {
        Shortcut::Identity
    };
    Block { layers: layers.map(Layer::Conv).into(), shortcut, activation: Activation::Relu, name }
}

fn conv(conv: String, bn: String, channels: (usize, usize), kernel: usize, stride: usize) -> ConvBn {
    ConvBn {
        conv,
        bn,
        in_channels: channels.0,
        out_channels: channels.1,
        kernel,
        stride,
        groups: 1,
        padding: Padding::Symmetric(kernel / 2),
        eps: 1e-5,
        activation: Activation::Relu,
    }
}
