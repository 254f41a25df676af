use super::StateDict;
use crate::Result;
use tch::{Device, Tensor};

/// A convolution with the batch norm behind it folded in: a frozen network needs no statistics.
#[derive(Debug)]
pub(super) struct FoldedConv {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: Padding,
    groups: i64,
}

/// How a convolution meets the border.
#[derive(Debug, Clone, Copy)]
pub(super) enum Padding {
    /// The same number of zeros on every side.
    Symmetric(i64),
    /// TensorFlow's "SAME": as many zeros as keep size / stride, the odd one at the end.
    Same,
}

/// Where a convolution's weights stand and what shape they have.
pub(super) struct ConvSpec<'a> {
    /// Name before `.weight`.
    pub conv: &'a str,
    /// Name of the batch norm before `.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub norm: &'a str,
    /// [out, in / groups, kernel, kernel]
    pub shape: [i64; 4],
    pub stride: i64,
    pub padding: Padding,
    pub groups: i64,
    /// Batch norm's epsilon.
    pub eps: f64,
}

impl FoldedConv {
    pub fn new(weights: &StateDict, spec: &ConvSpec) -> Result<Self> {
        let out = spec.shape[0];
        let weight = weights.get(&format!("{}.weight", spec.conv), &spec.shape)?.to_kind(tch::Kind::Double);
        let norm = |part: &str| -> Result<Tensor> {
            Ok(weights.get(&format!("{}.{part}", spec.norm), &[out])?.to_kind(tch::Kind::Double))
        };
        let scale = norm("weight")? / (norm("running_var")? + spec.eps).sqrt();
        let bias = norm("bias")? - norm("running_mean")? * &scale;
        Ok(Self {
            weight: channels_last(&(weight * scale.view([out, 1, 1, 1])).to_kind(tch::Kind::Float)),
            bias: bias.to_kind(tch::Kind::Float),
            stride: spec.stride,
            padding: spec.padding,
            groups: spec.groups,
        })
    }

    pub fn move_to(&mut self, device: Device) {
        self.weight = self.weight.to_device(device);
        self.bias = self.bias.to_device(device);
    }

    /// f32 [batch, in, height, width] to [batch, out, height / stride, width / stride].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let kernel = self.weight.size()[2];
        let stride = [self.stride, self.stride];
        let convolve = |x: &Tensor, padding: i64| {
            x.conv2d(&self.weight, Some(&self.bias), stride, [padding, padding], [1, 1], self.groups)
        };
        match self.padding {
            Padding::Symmetric(padding) => convolve(x, padding),
            Padding::Same => {
                let (_, _, height, width) = x.size4().expect("a batch of pictures has four axes");
                let (top, bottom) = same_padding(height, kernel, self.stride);
                let (left, right) = same_padding(width, kernel, self.stride);
                if top == bottom && left == right && top == left {
                    return convolve(x, top);
                }
                convolve(&x.constant_pad_nd([left, right, top, bottom]), 0)
            }
        }
    }
}

/// The same tensor with its channels side by side in memory: oneDNN then reorders nothing between
/// convolutions.
pub(super) fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// Zeros before and after an axis so that it comes out as ceil(size / stride).
fn same_padding(size: i64, kernel: i64, stride: i64) -> (i64, i64) {
    let out = (size + stride - 1) / stride;
    let total = ((out - 1) * stride + kernel - size).max(0);
    (total / 2, total - total / 2)
}

#[cfg(test)]
mod tests {
    use super::same_padding;

    #[test]
    fn same_padding_puts_the_odd_zero_at_the_end() {
        assert_eq!(same_padding(224, 3, 2), (0, 1));
        assert_eq!(same_padding(112, 3, 1), (1, 1));
        assert_eq!(same_padding(56, 5, 2), (1, 2));
        assert_eq!(same_padding(7, 1, 1), (0, 0));
    }
}
