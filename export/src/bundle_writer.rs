use crate::backbone::{Backbone, MapShape, backbone};
use crate::graph::Model;
use crate::proto::GraphProto;
use crate::{BundleDraft, BundleReport, Checkpoint, Error, Result, Weights, decoder_graph, encoder_graph};
use glimpse_bundle::{self as bundle, Config, Precision, Size};
use serde::Serialize;
use std::path::Path;

/// Writes the bundle of a checkpoint into `dir`, which appears whole or not at all.
///
/// A bundle that is already there is replaced. Its graphs and JSON files go, whatever their
/// precision, as they belong to other weights, and so does what `glimpse optimize` made of them;
/// everything else in it, such as a model card, stays.
/// The same input gives the same bytes.
///
/// # Errors
/// - [`Error::TargetInUse`]: `dir` holds something other than a bundle.
/// - [`Error::OtherBackboneWeights`]: the backbone's weights come from a file, the checkpoint's
///   provenance names a SHA-256, and they differ.
/// - Pictures of another size than the backbone takes, and all that [`Checkpoint::validate`],
///   [`encoder_graph`] and [`decoder_graph`] refuse.
pub fn write_bundle(checkpoint: &Checkpoint, backbone_weights: &Weights, dir: &Path) -> Result<BundleReport> {
    checkpoint.validate()?;
    let backbone = backbone(&checkpoint.config.architecture.backbone)?;
    check_backbone(checkpoint, backbone, backbone_weights)?;

    let draft = BundleDraft::new(dir)?;
    let mut config = checkpoint.config.clone();
    config.provenance.exported_by = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let graphs = [
        (bundle::ENCODER, encoder_graph(checkpoint, backbone_weights)?, "pixels to grid"),
        (bundle::DECODER, decoder_graph(checkpoint)?, "one token for every hypothesis"),
    ];
    for (stem, graph, summary) in graphs {
        draft.add_graph(stem, Precision::Fp32, described(graph, &config, summary)?)?;
    }
    for (name, text) in [
        (bundle::CONFIG, json(bundle::CONFIG, &config)?),
        (bundle::PREPROCESSOR_CONFIG, json(bundle::PREPROCESSOR_CONFIG, &checkpoint.preprocessor)?),
        (bundle::GENERATION_CONFIG, json(bundle::GENERATION_CONFIG, &checkpoint.generation)?),
        (bundle::TOKENIZER, checkpoint.tokenizer.clone()),
    ] {
        draft.add(name, text.as_bytes())?;
    }
    draft.keep_other_files()?;
    draft.finish(&checkpoint.generation)
}

/// The graph with its description and metadata.
fn described(graph: GraphProto, config: &Config, summary: &str) -> Result<Model> {
    let text = serde_json::to_string(config).map_err(not_json(bundle::CONFIG))?;
    Ok(Model {
        graph,
        doc: format!("{} over {}: {summary}", Config::MODEL_TYPE, config.architecture.backbone),
        metadata: vec![("config".into(), text)],
    })
}

fn json(name: &'static str, content: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(content).map_err(not_json(name))?;
    Ok(format!("{text}\n"))
}

fn not_json(key: &'static str) -> impl FnOnce(serde_json::Error) -> Error {
    move |source| Error::Json { origin: "the checkpoint in memory".into(), key, source }
}

fn check_backbone(checkpoint: &Checkpoint, backbone: &Backbone, weights: &Weights) -> Result<()> {
    let Size { height, width } = checkpoint.preprocessor.output_size();
    let &Backbone { name, input_size: side, .. } = backbone;
    if (height, width) != (side, side) {
        let MapShape { rows, columns, .. } = backbone.grid();
        return Err(Error::Contradiction {
            what: "preprocessor size",
            reason: format!("{height}x{width}, but {name} takes {side}x{side} for its {rows}x{columns} grid"),
        });
    }
    weights.file().map_or(Ok(()), |path| checkpoint.check_backbone_file(path))
}
