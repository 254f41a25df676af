use crate::{Result, Weights};

/// What follows a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the output is added to another branch, or meets the next convolution as it is.
    Linear,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
}

/// How a kernel meets the border of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The same number of zeros on every side.
    Symmetric(usize),
    /// TensorFlow's "same": just enough zeros for ceil(size / stride) outputs, the odd one after the map.
    Same,
}

impl Padding {
    /// Zeros before and after an axis of `size` cells.
    pub fn zeros(self, size: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Symmetric(zeros) => (zeros, zeros),
            Self::Same => {
                let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
                (total / 2, total - total / 2)
            }
        }
    }

    /// Length of what the kernel makes of an axis of `size` cells.
    pub fn output_size(self, size: usize, kernel: usize, stride: usize) -> usize {
        let (before, after) = self.zeros(size, kernel, stride);
        (size + before + after - kernel) / stride + 1
    }
}

/// The largest value of each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool {
    /// Side of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Cells around the maps that are never the largest.
    pub padding: Padding,
}

/// A convolution without bias, its batch norm, and an activation.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvBn {
    /// Name of the convolution; its weight is `{conv}.weight`, `[out, in / groups, kernel, kernel]`.
    pub conv: String,
    /// Name of the batch norm: `.weight`, `.bias`, `.running_mean` and `.running_var`, each of
    /// `out_channels` numbers.
    pub bn: String,
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Groups of channels; `in_channels` for a depthwise convolution.
    pub groups: usize,
    /// Zeros around the maps.
    pub padding: Padding,
    /// Epsilon of the batch norm.
    pub eps: f64,
    /// What follows.
    pub activation: Activation,
}

impl ConvBn {
    /// Name of the convolution's weight.
    pub fn weight_name(&self) -> String {
        format!("{}.weight", self.conv)
    }

    /// Shape of the convolution's weight.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.out_channels, self.in_channels / self.groups, self.kernel, self.kernel]
    }

    /// Names and shapes of the layer's five tensors.
    pub fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let conv = (self.weight_name(), self.weight_shape().to_vec());
        let norm = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| (format!("{}.{part}", self.bn), vec![self.out_channels]));
        std::iter::once(conv).chain(norm).collect()
    }

    /// The weight and bias of the one convolution that equals convolution and batch norm:
    /// w' = w gamma / sqrt(var + eps), b' = beta - mean gamma / sqrt(var + eps), computed in f64.
    ///
    /// # Errors
    /// The first weight that is missing or of another shape.
    pub fn fold(&self, weights: &Weights) -> Result<(Vec<f32>, Vec<f32>)> {
        let kernel = weights.get(&self.weight_name(), &self.weight_shape())?;
        let norm = |part| weights.get(&format!("{}.{part}", self.bn), &[self.out_channels]);
        let (gamma, beta) = (norm("weight")?, norm("bias")?);
        let (mean, var) = (norm("running_mean")?, norm("running_var")?);
        let scale = |channel: usize| f64::from(gamma[channel]) / (f64::from(var[channel]) + self.eps).sqrt();
        let per_channel = kernel.len() / self.out_channels;
        let weight = kernel
            .chunks_exact(per_channel)
            .enumerate()
            .flat_map(|(channel, kernel)| {
                let scale = scale(channel);
                kernel.iter().map(move |&number| (f64::from(number) * scale) as f32)
            })
            .collect();
        let bias = (0..self.out_channels)
            .map(|channel| (f64::from(beta[channel]) - f64::from(mean[channel]) * scale(channel)) as f32)
            .collect();
        Ok((weight, bias))
    }
}

#[cfg(test)]
mod tests {
    use super::{Activation, ConvBn, Padding};
    use crate::Weights;

    /// ```python
    /// from torch import nn, tensor
    /// from torch.nn.utils.fusion import fuse_conv_bn_eval
    /// conv, bn = nn.Conv2d(1, 2, 1, bias=False), nn.BatchNorm2d(2, eps=0.25)
    /// conv.weight.data = tensor([3.0, -2.0]).reshape(2, 1, 1, 1)
    /// bn.weight.data, bn.bias.data = tensor([0.5, 4.0]), tensor([1.0, -1.0])
    /// bn.running_mean, bn.running_var = tensor([2.0, -3.0]), tensor([3.75, 0.75])
    /// fused = fuse_conv_bn_eval(conv.eval(), bn.eval())
    /// print(fused.weight.flatten(), fused.bias)  # [0.75, -8.0] [0.5, 11.0]
    /// ```
    #[test]
    fn folding_equals_pytorchs() {
        let layer = ConvBn {
            conv: "conv".into(),
            bn: "bn".into(),
            in_channels: 1,
            out_channels: 2,
            kernel: 1,
            stride: 1,
            groups: 1,
            padding: Padding::Symmetric(0),
            eps: 0.25,
            activation: Activation::Linear,
        };
        let mut weights = Weights::in_memory("the test");
        let tensors = [[3.0, -2.0], [0.5, 4.0], [1.0, -1.0], [2.0, -3.0], [3.75, 0.75]];
        let named = layer.weight_shapes().into_iter().zip(tensors);
        weights.extend(named.map(|((name, shape), numbers)| (name, shape, numbers.to_vec()))).unwrap();
        assert_eq!(layer.fold(&weights).unwrap(), (vec![0.75, -8.0], vec![0.5, 11.0]));
    }

    #[test]
    fn same_padding_is_symmetric_at_stride_1_and_late_at_stride_2() {
        let zeros = |size, kernel, stride| Padding::Same.zeros(size, kernel, stride);
        assert_eq!(zeros(112, 3, 1), (1, 1));
        assert_eq!(zeros(224, 3, 2), (0, 1));
        assert_eq!(zeros(56, 5, 2), (1, 2));
        assert_eq!(zeros(7, 5, 1), (2, 2));
        assert_eq!(zeros(14, 1, 1), (0, 0));
        assert_eq!(zeros(7, 1, 1), (0, 0));
    }

    #[test]
    fn output_sizes_are_what_the_windows_leave() {
        assert_eq!(Padding::Same.output_size(65, 5, 2), 33);
        assert_eq!(Padding::Symmetric(3).output_size(224, 7, 2), 112);
        assert_eq!(Padding::Symmetric(1).output_size(112, 3, 2), 56);
    }
}
