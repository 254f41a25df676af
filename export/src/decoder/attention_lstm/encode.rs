use super::weights::*;
use crate::graph::{Attribute, GraphBuilder, Value};
use crate::linear::{self, Linear};
use crate::{Checkpoint, Error, Result};

/// The grid that the decoder attends to, the attention keys, and the first h and c.
pub(super) fn build(
    graph: &mut GraphBuilder,
    checkpoint: &Checkpoint,
    features: Value,
) -> Result<Vec<Value>> {
    let sizes = &checkpoint.config.architecture;
    let grid = if sizes.project_features { project(graph, checkpoint, &features)? } else { features };
    let keys = Linear::new(checkpoint.weight(KEY_WEIGHT)?, sizes.attention_dim);
    let keys = keys.build_per_cell(graph, "attention.key", &grid, checkpoint.weight(KEY_BIAS)?);
    let [h, c] = initial_state(graph, checkpoint, &grid)?;
    Ok(vec![grid, keys, h, c])
}

/// Linear layer, layer norm, and the learned positions of row and column, added up beforehand.
fn project(graph: &mut GraphBuilder, checkpoint: &Checkpoint, features: &Value) -> Result<Value> {
    let encoder_dim = checkpoint.config.architecture.encoder_dim;
    let linear = Linear::new(checkpoint.weight(PROJECTION_WEIGHT)?, encoder_dim);
    let bias = checkpoint.weight(PROJECTION_BIAS)?;
    let projected = linear.build_per_cell(graph, "encoder.projection", features, bias);
    let scale = graph.floats(NORM_WEIGHT, &[encoder_dim], checkpoint.weight(NORM_WEIGHT)?);
    let shift = graph.floats(NORM_BIAS, &[encoder_dim], checkpoint.weight(NORM_BIAS)?);
    let settings = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(NORM_EPS as f32))];
    let normal = graph.node("LayerNormalization", "encoder.norm", [&projected, &scale, &shift], settings);

    let columns = checkpoint.weight(COLUMN_POSITIONS)?;
    let rows = checkpoint.weight(ROW_POSITIONS)?.chunks_exact(encoder_dim);
    let positions: Vec<f32> = rows
        .flat_map(|row| columns.iter().zip(row.iter().cycle()).map(|(column, row)| row + column))
        .collect();
    let shape = [checkpoint.config.architecture.num_cells, encoder_dim];
    let positions = graph.floats("encoder.positions", &shape, &positions);
    Ok(graph.node("Add", "encoder.placed", [&normal, &positions], []))
}

/// h and c, each tanh of a linear layer over the grid's mean; one product for both.
fn initial_state(graph: &mut GraphBuilder, checkpoint: &Checkpoint, grid: &Value) -> Result<[Value; 2]> {
    let decoder_dim = checkpoint.config.architecture.decoder_dim;
    let settings = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))];
    let mean = graph.node("ReduceMean", "grid.mean", [grid], settings);
    let layer = |name| Ok::<_, Error>(Linear::new(checkpoint.weight(name)?, decoder_dim));
    let both = Linear::stack(&[layer(INIT_H_WEIGHT)?, layer(INIT_C_WEIGHT)?]);
    let biases = [checkpoint.weight(INIT_H_BIAS)?, checkpoint.weight(INIT_C_BIAS)?].concat();
    let bias = linear::bias(graph, "decoder.init", &biases);
    let product = both.build(graph, "decoder.init", &mean, &bias);
    let state = graph.node("Tanh", "decoder.init.tanh", [&product], []);
    Ok(linear::split(
        graph,
        "decoder.init.split",
        &state,
        [("decoder.init_h", decoder_dim), ("decoder.init_c", decoder_dim)],
    ))
}
