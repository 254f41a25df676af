//! Taking images out of a batch whose tensors lie on a device.
//!
//! On the CPU that is a copy of memory. Elsewhere it takes a graph: one `Gather` a tensor, too small for a file.

use glimpse_bundle::wire::{VARINT, put_bytes, put_varint};

/// i64 [kept images]: the positions that stay.
pub(crate) const POSITIONS: &str = "positions";

const FLOAT: u64 = 1;
const INT64: u64 = 7;
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;

/// What a tensor is called once images have left.
pub(crate) fn kept(name: &str) -> String {
    format!("kept.{name}")
}

/// The bytes of a `ModelProto` that gathers each tensor along its first axis.
pub(crate) fn graph<'a>(tensors: impl Iterator<Item = &'a str> + Clone) -> Vec<u8> {
    let mut graph = Vec::new();
    for tensor in tensors.clone() {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, tensor.as_bytes());
        put_bytes(&mut node, 1, POSITIONS.as_bytes());
        put_bytes(&mut node, 2, kept(tensor).as_bytes());
        put_bytes(&mut node, 4, b"Gather");
        put_bytes(&mut graph, 1, &node);
    }
    put_bytes(&mut graph, 2, b"selection");
    put_bytes(&mut graph, 11, &value_info(POSITIONS, INT64));
    for tensor in tensors.clone() {
        put_bytes(&mut graph, 11, &value_info(tensor, FLOAT));
    }
    for tensor in tensors {
        put_bytes(&mut graph, 12, &value_info(&kept(tensor), FLOAT));
    }
    let mut model = Vec::new();
    put_number(&mut model, 1, IR_VERSION);
    put_bytes(&mut model, 7, &graph);
    let mut opset = Vec::new();
    put_number(&mut opset, 2, OPSET);
    put_bytes(&mut model, 8, &opset);
    model
}

/// A `ValueInfoProto` that leaves the shape open.
fn value_info(name: &str, element: u64) -> Vec<u8> {
    let mut tensor = Vec::new();
    put_number(&mut tensor, 1, element);
    let mut kind = Vec::new();
    put_bytes(&mut kind, 1, &tensor);
    let mut info = Vec::new();
    put_bytes(&mut info, 1, name.as_bytes());
    put_bytes(&mut info, 2, &kind);
    info
}

fn put_number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3 | VARINT);
    put_varint(out, value);
}
