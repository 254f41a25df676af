//! `captioner_model.onnx`: encoder, loop and search in one graph of standard operators, for hosts
//! where nobody writes the loop.
//!
//! | tensor | type, shape | meaning |
//! |---|---|---|
//! | in `pixel_values` | f32 [batch_size, 3, 224, 224] | as for the encoder |
//! | in `num_beams` | i64 scalar | hypotheses kept at each step; 1 is greedy search |
//! | in `max_length` | i64 scalar | longest sequence, start and end word counted; 2 at least |
//! | in `length_penalty` | f32 scalar | a caption scores sum of log-probabilities / length^length_penalty |
//! | out `sequences` | i64 [batch_size, num_beams, max_length - 1] | the words of each caption, best caption first: without the start word, with the end word if it was reached, then padding |
//! | out `scores` | f32 [batch_size, num_beams] | of each caption; minus infinity where fewer were found |
//! | out `attentions` | f32 [batch_size, num_beams, max_length - 1, 49] | where the decoder looked at each word; zeros behind the last |
//!
//! The file holds no weights: they are external data, namely ranges of bytes of the two other
//! graphs' files beside it, so that nothing is stored twice.

mod constants;
mod search;

use crate::graph::{Axis, GraphBuilder, Model, Signature, Value};
use crate::proto::{DataType, GraphProto, ModelProto};
use crate::{Error, Result};
use constants::{Source, inline};
use glimpse_bundle::{
    CAPTIONER, DECODER, ENCODER, GenerationConfig, NUM_CELLS, Precision, model_file, tensors,
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
/// for more than a plain beam search, see [`GenerationConfig::beyond_plain_search`].
pub(crate) fn write_captioners(folder: &Path, generation: &GenerationConfig) -> Result<()> {
    if !generation.beyond_plain_search().is_empty() {
        return Ok(());
    }
    for precision in Precision::ALL {
        let files = [ENCODER, DECODER].map(|stem| model_file(stem, precision));
        if files.iter().all(|file| folder.join(file).is_file()) {
            let model = captioner(folder, &files, generation)?;
            let path = folder.join(model_file(CAPTIONER, precision));
            glimpse_bundle::write_whole(&path, &model.encode())?;
        }
    }
    Ok(())
}

fn captioner(folder: &Path, files: &[String; 2], generation: &GenerationConfig) -> Result<Model> {
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
        graph: captioner_graph(&encoder_source, &decoder_source, generation)?,
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
        "longest sequence, start and end word counted; 2 at least",
    );
    let length_penalty = scalar(
        names::LENGTH_PENALTY,
        DataType::Float,
        "a caption scores sum of log-probabilities / length^length_penalty",
    );

    let encoded = inline(&mut graph, encoder, "encoder", &[(tensors::PIXEL_VALUES, pixel_values)])?;
    let search = Search { generation, decoder, num_beams, max_length, length_penalty };
    let found = search.build(&mut graph, pixel_values, &encoded)?;

    let [batch_size, beams] = [tensors::BATCH_SIZE, names::NUM_BEAMS].map(Axis::Dynamic);
    let words = Axis::Dynamic("max_length - 1");
    let cells = Axis::Fixed(NUM_CELLS);
    let (float, int64) = (DataType::Float, DataType::Int64);
    let outputs: [(Value, &str, DataType, &[Axis], &str); 3] = [
        (found.sequences, names::SEQUENCES, int64, &[batch_size, beams, words], "words, best caption first"),
        (found.scores, names::SCORES, float, &[batch_size, beams], "score of each caption"),
        (
            found.attentions,
            tensors::ATTENTIONS,
            float,
            &[batch_size, beams, words, cells],
            "where each word looked; sums to 1",
        ),
    ];
    for (value, name, data_type, axes, doc) in outputs {
        graph.output(value, Signature { name, data_type, axes, doc });
    }
    Ok(graph.finish("captioner"))
}
