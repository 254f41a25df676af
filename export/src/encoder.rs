use crate::backbone::backbone;
use crate::decoder::axes_of;
use crate::graph::{Attribute, Axis, GraphBuilder, Signature, Value};
use crate::proto::{DataType, GraphProto};
use crate::{Checkpoint, Error, Result, Weights};
use glimpse_bundle::tensors;

/// `encoder_model.onnx`: from pixels to what the decoder reads of an image, and to its first state. All that does not
/// depend on the tokens is computed here, once per image.
///
/// # Errors
/// A weight that is missing or of another shape, an unknown backbone, and sizes that contradict
/// each other or the backbone.
pub fn encoder_graph(checkpoint: &Checkpoint, backbone_weights: &Weights) -> Result<GraphProto> {
    let sizes = &checkpoint.config.architecture;
    sizes.validate()?;
    let backbone = backbone(&sizes.backbone)?;
    let grid = backbone.grid();
    let fits = [
        ("feature_dim", sizes.feature_dim, grid.channels, "channels"),
        ("num_cells", sizes.num_cells, grid.cells(), "cells"),
    ];
    for (what, found, expected, unit) in fits {
        if found != expected {
            let reason =
                format!("the checkpoint says {found}, but {} gives {expected} {unit}", backbone.name);
            return Err(Error::Contradiction { what, reason });
        }
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
    let outputs = checkpoint.decoder_kind()?.encode(&mut graph, checkpoint, features)?;
    let interface = checkpoint.config.decoder_interface();
    for (value, (name, axes)) in outputs.into_iter().zip(interface.encoder_outputs()) {
        let axes = axes_of(axes, &[(tensors::ROWS, tensors::BATCH_SIZE)]);
        let is_state = interface.state.iter().any(|state| state.initial.as_deref() == Some(name));
        let doc =
            if is_state { "what the state begins with" } else { "what every step reads, once per image" };
        graph.output(value, Signature { name, data_type: DataType::Float, axes: &axes, doc });
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
