//! `captioner_model.onnx`: encoder, loop and search in one graph of standard operators, for hosts
//! without a loop of their own.
//!
//! | tensor | type, shape | meaning |
//! |---|---|---|
//! | in `pixel_values` | f32 [batch_size, 3, height, width] | as for the encoder |
//! | in `num_beams` | i64 scalar | hypotheses kept at each step; 1 is greedy search |
//! | in `max_length` | i64 scalar | longest sequence, start and end token counted; 2 at least |
//! | in `length_penalty` | f32 scalar | a caption scores sum of log-probabilities / length^length_penalty |
//! | out `sequences` | i64 [batch_size, num_beams, max_length - 1] | the token ids of each caption, best caption first: without the start token, with the end token if it was reached, then padding |
//! | out `scores` | f32 [batch_size, num_beams] | of each caption; minus infinity where fewer were found |
//! | out `attentions` | f32 [batch_size, num_beams, max_length - 1, cells] | where the decoder attended to for each token; zeros after the last |
//!
//! The file holds no weights: they are external data, namely ranges of bytes of the two other
//! graphs' files beside it, so that nothing is stored twice.

mod constants;
mod ops;
mod search;
mod step;

use crate::graph::{Axis, GraphBuilder, Model, Signature, Value};
use crate::proto::{DataType, GraphProto, ModelProto};
use crate::{Error, Result};
use constants::{Source, inline};
use glimpse_bundle::{
    CAPTIONER, CONFIG, Config, DECODER, DecoderInterface, ENCODER, GenerationConfig, Precision, model_file,
    tensors,
};
use prost::Message;
use prost::bytes::Bytes;
use search::Search;
use std::path::Path;

/// Names of the inputs and outputs that no other graph has.
mod names {
    pub const NUM_BEAMS: &str = "num_beams";
    pub const MAX_LENGTH: &str = "max_length";
    pub const LENGTH_PENALTY: &str = "length_penalty";
    pub const SEQUENCES: &str = "sequences";
    pub const SCORES: &str = "scores";
}

/// Writes the captioner of every precision in which `folder` holds both other graphs; none where `generation` asks
/// for more than a plain beam search, see [`GenerationConfig::beyond_plain_search`], or where the decoder leaves work
/// to its host.
pub(crate) fn write_captioners(folder: &Path, generation: &GenerationConfig) -> Result<()> {
    let config = read_config(folder)?;
    if !generation.beyond_plain_search().is_empty() || !is_self_contained(&config.decoder_interface()) {
        return Ok(());
    }
    for precision in Precision::ALL {
        let files = [ENCODER, DECODER].map(|stem| model_file(stem, precision));
        if files.iter().all(|file| folder.join(file).is_file()) {
            let model = captioner(folder, &files, &config, generation)?;
            let path = folder.join(model_file(CAPTIONER, precision));
            glimpse_bundle::write_whole(&path, &model.encode())?;
        }
    }
    Ok(())
}

/// The `config.json` in `folder`.
fn read_config(folder: &Path) -> Result<Config> {
    let path = folder.join(CONFIG);
    let text = std::fs::read(&path).map_err(Error::io(&path))?;
    let json = |source| Error::Json { origin: folder.display().to_string(), key: CONFIG, source };
    serde_json::from_slice(&text).map_err(json)
}

/// Whether the decoder's graph gathers, ranks and attends by itself, from a state that the encoder gives.
fn is_self_contained(interface: &DecoderInterface) -> bool {
    let begins = interface.state.iter().all(|state| state.initial.is_some());
    begins && interface.gathers_state && interface.ranks_tokens && interface.has_attentions
}

fn captioner(
    folder: &Path,
    files: &[String; 2],
    config: &Config,
    generation: &GenerationConfig,
) -> Result<Model> {
    let read = |file: &String| {
        let path = folder.join(file);
        let bytes = Bytes::from(std::fs::read(&path).map_err(Error::io(&path))?);
        let model = ModelProto::decode(bytes.clone())
            .map_err(|source| Error::NotOnnx { path: path.clone(), source })?;
        Ok::<_, Error>((bytes, model))
    };
    let (encoder, decoder) = (read(&files[0])?, read(&files[1])?);
    let graphs = [&encoder.1, &decoder.1].map(|model| model.graph.clone().unwrap_or_default());
    let encoder_source = Source { graph: &graphs[0], file: &files[0], bytes: &encoder.0 };
    let decoder_source = Source { graph: &graphs[1], file: &files[1], bytes: &decoder.0 };
    let metadata = encoder.1.metadata_props.iter();
    let metadata = metadata.map(|entry| (entry.key().to_string(), entry.value().to_string()));
    Ok(Model {
        graph: captioner_graph(&encoder_source, &decoder_source, config, generation)?,
        doc: "pixels to captions: encoder, decoder and beam search".into(),
        metadata: metadata.collect(),
    })
}

/// The captioner over an encoder and a decoder of any precision.
///
/// # Errors
/// [`Error::UnsoundGraph`].
fn captioner_graph(
    encoder: &Source<'_>,
    decoder: &Source<'_>,
    config: &Config,
    generation: &GenerationConfig,
) -> Result<GraphProto> {
    let mut graph = GraphBuilder::new();
    let pixel_values = encoder.graph.input.first().filter(|input| input.name() == tensors::PIXEL_VALUES);
    let pixel_values = pixel_values.ok_or_else(|| Error::UnsoundGraph {
        graph: encoder.graph.name().into(),
        reason: format!("its first input is not {}", tensors::PIXEL_VALUES),
    })?;
    let pixel_values = graph.declared_input(pixel_values.clone());
    let mut scalar = |name, data_type, doc| graph.input(Signature { name, data_type, axes: &[], doc });
    let num_beams = scalar(names::NUM_BEAMS, DataType::Int64, "hypotheses kept at each step; 1 is greedy");
    let max_length = scalar(
        names::MAX_LENGTH,
        DataType::Int64,
        "longest sequence, start and end token counted; 2 at least",
    );
    let length_penalty = scalar(
        names::LENGTH_PENALTY,
        DataType::Float,
        "a caption scores sum of log-probabilities / length^length_penalty",
    );

    let encoded = inline(&mut graph, encoder, "encoder", &[(tensors::PIXEL_VALUES, pixel_values)])?;
    let (cells, vocab_size) = (config.architecture.num_cells, config.architecture.vocab_size);
    let interface = &config.decoder_interface();
    let search =
        Search { interface, generation, decoder, cells, vocab_size, num_beams, max_length, length_penalty };
    let found = search.build(&mut graph, pixel_values, &encoded)?;

    let [batch_size, beams] = [tensors::BATCH_SIZE, names::NUM_BEAMS].map(Axis::Dynamic);
    let length = Axis::Dynamic("max_length - 1");
    let cells = Axis::Fixed(cells);
    let (float, int64) = (DataType::Float, DataType::Int64);
    let outputs: [(Value, &str, DataType, &[Axis], &str); 3] = [
        (
            found.sequences,
            names::SEQUENCES,
            int64,
            &[batch_size, beams, length],
            "token ids, best caption first",
        ),
        (found.scores, names::SCORES, float, &[batch_size, beams], "score of each caption"),
        (
            found.attentions,
            tensors::ATTENTIONS,
            float,
            &[batch_size, beams, length, cells],
            "where each token looked; sums to 1",
        ),
    ];
    for (value, name, data_type, axes, doc) in outputs {
        graph.output(value, Signature { name, data_type, axes, doc });
    }
    Ok(graph.finish("captioner"))
}
