use crate::backbone::backbone;
use crate::graph::{Attribute, Axis, GraphBuilder, Signature, Value};
use crate::linear::{self, Linear};
use crate::proto::{DataType, GraphProto};
use crate::{Checkpoint, Error, Result, Weights};
use glimpse_bundle::checkpoint::weights as names;
use glimpse_bundle::{NUM_CELLS, tensors};

/// `encoder_model.onnx`: from pixels to the grid, the attention keys and the first state. All that
/// does not depend on the words is computed here, once per image.
///
/// # Errors
/// A weight that is missing or of another shape, an unknown backbone, and sizes that contradict
/// each other or the backbone.
pub fn encoder_graph(checkpoint: &Checkpoint, backbone_weights: &Weights) -> Result<GraphProto> {
    let sizes = &checkpoint.config.architecture;
    sizes.validate()?;
    let backbone = backbone(&sizes.backbone)?;
    if sizes.feature_dim != backbone.feature_dim() {
        return Err(Error::Contradiction {
            what: "feature_dim",
            reason: format!(
                "the checkpoint says {}, but {} gives {} channels",
                sizes.feature_dim,
                backbone.name,
                backbone.feature_dim()
            ),
        });
    }
    let mut graph = GraphBuilder::new();
    let batch_size = Axis::Dynamic(tensors::BATCH_SIZE);
    let side = Axis::Fixed(backbone.input_size as usize);
    let pixel_values = graph.input(Signature {
        name: tensors::PIXEL_VALUES,
        data_type: DataType::Float,
        axes: &[batch_size, Axis::Fixed(3), side, side],
        doc: "RGB pixels, normalised as preprocessor_config.json says",
    });
    let backbone_weights = checkpoint.backbone_weights(backbone_weights)?;
    let maps = backbone.build(&mut graph, &backbone_weights, &pixel_values)?;
    let features = cells(&mut graph, &maps, sizes.feature_dim, sizes.num_cells);
    let grid = if sizes.project_features { project(&mut graph, checkpoint, &features)? } else { features };

    let keys = Linear::new(checkpoint.weight(names::KEY_WEIGHT)?, sizes.attention_dim);
    let keys = keys.build_per_cell(&mut graph, "attention.key", &grid, checkpoint.weight(names::KEY_BIAS)?);
    let [initial_h, initial_c] = initial_state(&mut graph, checkpoint, &grid)?;

    let cell = Axis::Fixed(sizes.num_cells);
    let outputs: [(Value, &str, &[Axis], &str); 4] = [
        (
            grid,
            tensors::LAST_HIDDEN_STATE,
            &[batch_size, cell, Axis::Fixed(sizes.encoder_dim)],
            "grid cells that the decoder attends to, row-major",
        ),
        (
            keys,
            tensors::ENCODER_KEYS,
            &[batch_size, cell, Axis::Fixed(sizes.attention_dim)],
            "the grid projected for attention",
        ),
        (
            initial_h,
            tensors::INITIAL_H,
            &[batch_size, Axis::Fixed(sizes.decoder_dim)],
            "hidden state before the first word",
        ),
        (
            initial_c,
            tensors::INITIAL_C,
            &[batch_size, Axis::Fixed(sizes.decoder_dim)],
            "cell state before the first word",
        ),
    ];
    for (value, name, axes, doc) in outputs {
        graph.output(value, Signature { name, data_type: DataType::Float, axes, doc });
    }
    Ok(graph.finish("encoder"))
}

/// From [batch_size, channels, rows, columns] to [batch_size, cells, channels], row by row.
fn cells(graph: &mut GraphBuilder, maps: &Value, channels: usize, num_cells: usize) -> Value {
    // 0 keeps the axis as it is.
    let shape = graph.ints("cells.shape", &[0, channels as i64, num_cells as i64]);
    let flat = graph.node("Reshape", "cells.flat", [maps, &shape], []);
    graph.node("Transpose", "cells", [&flat], [("perm", Attribute::Ints(vec![0, 2, 1]))])
}

/// Linear layer, layer norm, and the learned positions of row and column, added up beforehand.
fn project(graph: &mut GraphBuilder, checkpoint: &Checkpoint, features: &Value) -> Result<Value> {
    let encoder_dim = checkpoint.config.architecture.encoder_dim;
    let linear = Linear::new(checkpoint.weight(names::PROJECTION_WEIGHT)?, encoder_dim);
    let bias = checkpoint.weight(names::PROJECTION_BIAS)?;
    let projected = linear.build_per_cell(graph, "encoder.projection", features, bias);
    let scale = graph.floats(names::NORM_WEIGHT, &[encoder_dim], checkpoint.weight(names::NORM_WEIGHT)?);
    let shift = graph.floats(names::NORM_BIAS, &[encoder_dim], checkpoint.weight(names::NORM_BIAS)?);
    let settings = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(names::NORM_EPS as f32))];
    let normal = graph.node("LayerNormalization", "encoder.norm", [&projected, &scale, &shift], settings);

    let columns = checkpoint.weight(names::COLUMN_POSITIONS)?;
    let rows = checkpoint.weight(names::ROW_POSITIONS)?.chunks_exact(encoder_dim);
    let positions: Vec<f32> = rows
        .flat_map(|row| columns.iter().zip(row.iter().cycle()).map(|(column, row)| row + column))
        .collect();
    let shape = [NUM_CELLS, encoder_dim];
    let positions = graph.floats("encoder.positions", &shape, &positions);
    Ok(graph.node("Add", "encoder.placed", [&normal, &positions], []))
}

/// h and c, each tanh of a linear layer over the grid's mean; one product for both.
fn initial_state(graph: &mut GraphBuilder, checkpoint: &Checkpoint, grid: &Value) -> Result<[Value; 2]> {
    let decoder_dim = checkpoint.config.architecture.decoder_dim;
    let settings = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))];
    let mean = graph.node("ReduceMean", "grid.mean", [grid], settings);
    let layer = |name| Ok::<_, Error>(Linear::new(checkpoint.weight(name)?, decoder_dim));
    let both = Linear::stack(&[layer(names::INIT_H_WEIGHT)?, layer(names::INIT_C_WEIGHT)?]);
    let biases = [checkpoint.weight(names::INIT_H_BIAS)?, checkpoint.weight(names::INIT_C_BIAS)?].concat();
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
