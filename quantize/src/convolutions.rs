//! Convolutions in eight bits: activations in u8 with ranges from sample photos, weights in s8 with
//! a scale for each output channel, sums in 32 bits.
//!
//! Written as `QuantizeLinear` and `DequantizeLinear` around the f32 operators, which ONNX Runtime
//! since 1.8 fuses to integer ones. An activation is what quantising cuts off: `Relu` and `Clip`
//! vanish.

use crate::calibration::{Calibration, Range};
use crate::rewrite::{Rewrite, int};
use crate::weights::Int8Rows;
use crate::{Error, Result};
use glimpse_export::graph::{Attribute, Value};
use glimpse_export::proto::{DataType, GraphProto, NodeProto};
use std::collections::{HashMap, HashSet};

/// Quantises the convolutional part of a graph as it is read.
pub(crate) struct Convolutions<'a> {
    calibration: &'a Calibration,
    quantized: HashMap<&'a str, Quantized>,
    /// Activations that became a part of what they follow.
    absorbed: HashSet<&'a str>,
    /// Add nodes that join maps.
    residuals: HashSet<&'a str>,
}

/// A tensor in u8, and back in f32 for those who read it.
#[derive(Clone, Copy)]
struct Quantized {
    floats: Value,
    scale: f32,
    parameters: [Value; 2],
}

/// The tensors whose ranges are wanted: what convolutions and residual sums read and make.
pub(crate) fn observed_tensors(graph: &GraphProto) -> Vec<&str> {
    let rewrite = Rewrite::new(graph);
    let residuals = residuals(graph);
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for node in &graph.node {
        let inputs = match node.op_type() {
            "Conv" => 1,
            "Add" if residuals.contains(node.name()) => 2,
            _ => continue,
        };
        let inputs = node.input[..inputs].iter().map(String::as_str);
        for name in inputs.chain([after_activation(&rewrite, node).0]) {
            if seen.insert(name) {
                names.push(name);
            }
        }
    }
    names
}

impl<'a> Convolutions<'a> {
    pub fn new(graph: &'a GraphProto, calibration: &'a Calibration) -> Self {
        Self { calibration, quantized: HashMap::new(), absorbed: HashSet::new(), residuals: residuals(graph) }
    }

    /// Replaces a node of the convolutional part. Returns whether it was one.
    pub fn rewrite(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) -> Result<bool> {
        match node.op_type() {
            "Conv" => self.convolution(rewrite, node)?,
            "Add" if self.residuals.contains(node.name()) => self.sum(rewrite, node)?,
            "MaxPool" if self.quantized.contains_key(node.input[0].as_str()) => self.pool(rewrite, node),
            _ => return Ok(self.absorbed.contains(node.name())),
        }
        Ok(true)
    }

    fn convolution(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) -> Result<()> {
        let name = node.name();
        let input = self.quantize_input(rewrite, &node.input[0])?;
        let ((shape, weights), (_, bias)) = rewrite
            .floats(&node.input[1])
            .zip(rewrite.floats(&node.input[2]))
            .ok_or_else(|| Error::UnsoundGraph {
                graph: rewrite.source.name().into(),
                reason: format!("the weights of {name} are no f32 constants"),
            })?;
        let outputs = shape[0];
        // The bias is counted in steps of weight times input: those of a channel whose weights are all but
        // zero would be too small for it.
        let least: Vec<f32> = bias.iter().map(|bias| bias.abs() / input.scale / LARGEST_BIAS).collect();
        let rows = Int8Rows::with_scales_above(&least, &weights, shape[2..].iter().product());
        let grouped = int(node, "group").unwrap_or(1) as usize;
        let means = self.calibration.means(&node.input[0]).unwrap_or_default();
        let bias = corrected_bias(&bias, &weights, &rows, &Inputs { means, grouped, width: shape[1] });
        let scales: Vec<f32> = rows.scales.iter().map(|scale| scale * input.scale).collect();
        let bias: Vec<u8> = bias
            .iter()
            .zip(&scales)
            .flat_map(|(bias, scale)| ((bias / scale).round() as i32).to_le_bytes())
            .collect();

        let axis = || [("axis", Attribute::Int(0))];
        let graph = &mut rewrite.graph;
        let named = |part: &str| format!("{name}.{part}");
        let numbers = graph.tensor(&named("weight.int8"), DataType::Int8, &shape, rows.bytes());
        let parameters = [
            graph.floats(&named("weight.scales"), &[outputs], &rows.scales),
            graph.tensor(&named("weight.zeros"), DataType::Int8, &[outputs], vec![0; outputs]),
        ];
        let weights = graph.node(
            "DequantizeLinear",
            &named("weight"),
            [&numbers, &parameters[0], &parameters[1]],
            axis(),
        );
        let numbers = graph.tensor(&named("bias.int32"), DataType::Int32, &[outputs], bias);
        let parameters = [
            graph.floats(&named("bias.scales"), &[outputs], &scales),
            graph.tensor(&named("bias.zeros"), DataType::Int32, &[outputs], vec![0; 4 * outputs]),
        ];
        let bias = graph.node(
            "DequantizeLinear",
            &named("bias"),
            [&numbers, &parameters[0], &parameters[1]],
            axis(),
        );
        rewrite.copy_with(node, vec![input.floats, weights, bias]);
        self.quantize_output(rewrite, node)
    }

    fn sum(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) -> Result<()> {
        let inputs = node.input.iter().map(|name| Ok(self.quantize_input(rewrite, name)?.floats));
        let inputs = inputs.collect::<Result<_>>()?;
        rewrite.copy_with(node, inputs);
        self.quantize_output(rewrite, node)
    }

    /// The largest of some numbers is one of them: the scale stays.
    fn pool(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) {
        let input = self.quantized[node.input[0].as_str()];
        rewrite.copy_with(node, vec![input.floats]);
        let output = node.output[0].as_str();
        if let Ok(floats) = rewrite.value(output) {
            self.requantize(rewrite, output, floats, input.scale, input.parameters);
        }
    }

    /// A tensor that is read in eight bits.
    fn quantize_input(&mut self, rewrite: &mut Rewrite<'a>, name: &'a str) -> Result<Quantized> {
        if let Some(quantized) = self.quantized.get(name) {
            return Ok(*quantized);
        }
        let range = self.calibration.full_range(name).ok_or_else(|| unobserved(name))?;
        let floats = rewrite.value(name)?;
        Ok(self.quantize(rewrite, name, floats, range))
    }

    /// Quantises what a node made, with the activation that follows.
    fn quantize_output(&mut self, rewrite: &mut Rewrite<'a>, node: &'a NodeProto) -> Result<()> {
        let (name, activation) = after_activation(rewrite, node);
        let range = self.calibration.typical_range(name).ok_or_else(|| unobserved(name))?;
        let (range, absorbed) = match activation {
            Some(Activation { node, low, high }) => (range.cut_to(low, high), Some(node)),
            None => (range, None),
        };
        self.absorbed.extend(absorbed);
        let floats = rewrite.value(&node.output[0])?;
        self.quantize(rewrite, name, floats, range);
        Ok(())
    }

    fn quantize(
        &mut self,
        rewrite: &mut Rewrite<'a>,
        name: &'a str,
        floats: Value,
        range: Range,
    ) -> Quantized {
        let (scale, zero) = range.u8();
        let parameters = [
            rewrite.graph.floats(&format!("{name}.scale"), &[], &[scale]),
            rewrite.graph.tensor(&format!("{name}.zero"), DataType::Uint8, &[], vec![zero]),
        ];
        self.requantize(rewrite, name, floats, scale, parameters)
    }

    fn requantize(
        &mut self,
        rewrite: &mut Rewrite<'a>,
        name: &'a str,
        floats: Value,
        scale: f32,
        parameters: [Value; 2],
    ) -> Quantized {
        let [step, zero] = parameters;
        let graph = &mut rewrite.graph;
        let numbers = graph.node("QuantizeLinear", &format!("{name}.u8"), [&floats, &step, &zero], []);
        let floats = graph.node("DequantizeLinear", &format!("{name}.floats"), [&numbers, &step, &zero], []);
        let quantized = Quantized { floats, scale, parameters };
        self.quantized.insert(name, quantized);
        rewrite.set(name, floats);
        quantized
    }
}

fn unobserved(name: &str) -> Error {
    Error::Uncalibrated { tensor: name.into() }
}

/// In steps: half of what 32 bits hold, as the bias is corrected afterwards.
const LARGEST_BIAS: f32 = (1 << 30) as f32;

/// What a convolution reads.
struct Inputs {
    /// Mean of each channel.
    means: Vec<f64>,
    /// Groups of channels.
    grouped: usize,
    /// Channels of a group.
    width: usize,
}

/// The bias with what rounding the weights adds on average taken off again: rounding errors meet
/// activations that are positive on average, and shift every output of a channel the same way
/// (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction").
fn corrected_bias(bias: &[f32], weights: &[f32], rows: &Int8Rows, inputs: &Inputs) -> Vec<f32> {
    let row = weights.len() / bias.len().max(1);
    let positions = row / inputs.width.max(1);
    let outputs_of_group = bias.len() / inputs.grouped.max(1);
    let correct = |(output, bias): (usize, &f32)| {
        let first = output / outputs_of_group.max(1) * inputs.width;
        let shift = |index: usize| {
            let at = output * row + index;
            let rounded = f64::from(rows.numbers[at]) * f64::from(rows.scales[output]);
            let mean = inputs.means.get(first + index / positions).copied().unwrap_or(0.0);
            (rounded - f64::from(weights[at])) * mean
        };
        (f64::from(*bias) - (0..row).map(shift).sum::<f64>()) as f32
    };
    bias.iter().enumerate().map(correct).collect()
}

/// An activation that alone reads what a node makes.
struct Activation<'a> {
    /// Its name.
    node: &'a str,
    low: f32,
    high: f32,
}

/// The tensor that a node's result becomes, and the activation between.
fn after_activation<'a>(rewrite: &Rewrite<'a>, node: &'a NodeProto) -> (&'a str, Option<Activation<'a>>) {
    let output = node.output[0].as_str();
    let &[reader] = rewrite.readers(output) else { return (output, None) };
    let bound = |index: usize| Some(*rewrite.floats(reader.input.get(index)?)?.1.first()?);
    let range = match reader.op_type() {
        "Relu" => Some((0.0, f32::INFINITY)),
        // Quantising ends at zero only where zero is the lower end.
        "Clip" => bound(1).zip(bound(2)).filter(|(low, high)| *low == 0.0 && *high > 0.0),
        _ => None,
    };
    match range {
        Some((low, high)) if !rewrite.is_output(output) => {
            (&reader.output[0], Some(Activation { node: reader.name(), low, high }))
        }
        _ => (output, None),
    }
}

/// Sums of maps: what they add comes from convolutions, directly or not.
fn residuals(graph: &GraphProto) -> HashSet<&str> {
    let mut maps = HashSet::new();
    let mut sums = HashSet::new();
    for node in &graph.node {
        let of_maps = |index: usize| node.input.get(index).is_some_and(|name| maps.contains(name.as_str()));
        let makes_maps = match node.op_type() {
            "Conv" => true,
            "Relu" | "Clip" | "MaxPool" => of_maps(0),
            "Add" => of_maps(0) && of_maps(1),
            _ => false,
        };
        if makes_maps {
            maps.insert(node.output[0].as_str());
            if node.op_type() == "Add" {
                sums.insert(node.name());
            }
        }
    }
    sums
}
