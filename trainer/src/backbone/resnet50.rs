use super::conv::{ConvSpec, FoldedConv, Padding};
use super::{Backbone, StateDict};
use crate::Result;
use tch::{Device, Tensor};

/// ResNet50 v1.5 (He et al. 2015; stride in the 3x3 convolution) up to and with its last stage.
/// Weight names are torchvision's. tch's own `resnet50_no_final_layer` averages the grid away.
#[derive(Debug)]
pub(super) struct ResNet50 {
    stem: FoldedConv,
    blocks: Vec<Bottleneck>,
}

#[derive(Debug)]
struct Bottleneck {
    convs: [FoldedConv; 3],
    downsample: Option<FoldedConv>,
}

/// One row a stage: blocks, inner channels, stride of the first block.
const STAGES: [(usize, i64, i64); 4] = [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)];
const EXPANSION: i64 = 4;
const EPS: f64 = 1e-5;

impl ResNet50 {
    pub fn load(weights: &StateDict) -> Result<Self> {
        let conv = |conv: &str, norm: &str, shape: [i64; 4], stride| {
            let padding = Padding::Symmetric(shape[2] / 2);
            FoldedConv::new(weights, &ConvSpec { conv, norm, shape, stride, padding, groups: 1, eps: EPS })
        };
        let mut blocks = Vec::new();
        let mut input = 64;
        for (stage, (repeats, inner, first_stride)) in STAGES.into_iter().enumerate() {
            let out = inner * EXPANSION;
            for repeat in 0..repeats {
                let at = format!("layer{}.{repeat}", stage + 1);
                let stride = if repeat == 0 { first_stride } else { 1 };
                let part = |i: usize, shape, stride| {
                    conv(&format!("{at}.conv{i}"), &format!("{at}.bn{i}"), shape, stride)
                };
                blocks.push(Bottleneck {
                    convs: [
                        part(1, [inner, input, 1, 1], 1)?,
                        part(2, [inner, inner, 3, 3], stride)?,
                        part(3, [out, inner, 1, 1], 1)?,
                    ],
                    downsample: match repeat {
                        0 => Some(conv(
                            &format!("{at}.downsample.0"),
                            &format!("{at}.downsample.1"),
                            [out, input, 1, 1],
                            stride,
                        )?),
                        _ => None,
                    },
                });
                input = out;
            }
        }
        Ok(Self { stem: conv("conv1", "bn1", [64, 3, 7, 7], 2)?, blocks })
    }
}

impl Backbone for ResNet50 {
    fn forward(&self, pixel_values: &Tensor) -> Tensor {
        let mut x = self.stem.forward(pixel_values).relu_().max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        for block in &self.blocks {
            let [reduce, convolve, expand] = &block.convs;
            let inner = convolve.forward(&reduce.forward(&x).relu_()).relu_();
            let skip = block.downsample.as_ref().map(|conv| conv.forward(&x));
            x = (expand.forward(&inner) + skip.as_ref().unwrap_or(&x)).relu_();
        }
        x
    }

    fn batch_size(&self) -> usize {
        16
    }

    fn move_to(&mut self, device: Device) {
        self.stem.move_to(device);
        for block in &mut self.blocks {
            block.convs.iter_mut().chain(&mut block.downsample).for_each(|conv| conv.move_to(device));
        }
    }
}
