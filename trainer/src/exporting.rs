//! From a checkpoint to a bundle, and the numbers that the bundle has to reproduce.

use crate::Result;
use crate::backbone::{FeatureExtractor, StateDict, TrainedBlocks};
use crate::model::{Captioner, Parameters, Pass};
use crate::safetensors_file::{self, Stored};
use glimpse_bundle::{BOS_ID, Config, DecoderInterface, tensors as names};
use glimpse_export::{Checkpoint, Weights};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Hypotheses of each photo in the reference step.
const BEAMS: i64 = 3;
/// Candidates of each row in the reference step.
const TOP_K: i64 = 7;

/// The backbone's weights as the exporter wants them; `path` is the file that they were read from.
pub fn export_weights(dict: &StateDict, path: &Path) -> Result<Weights> {
    let mut weights = Weights::of_file(path);
    for (name, tensor) in dict.iter() {
        if tensor.kind() == Kind::Int64 {
            continue;
        }
        let flat = tensor.to_kind(Kind::Float).to_device(Device::Cpu).contiguous().view(-1);
        let data = Vec::<f32>::try_from(&flat)?;
        let shape: Vec<usize> = tensor.size().into_iter().map(|n| n as usize).collect();
        weights.insert(name, &shape, data)?;
    }
    Ok(weights)
}

/// A checkpoint in libtorch: the frozen part of its backbone, and the trained part. `path` is the checkpoint's file,
/// `backbone` the backbone's own weights.
///
/// # Errors
/// The first weight that is missing or of another shape.
pub fn open(
    checkpoint: &Checkpoint,
    path: &Path,
    backbone: &StateDict,
    device: Device,
) -> Result<(FeatureExtractor, Captioner)> {
    let Config { architecture, provenance, .. } = &checkpoint.config;
    let (name, trained_blocks) = (&architecture.backbone, provenance.trained_blocks);
    let frozen = FeatureExtractor::load_frozen(name, backbone, trained_blocks, device)?;
    let weights = StateDict::read(path)?;
    let kind = checkpoint.decoder_kind()?.name();
    let parameters = Parameters::from_dict(&weights, kind, architecture, device)?;
    let mut model = Captioner::with_parameters(kind, architecture.clone(), parameters)?;
    if trained_blocks > 0 {
        let size = checkpoint.preprocessor.output_size();
        model = model.with_trained_blocks(TrainedBlocks::new(name, trained_blocks, size, backbone, device)?);
        model.parameters().load(&weights)?;
    }
    Ok((frozen, model))
}

/// What libtorch computes for `pixel_values`, f32 [batch, 3, height, width]: every input and output of both graphs,
/// as `interface` declares them. The decoder's step is the second one, where beams have opened.
pub fn reference(
    backbone: &FeatureExtractor,
    model: &Captioner,
    interface: &DecoderInterface,
    pixel_values: &Tensor,
) -> Vec<(String, Tensor)> {
    let _guard = tch::no_grad_guard();
    let batch = pixel_values.size()[0];
    let encoded = model.encode(&backbone.forward(pixel_values), &Pass::EXACT);
    let device = encoded.device();
    let stepper = model.stepper(Kind::Float);
    let start = Tensor::full(batch, i64::from(BOS_ID), (Kind::Int64, device));
    let first = stepper.step(&start, &encoded, &encoded.start());

    let (_, opened) = first.logits.topk(BEAMS, 1, true, true);
    let input_ids = opened.view(-1);
    let image_of_row =
        Tensor::arange(batch, (Kind::Int64, device)).repeat_interleave_self_int(BEAMS, None, None);
    let rows = encoded.select(&image_of_row);
    // The states lie in another order than the photos: a graph that ignores beam_idx is found out.
    let past = first.state.map(|tensor| tensor.flip([0]));
    let beam_idx = batch - 1 - &image_of_row;
    let gathered = past.map(|tensor| tensor.index_select(0, &beam_idx));
    let step = stepper.step(&input_ids, &rows, &gathered);

    let mut all = Vec::new();
    let mut add = |graph: &str, name: &str, tensor: &Tensor| {
        all.push((format!("{graph}/{name}"), tensor.shallow_clone()));
    };
    add("encoder", names::PIXEL_VALUES, pixel_values);
    let given = encoded.images.iter().chain(&encoded.initial);
    for ((name, _), tensor) in interface.encoder_outputs().into_iter().zip(given) {
        add("encoder", name, tensor);
    }
    add("decoder", names::INPUT_IDS, &input_ids);
    let read = if interface.gathers_state {
        add("decoder", names::BEAM_IDX, &beam_idx);
        &past
    } else {
        &gathered
    };
    for ((state, past), present) in interface.state.iter().zip(&read.0).zip(&step.state.0) {
        add("decoder", &state.past, past);
        add("decoder", &state.present, present);
    }
    for (declared, tensor) in interface.image_tensors.iter().zip(&encoded.images) {
        add("decoder", &declared.input, tensor);
    }
    if interface.ranks_tokens {
        let (log_probs, ids) = step.logits.log_softmax(1, Kind::Float).topk(TOP_K, 1, true, true);
        add("decoder", names::K, &Tensor::from(TOP_K));
        add("decoder", names::TOP_LOG_PROBS, &log_probs);
        add("decoder", names::TOP_TOKEN_IDS, &ids);
    } else {
        add("decoder", names::LOGITS, &step.logits);
    }
    if let Some(attentions) = &step.attentions {
        add("decoder", names::ATTENTIONS, attentions);
    }
    all
}

/// Writes reference numbers where `glimpse inspect --reference` reads them.
pub fn write_reference(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let stored: Vec<Stored> = tensors.iter().map(|(name, tensor)| Stored::new(name, tensor)).collect();
    safetensors_file::write(path, &stored, &BTreeMap::new())
}
