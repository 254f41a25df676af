//! Inputs of an ONNX graph that become constants.

use glimpse_bundle::wire::{Fields, VARINT, onnx, put_bytes, put_varint, rewrite};
use std::ops::Range;

/// The value of a scalar.
#[derive(Clone, Copy)]
pub enum Fixed {
    Int64(i64),
    Float(f32),
}

/// The model with these inputs as constants. `None` where the bytes are not a model, or the graph lacks one of them.
pub fn with_fixed_inputs(model: &[u8], values: &[(&str, Fixed)]) -> Option<Vec<u8>> {
    let mut fixed = 0;
    let out = rewrite(model, 0..model.len(), |out, number, content| {
        let (onnx::MODEL_GRAPH, Some(graph)) = (number, content) else { return Some(false) };
        let graph = rewrite(model, graph, |out, number, content| {
            let (onnx::GRAPH_INPUT, Some(input)) = (number, content) else { return Some(false) };
            let name = name_of(model, input)?;
            let Some((name, value)) = values.iter().find(|(input, _)| input.as_bytes() == name) else {
                return Some(false);
            };
            put_bytes(out, onnx::GRAPH_INITIALIZER, &value.tensor(name));
            fixed += 1;
            Some(true)
        })?;
        put_bytes(out, onnx::MODEL_GRAPH, &graph);
        Some(true)
    })?;
    (fixed == values.len()).then_some(out)
}

/// The name in a `ValueInfoProto`.
fn name_of(model: &[u8], value_info: Range<usize>) -> Option<&[u8]> {
    let mut name = &model[..0];
    for field in Fields::of(model, value_info) {
        let field = field?;
        if let (onnx::VALUE_INFO_NAME, Some(content)) = (field.number, field.content) {
            name = &model[content];
        }
    }
    Some(name)
}

impl Fixed {
    /// A `TensorProto` without dimensions.
    fn tensor(self, name: &str) -> Vec<u8> {
        let (data_type, bytes) = match self {
            Self::Float(value) => (1, value.to_le_bytes().to_vec()),
            Self::Int64(value) => (7, value.to_le_bytes().to_vec()),
        };
        let mut tensor = Vec::new();
        put_varint(&mut tensor, onnx::TENSOR_DATA_TYPE << 3 | VARINT);
        put_varint(&mut tensor, data_type);
        put_bytes(&mut tensor, onnx::TENSOR_NAME, name.as_bytes());
        put_bytes(&mut tensor, onnx::TENSOR_RAW_DATA, &bytes);
        tensor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_bundle::wire::message;

    fn input(name: &str) -> Vec<u8> {
        message(&[(1, name.as_bytes()), (2, b"type")])
    }

    #[test]
    fn an_input_becomes_a_constant() {
        let (pixels, beams, penalty) = (input("pixel_values"), input("num_beams"), input("length_penalty"));
        let weight = message(&[(8, b"weight")]);
        let graph = message(&[(1, b"node"), (5, &weight), (11, &pixels), (11, &beams), (11, &penalty)]);
        let model = message(&[(2, b"producer"), (7, &graph)]);

        let beams =
            [&[2 << 3, 7][..], &message(&[(8, b"num_beams"), (9, &[3, 0, 0, 0, 0, 0, 0, 0])])].concat();
        let penalty =
            [&[2 << 3, 1][..], &message(&[(8, b"length_penalty"), (9, &[0, 0, 0xa0, 0x3f])])].concat();
        let graph = message(&[(1, b"node"), (5, &weight), (11, &pixels), (5, &beams), (5, &penalty)]);
        let expected = message(&[(2, b"producer"), (7, &graph)]);
        let values = [("num_beams", Fixed::Int64(3)), ("length_penalty", Fixed::Float(1.25))];
        assert_eq!(with_fixed_inputs(&model, &values), Some(expected));

        assert_eq!(with_fixed_inputs(&model, &[("max_length", Fixed::Int64(3))]), None, "no such input");
        assert_eq!(with_fixed_inputs(b"no graph", &values), None);
    }
}
