//! The tensors that a bundle of a given architecture must read and write, checked before any runs.

use crate::{Error, Result};
use glimpse_bundle::{DecoderInterface, Size, tensors};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};
use std::path::Path;

/// An axis: its size, or `None` where the graph must take any.
type Axis = Option<usize>;

/// A tensor by the contract.
struct Tensor {
    name: String,
    element: TensorElementType,
    shape: Vec<Axis>,
}

fn f32(name: &str, shape: &[Axis]) -> Tensor {
    Tensor { name: name.into(), element: TensorElementType::Float32, shape: shape.to_vec() }
}

fn i64(name: &str, shape: &[Axis]) -> Tensor {
    Tensor { name: name.into(), element: TensorElementType::Int64, shape: shape.to_vec() }
}

fn declared(name: &str, axes: &[glimpse_bundle::Axis]) -> Tensor {
    f32(name, &axes.iter().map(glimpse_bundle::Axis::size).collect::<Vec<_>>())
}

/// Inputs and outputs of a graph by the contract.
pub(crate) struct Contract {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl Contract {
    /// `encoder_model.onnx`
    pub(crate) fn encoder(interface: &DecoderInterface, picture: Size) -> Self {
        let (height, width) = (picture.height as usize, picture.width as usize);
        let outputs = interface.encoder_outputs().into_iter();
        Self {
            inputs: vec![f32(tensors::PIXEL_VALUES, &[None, Some(3), Some(height), Some(width)])],
            outputs: outputs.map(|(name, axes)| declared(name, axes)).collect(),
        }
    }

    /// `decoder_model.onnx`; `cells` are those of the feature grid.
    pub(crate) fn decoder(interface: &DecoderInterface, cells: usize) -> Self {
        let mut inputs = vec![i64(tensors::INPUT_IDS, &[None])];
        let mut outputs = Vec::new();
        if interface.gathers_state {
            inputs.push(i64(tensors::BEAM_IDX, &[None]));
        }
        for state in &interface.state {
            inputs.push(declared(&state.past, &state.axes));
            outputs.push(declared(&state.present, &state.axes));
        }
        for tensor in &interface.image_tensors {
            inputs.push(declared(&tensor.input, &tensor.axes));
        }
        if interface.ranks_tokens {
            inputs.push(i64(tensors::K, &[]));
            outputs.push(f32(tensors::TOP_LOG_PROBS, &[None, None]));
            outputs.push(i64(tensors::TOP_TOKEN_IDS, &[None, None]));
        }
        if interface.has_attentions {
            outputs.push(f32(tensors::ATTENTIONS, &[None, Some(cells)]));
        }
        Self { inputs, outputs }
    }

    /// Refuses a session whose tensors differ, by the first one's name. Outputs beyond the contract
    /// are allowed.
    pub(crate) fn check(&self, session: &Session, path: &Path) -> Result<()> {
        let violation = |reason| Error::Contract { path: path.to_path_buf(), reason };
        for (side, expected, found) in
            [("input", &self.inputs, session.inputs()), ("output", &self.outputs, session.outputs())]
        {
            for tensor in expected {
                tensor.check(side, found).map_err(violation)?;
            }
        }
        let unknown = session
            .inputs()
            .iter()
            .find(|outlet| self.inputs.iter().all(|tensor| tensor.name != outlet.name()));
        unknown.map_or(Ok(()), |outlet| Err(violation(format!("it has an unknown input {}", outlet.name()))))
    }
}

impl Tensor {
    fn check(&self, side: &str, found: &[Outlet]) -> Result<(), String> {
        let Some(outlet) = found.iter().find(|outlet| outlet.name() == self.name) else {
            return Err(format!("it has no {side} {}", self.name));
        };
        let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
            return Err(format!("{side} {} is not a tensor", self.name));
        };
        let describe = |element: TensorElementType, shape: String| format!("{element} [{shape}]");
        let fits = *ty == self.element
            && shape.len() == self.shape.len()
            && shape.iter().zip(&self.shape).all(|(&found, &expected)| axis_fits(side, found, expected));
        if fits {
            return Ok(());
        }
        let expected = self.shape.iter().map(|axis| axis.map_or("any".into(), |size| size.to_string()));
        let expected = describe(self.element, expected.collect::<Vec<_>>().join(", "));
        let sizes = shape.iter().map(|&size| if size < 0 { "any".into() } else { size.to_string() });
        let found = describe(*ty, sizes.collect::<Vec<_>>().join(", "));
        Err(format!("{side} {} is {found}, expected {expected}", self.name))
    }
}

/// Negative sizes are dynamic. A dynamic axis of the contract must be dynamic in an input, as it is
/// fed with many sizes; shape inference may leave more open than the contract, which does no harm.
fn axis_fits(side: &str, found: i64, expected: Axis) -> bool {
    match expected {
        Some(size) => found < 0 || found == size as i64,
        None => found < 0 || side == "output",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ort::value::{Shape, SymbolicDimensions};

    fn outlet(name: &str, ty: TensorElementType, shape: &[i64]) -> Outlet {
        let dimension_symbols = SymbolicDimensions::empty(shape.len());
        Outlet::new(name, ValueType::Tensor { ty, shape: Shape::new(shape.to_vec()), dimension_symbols })
    }

    #[test]
    fn a_tensor_is_known_by_name_type_and_shape() {
        let keys = f32("encoder_keys", &[None, Some(49), Some(512)]);
        let check = |ty, shape: &[i64]| keys.check("input", &[outlet("encoder_keys", ty, shape)]);
        assert_eq!(check(TensorElementType::Float32, &[-1, 49, 512]), Ok(()));
        let refusal = check(TensorElementType::Float32, &[-1, 49, 256]).unwrap_err();
        assert_eq!(refusal, "input encoder_keys is f32 [any, 49, 256], expected f32 [any, 49, 512]");
        assert!(check(TensorElementType::Float16, &[-1, 49, 512]).is_err());
        assert!(check(TensorElementType::Float32, &[-1, 49]).is_err());
        let missing = keys.check("input", &[outlet("keys", TensorElementType::Float32, &[-1, 49, 512])]);
        assert_eq!(missing, Err("it has no input encoder_keys".into()));
    }

    #[test]
    fn axes() {
        assert!(axis_fits("input", 49, Some(49)));
        assert!(axis_fits("output", -1, Some(49)));
        assert!(!axis_fits("output", 48, Some(49)));
        assert!(axis_fits("input", -1, None));
        assert!(!axis_fits("input", 1, None), "a graph frozen at batch size 1 cannot be batched");
    }
}
