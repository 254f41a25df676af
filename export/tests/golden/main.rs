//! The exported graphs, run by a small interpreter, against PyTorch. No runtime and no Python needed.
//!
//! The arrays come from `python3 export/tests/golden/generate.py` (torch, torchvision, onnx,
//! onnxruntime, safetensors); its header says what they are.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod interpreter;

use glimpse_bundle::tensors;
use glimpse_bundle::{Architecture, Config, GenerationConfig, Provenance};
use glimpse_export::backbone::{Backbone, backbone};
use glimpse_export::decoder::decoder_kind;
use glimpse_export::{Checkpoint, Weights, decoder_graph, encoder_graph, seeded};
use interpreter::{Tensor, run};
use ndarray::{ArrayD, IxDyn};
use std::collections::HashMap;
use std::path::Path;

const FEATURE_DIM: usize = 1280;

fn network() -> &'static Backbone {
    backbone("efficientnet-lite0").unwrap()
}

fn full() -> Architecture {
    Architecture {
        backbone: network().name.into(),
        feature_dim: FEATURE_DIM,
        num_cells: 49,
        encoder_dim: 3,
        attention_dim: 5,
        decoder_dim: 4,
        embed_dim: 6,
        vocab_size: 11,
        project_features: true,
        gated_context: true,
        deep_output: true,
        tie_word_embeddings: true,
    }
}

fn plain() -> Architecture {
    Architecture {
        encoder_dim: FEATURE_DIM,
        project_features: false,
        gated_context: false,
        deep_output: false,
        tie_word_embeddings: false,
        ..full()
    }
}

/// `draw` of `generate.py`.
fn draw(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed: u64 = name.bytes().map(u64::from).sum();
    let scale = 2.0 / (shape[shape.len() - 1] as f64).sqrt();
    (1..=shape.iter().product::<usize>() as u64)
        .map(|index| {
            let z = index.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
            let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let z = z ^ (z >> 31);
            (((z >> 40) as f64 / f64::from(1 << 23) - 1.0) * scale) as f32
        })
        .collect()
}

fn drawn(name: &str, shape: &[usize]) -> Tensor {
    Tensor::Floats(ArrayD::from_shape_vec(IxDyn(shape), draw(name, shape)).unwrap())
}

fn ids(numbers: &[i64]) -> Tensor {
    Tensor::Ints(ArrayD::from_shape_vec(IxDyn(&[numbers.len()]), numbers.to_vec()).unwrap())
}

fn checkpoint(architecture: Architecture) -> Checkpoint {
    let mut weights = Weights::in_memory("the golden model");
    let kind = decoder_kind("attention_lstm").unwrap();
    for (name, shape) in kind.weight_shapes(&architecture) {
        weights.insert(name, &shape, draw(name, &shape)).unwrap();
    }
    let tokenizer = seeded::tokenizer(architecture.vocab_size).unwrap();
    let checkpoint = Checkpoint {
        config: Config::new(kind.interface(&architecture), architecture, Provenance::default()),
        preprocessor: network().preprocessor(),
        generation: GenerationConfig::default(),
        tokenizer,
        weights,
    };
    checkpoint.validate().unwrap();
    checkpoint
}

fn compare(case: &str, found: &HashMap<String, Tensor>, names: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{case}.safetensors"));
    let expected = Weights::read(&path).unwrap();
    for name in names {
        let found = found[*name].to_floats();
        let expected = expected.get(name, found.shape()).unwrap();
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let tolerance = 1e-5 * expected.abs().max(1.0);
            assert!(
                (found - expected).abs() <= tolerance,
                "{case}: {name}[{index}] is {found}, expected {expected}"
            );
        }
    }
}

fn check(case: &str, architecture: Architecture) {
    let checkpoint = checkpoint(architecture);
    let backbone_weights = seeded::backbone_weights(network(), 0).unwrap();
    let projects = checkpoint.config.architecture.project_features;
    // The interpreter starts behind the backbone, whose convolutions it does not know.
    let features = if projects { "cells" } else { tensors::LAST_HIDDEN_STATE };
    let features = (features, drawn("features", &[2, 49, FEATURE_DIM]));
    let encoded = run(&encoder_graph(&checkpoint, &backbone_weights).unwrap(), [features]);
    compare(case, &encoded, &[tensors::ENCODER_KEYS, tensors::INITIAL_H, tensors::INITIAL_C]);
    if projects {
        compare(case, &encoded, &[tensors::LAST_HIDDEN_STATE]);
    }

    let decoder_dim = checkpoint.config.architecture.decoder_dim;
    let inputs = [
        (tensors::INPUT_IDS, ids(&[1, 4, 9, 10, 0, 4])),
        (tensors::BEAM_IDX, ids(&[0, 1, 0, 3, 2, 2])),
        (tensors::PAST_H, drawn("past_h", &[4, decoder_dim])),
        (tensors::PAST_C, drawn("past_c", &[4, decoder_dim])),
        (tensors::ENCODER_HIDDEN_STATES, encoded[tensors::LAST_HIDDEN_STATE].clone()),
        (tensors::ENCODER_KEYS, encoded[tensors::ENCODER_KEYS].clone()),
        (tensors::K, Tensor::Ints(ArrayD::from_elem(IxDyn(&[]), 3))),
    ];
    let decoded = run(&decoder_graph(&checkpoint).unwrap(), inputs);
    let outputs = [
        tensors::TOP_LOG_PROBS,
        tensors::TOP_TOKEN_IDS,
        tensors::PRESENT_H,
        tensors::PRESENT_C,
        tensors::ATTENTIONS,
    ];
    compare(case, &decoded, &outputs);
}

#[test]
fn the_full_model_equals_pytorch() {
    check("full", full());
}

#[test]
fn the_plain_model_of_the_report_equals_pytorch() {
    check("plain", plain());
}
