use crate::graph::{Attribute, GraphBuilder, Value};
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

/// A convolution without bias on square maps, its batch norm, and an activation.
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
    /// Zeros before and after each row and column.
    pub padding: (usize, usize),
    /// Epsilon of the batch norm.
    pub eps: f64,
    /// What follows.
    pub activation: Activation,
}

impl ConvBn {
    /// Shape of the convolution's weight.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.out_channels, self.in_channels / self.groups, self.kernel, self.kernel]
    }

    /// Names and shapes of the layer's five tensors.
    pub fn weight_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let conv = (format!("{}.weight", self.conv), self.weight_shape().to_vec());
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
        let kernel = weights.get(&format!("{}.weight", self.conv), &self.weight_shape())?;
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

    /// Adds the folded convolution and its activation to a graph.
    pub(crate) fn build(&self, graph: &mut GraphBuilder, weights: &Weights, input: &Value) -> Result<Value> {
        let (weight, bias) = self.fold(weights)?;
        let weight = graph.floats(&format!("{}.weight", self.conv), &self.weight_shape(), &weight);
        let bias = graph.floats(&format!("{}.bias", self.conv), &[self.out_channels], &bias);
        let [kernel, stride, groups] = [self.kernel, self.stride, self.groups].map(|size| size as i64);
        let (before, after) = (self.padding.0 as i64, self.padding.1 as i64);
        let output = graph.node(
            "Conv",
            &self.conv,
            [input, &weight, &bias],
            [
                ("group", Attribute::Int(groups)),
                ("kernel_shape", Attribute::Ints(vec![kernel; 2])),
                ("pads", Attribute::Ints(vec![before, before, after, after])),
                ("strides", Attribute::Ints(vec![stride; 2])),
            ],
        );
        Ok(match self.activation {
            Activation::Linear => output,
            Activation::Relu => graph.node("Relu", &format!("{}.relu", self.conv), [&output], []),
            Activation::Relu6 => {
                let low = graph.shared_float("relu6.min", 0.0);
                let high = graph.shared_float("relu6.max", 6.0);
                graph.node("Clip", &format!("{}.relu6", self.conv), [&output, &low, &high], [])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Activation, ConvBn};
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
            padding: (0, 0),
            eps: 0.25,
            activation: Activation::Linear,
        };
        let mut weights = Weights::in_memory("the test");
        let tensors = [[3.0, -2.0], [0.5, 4.0], [1.0, -1.0], [2.0, -3.0], [3.75, 0.75]];
        let named = layer.weight_shapes().into_iter().zip(tensors);
        weights.extend(named.map(|((name, shape), numbers)| (name, shape, numbers.to_vec()))).unwrap();
        assert_eq!(layer.fold(&weights).unwrap(), (vec![0.75, -8.0], vec![0.5, 11.0]));
    }
}
