use super::{Activation, Backbone, ConvBn};
use crate::graph::{Attribute, GraphBuilder, Value};
use crate::{Result, Weights};

/// ResNet-50 (He et al. 2016, "Deep Residual Learning for Image Recognition") up to its last
/// residual block, as torchvision has it: the stride sits in the 3x3 convolution ("v1.5").
/// Weights keep the names of torchvision's state dict; its `fc` is not needed.
#[derive(Debug, Clone, Copy)]
pub struct ResNet50;

/// Blocks and inner width of each stage; a stage gives four times its width.
const STAGES: [(usize, usize); 4] = [(3, 64), (4, 128), (6, 256), (3, 512)];
const EXPANSION: usize = 4;
const STEM_CHANNELS: usize = 64;

/// One bottleneck: three convolutions, and one on the shortcut where the shape changes.
struct Bottleneck {
    branch: [ConvBn; 3],
    shortcut: Option<ConvBn>,
}

impl Backbone for ResNet50 {
    fn name(&self) -> &'static str {
        "resnet50"
    }

    fn feature_dim(&self) -> usize {
        STAGES[3].1 * EXPANSION
    }

    fn image_mean(&self) -> [f64; 3] {
        [0.485, 0.456, 0.406]
    }

    fn image_std(&self) -> [f64; 3] {
        [0.229, 0.224, 0.225]
    }

    fn layers(&self) -> Vec<ConvBn> {
        let blocks = blocks().into_iter().flat_map(|block| block.branch.into_iter().chain(block.shortcut));
        std::iter::once(stem()).chain(blocks).collect()
    }

    fn build(&self, graph: &mut GraphBuilder, weights: &Weights, pixel_values: &Value) -> Result<Value> {
        let stem = stem().build(graph, weights, pixel_values)?;
        let pool = [
            ("kernel_shape", Attribute::Ints(vec![3, 3])),
            ("pads", Attribute::Ints(vec![1; 4])),
            ("strides", Attribute::Ints(vec![2, 2])),
        ];
        let mut maps = graph.node("MaxPool", "maxpool", [&stem], pool);
        for Bottleneck { branch, shortcut } in blocks() {
            let mut output = maps;
            for layer in &branch {
                output = layer.build(graph, weights, &output)?;
            }
            if let Some(shortcut) = shortcut {
                maps = shortcut.build(graph, weights, &maps)?;
            }
            let name = &branch[2].conv;
            let sum = graph.node("Add", &format!("{name}.add"), [&output, &maps], []);
            maps = graph.node("Relu", &format!("{name}.relu"), [&sum], []);
        }
        Ok(maps)
    }
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
        padding: (kernel / 2, kernel / 2),
        eps: 1e-5,
        activation: Activation::Relu,
    }
}

fn stem() -> ConvBn {
    conv("conv1".into(), "bn1".into(), (3, STEM_CHANNELS), 7, 2)
}

fn blocks() -> Vec<Bottleneck> {
    let mut blocks = Vec::new();
    let mut channels = STEM_CHANNELS;
    for (stage, (count, width)) in (1..).zip(STAGES) {
        for index in 0..count {
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let name = format!("layer{stage}.{index}");
            let layer = |part: usize, channels, kernel, stride| {
                conv(format!("{name}.conv{part}"), format!("{name}.bn{part}"), channels, kernel, stride)
            };
            let expanded = width * EXPANSION;
            let linear = |layer| ConvBn { activation: Activation::Linear, ..layer };
            blocks.push(Bottleneck {
                branch: [
                    layer(1, (channels, width), 1, 1),
                    layer(2, (width, width), 3, stride),
                    linear(layer(3, (width, expanded), 1, 1)),
                ],
                shortcut: (index == 0).then(|| {
                    let names = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
                    linear(conv(names.0, names.1, (channels, expanded), 1, stride))
                }),
            });
            channels = expanded;
        }
    }
    blocks
}
