//! The interpreter that runs a backbone's description in libtorch.

use super::StateDict;
use crate::Result;
use glimpse_export::backbone::{Activation, Block, ConvBn, Layer, MaxPool, Padding, Shortcut};
use tch::{Kind, Tensor};

/// A convolution and the frozen batch norm behind it, as one convolution.
#[derive(Debug)]
pub(super) struct Convolution {
    /// [out, in / groups, kernel, kernel]
    pub weight: Tensor,
    /// `[out]`
    pub bias: Tensor,
}

/// What a frozen batch norm does: it multiplies by a factor and adds an offset, each one number a channel.
#[derive(Debug)]
pub(super) struct FrozenNorm {
    /// gamma / sqrt(variance + epsilon), f64 [out, 1, 1, 1].
    pub scale: Tensor,
    /// beta - mean scale, f64 `[out]`.
    pub offset: Tensor,
}

/// The convolution's own weight, f32.
pub(super) fn own_weight(conv: &ConvBn, weights: &StateDict) -> Result<Tensor> {
    weights.get(&conv.weight_name(), &conv.weight_shape().map(|size| size as i64))
}

impl FrozenNorm {
    pub fn of(conv: &ConvBn, weights: &StateDict) -> Result<Self> {
        let out = conv.out_channels as i64;
        let norm = |part: &str| -> Result<Tensor> {
            Ok(weights.get(&format!("{}.{part}", conv.bn), &[out])?.to_kind(Kind::Double))
        };
        let scale = norm("weight")? / (norm("running_var")? + conv.eps).sqrt();
        let offset = norm("bias")? - norm("running_mean")? * &scale;
        Ok(Self { scale: scale.view([out, 1, 1, 1]), offset })
    }
}

impl Convolution {
    /// With the batch norm folded into the weight, computed in f64.
    pub fn folded(conv: &ConvBn, weights: &StateDict) -> Result<Self> {
        let weight = own_weight(conv, weights)?.to_kind(Kind::Double);
        let norm = FrozenNorm::of(conv, weights)?;
        let weight = weight * norm.scale;
        Ok(Self {
            weight: channels_last(&weight.to_kind(Kind::Float)),
            bias: norm.offset.to_kind(Kind::Float),
        })
    }
}

/// Runs `blocks` on maps [batch, channels, rows, columns]; `convolution` gives the weights of each convolution.
pub(super) fn run<'a>(
    blocks: &'a [Block],
    maps: Tensor,
    convolution: &dyn Fn(&'a ConvBn) -> Convolution,
) -> Tensor {
    blocks.iter().fold(maps, |input, block| {
        let mut maps = input.shallow_clone();
        for layer in &block.layers {
            maps = match layer {
                Layer::Conv(conv) => convolve(conv, &maps, convolution(conv)),
                Layer::MaxPool(pool) => largest(pool, &maps),
            };
        }
        let shortcut = match &block.shortcut {
            Shortcut::None => return maps,
            Shortcut::Identity => input,
            Shortcut::Projection(conv) => convolve(conv, &input, convolution(conv)),
        };
        activate(block.activation, maps + shortcut)
    })
}

/// In the number format of the weight; the output has that of the maps.
fn convolve(conv: &ConvBn, maps: &Tensor, Convolution { weight, bias }: Convolution) -> Tensor {
    let (input, padding) = padded(&maps.to_kind(weight.kind()), conv.padding, conv.kernel, conv.stride, 0.0);
    let stride = [conv.stride as i64; 2];
    let output = input.conv2d(&weight, Some(&bias), stride, padding, [1, 1], conv.groups as i64);
    activate(conv.activation, output.to_kind(maps.kind()))
}

fn largest(pool: &MaxPool, maps: &Tensor) -> Tensor {
    let (maps, padding) = padded(maps, pool.padding, pool.kernel, pool.stride, f64::NEG_INFINITY);
    maps.max_pool2d([pool.kernel as i64; 2], [pool.stride as i64; 2], padding, [1, 1], false)
}

/// Maps with the padding that the operator cannot add itself, because it is not the same on both sides, and the padding
/// that is left to the operator.
fn padded(maps: &Tensor, padding: Padding, kernel: usize, stride: usize, value: f64) -> (Tensor, [i64; 2]) {
    let (_, _, rows, columns) = maps.size4().expect("a batch of maps has four axes");
    let zeros = |size: i64| {
        let (before, after) = padding.zeros(size as usize, kernel, stride);
        (before as i64, after as i64)
    };
    let ((top, bottom), (left, right)) = (zeros(rows), zeros(columns));
    if top == bottom && left == right {
        return (maps.shallow_clone(), [top, left]);
    }
    (maps.pad([left, right, top, bottom], "constant", value), [0, 0])
}

fn activate(activation: Activation, mut maps: Tensor) -> Tensor {
    match activation {
        Activation::Linear => maps,
        Activation::Relu => maps.relu_(),
        Activation::Relu6 => maps.relu6_(),
    }
}

/// The same tensor with its channels side by side in memory: oneDNN then reorders nothing between
/// convolutions.
pub(super) fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// From maps [batch, channels, rows, columns] to cells [batch, rows x columns, channels], row by row.
pub(super) fn cells(maps: &Tensor) -> Tensor {
    maps.flatten(2, 3).transpose(1, 2).contiguous()
}
