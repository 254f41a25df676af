//! Taking images out of a batch whose grids lie on a device.
//!
//! On the CPU that is a copy of memory. Elsewhere it takes a graph: two `Gather`s, too small for a file.

use glimpse_bundle::wire::{VARINT, put_bytes, put_varint};

/// i64 [kept images]: the positions that stay.
pub(crate) const POSITIONS: &str = "positions";
/// What each grid is called once images have left.
pub(crate) const KEPT_HIDDEN_STATES: &str = "kept_hidden_states";
/// What the keys are called once images have left.
pub(crate) const KEPT_KEYS: &str = "kept_keys";

const FLOAT: u64 = 1;
const INT64: u64 = 7;
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;

/// The bytes of a `ModelProto` that gathers `hidden_states` and `keys` along their first axis.
pub(crate) fn graph(hidden_states: &str, keys: &str) -> Vec<u8> {
    let mut graph = Vec::new();
    for (grid, kept) in [(hidden_states, KEPT_HIDDEN_STATES), (keys, KEPT_KEYS)] {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, grid.as_bytes());
        put_bytes(&mut node, 1, POSITIONS.as_bytes());
        put_bytes(&mut node, 2, kept.as_bytes());
        put_bytes(&mut node, 4, b"Gather");
        put_bytes(&mut graph, 1, &node);
    }
    put_bytes(&mut graph, 2, b"selection");
    for (name, element) in [(hidden_states, FLOAT), (keys, FLOAT), (POSITIONS, INT64)] {
        put_bytes(&mut graph, 11, &value_info(name, element));
    }
    for kept in [KEPT_HIDDEN_STATES, KEPT_KEYS] {
        put_bytes(&mut graph, 12, &value_info(kept, FLOAT));
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
