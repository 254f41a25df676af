//! The interpreter that writes a backbone into an ONNX graph.

use super::{Activation, Backbone, Block, ConvBn, Layer, MaxPool, Padding, Shortcut};
use crate::graph::{Attribute, GraphBuilder, Value};
use crate::{Result, Weights};

/// Feature maps in the graph, with their height and width.
struct Maps {
    value: Value,
    side: usize,
}

impl Backbone {
    /// Adds the network to a graph, each batch norm folded into its convolution: from pixels
    /// `[batch_size, 3, input_size, input_size]` to `[batch_size, feature_dim, rows, columns]`.
    ///
    /// # Errors
    /// The first weight that is missing or of another shape.
    pub fn build(&self, graph: &mut GraphBuilder, weights: &Weights, pixel_values: &Value) -> Result<Value> {
        let pixels = Maps { value: *pixel_values, side: self.input_size as usize };
        let grid = self.blocks.iter().try_fold(pixels, |maps, block| block.build(graph, weights, maps))?;
        Ok(grid.value)
    }
}

impl Block {
    fn build(&self, graph: &mut GraphBuilder, weights: &Weights, input: Maps) -> Result<Maps> {
        let mut maps = Maps { ..input };
        for layer in &self.layers {
            maps = match layer {
                Layer::Conv(conv) => conv.build(graph, weights, &maps)?,
                Layer::MaxPool(pool) => pool.build(graph, &format!("{}.maxpool", self.name), &maps),
            };
        }
        let shortcut = match &self.shortcut {
            Shortcut::None => return Ok(maps),
            Shortcut::Identity => input.value,
            Shortcut::Projection(conv) => conv.build(graph, weights, &input)?.value,
        };
        let sum = graph.node("Add", &format!("{}.add", self.name), [&maps.value, &shortcut], []);
        Ok(Maps { value: activate(graph, &self.name, self.activation, sum), side: maps.side })
    }
}

impl MaxPool {
    fn build(&self, graph: &mut GraphBuilder, name: &str, maps: &Maps) -> Maps {
        let settings = window(self.kernel, self.stride, self.padding, maps.side);
        let side = self.padding.output_size(maps.side, self.kernel, self.stride);
        Maps { value: graph.node("MaxPool", name, [&maps.value], settings), side }
    }
}

impl ConvBn {
    fn build(&self, graph: &mut GraphBuilder, weights: &Weights, maps: &Maps) -> Result<Maps> {
        let (weight, bias) = self.fold(weights)?;
        let weight = graph.floats(&self.weight_name(), &self.weight_shape(), &weight);
        let bias = graph.floats(&format!("{}.bias", self.conv), &[self.out_channels], &bias);
        let [kernel, pads, strides] = window(self.kernel, self.stride, self.padding, maps.side);
        let settings = [("group", Attribute::Int(self.groups as i64)), kernel, pads, strides];
        let output = graph.node("Conv", &self.conv, [&maps.value, &weight, &bias], settings);
        let side = self.padding.output_size(maps.side, self.kernel, self.stride);
        Ok(Maps { value: activate(graph, &self.conv, self.activation, output), side })
    }
}

/// The attributes of a sliding window on square maps.
fn window(kernel: usize, stride: usize, padding: Padding, side: usize) -> [(&'static str, Attribute); 3] {
    let (before, after) = padding.zeros(side, kernel, stride);
    let (before, after) = (before as i64, after as i64);
    [
        ("kernel_shape", Attribute::Ints(vec![kernel as i64; 2])),
        ("pads", Attribute::Ints(vec![before, before, after, after])),
        ("strides", Attribute::Ints(vec![stride as i64; 2])),
    ]
}

fn activate(graph: &mut GraphBuilder, name: &str, activation: Activation, input: Value) -> Value {
    match activation {
        Activation::Linear => input,
        Activation::Relu => graph.node("Relu", &format!("{name}.relu"), [&input], []),
        Activation::Relu6 => {
            let low = graph.shared_float("relu6.min", 0.0);
            let high = graph.shared_float("relu6.max", 6.0);
            graph.node("Clip", &format!("{name}.relu6"), [&input, &low, &high], [])
        }
    }
}
