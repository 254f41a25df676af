//! Decoders that leave work to the runtime: gathering the state of the rows that go on, and ranking the tokens.

use crate::{PICTURES, beams, onnxruntime};
use glimpse_bundle::{CAPTIONER, CONFIG, DECODER, Precision, model_file, seal};
use glimpse_export::graph::Model;
use glimpse_export::{Checkpoint, decoder_graph};
use glimpse_runtime::{Caption, Captioner, CaptionerOptions, Device};
use glimpse_tests::models::{self, SeededModel};
use std::path::Path;
use tempfile::TempDir;

fn copy(bundle: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(bundle).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// The bundle of `model` with the same formulas in a decoder that does less itself.
fn leaving_work(model: &SeededModel, gathers_state: bool, ranks_tokens: bool) -> TempDir {
    let folder = copy(&model.bundle);
    let mut checkpoint = Checkpoint::read(&model.checkpoint).unwrap();
    let mut interface = checkpoint.config.decoder_interface();
    (interface.gathers_state, interface.ranks_tokens) = (gathers_state, ranks_tokens);
    checkpoint.config.decoder = Some(interface.clone());
    let graph = decoder_graph(&checkpoint).unwrap();
    let declared = |name: &str| graph.input.iter().chain(&graph.output).any(|value| value.name() == name);
    assert_eq!(
        (declared("beam_idx"), declared("k"), declared("logits")),
        (gathers_state, ranks_tokens, !ranks_tokens)
    );
    let bytes = Model { graph, doc: "one token a row".into(), metadata: Vec::new() }.encode();
    std::fs::write(folder.path().join(model_file(DECODER, Precision::Fp32)), bytes).unwrap();
    std::fs::remove_file(folder.path().join(model_file(CAPTIONER, Precision::Fp32))).unwrap();
    // The tensors of an attention LSTM follow from its sizes; these are of another kind.
    interface.kind = "attention_lstm_on_the_host".into();
    checkpoint.config.decoder = Some(interface);
    let config = serde_json::to_string(&checkpoint.config).unwrap();
    std::fs::write(folder.path().join(CONFIG), config).unwrap();
    seal(folder.path()).unwrap();
    folder
}

fn open(bundle: &Path) -> Captioner {
    let mut options = CaptionerOptions::default();
    options.device = Device::Cpu;
    options.onnxruntime = onnxruntime();
    Captioner::open(bundle, &options).unwrap()
}

#[test]
fn the_runtime_gathers_and_ranks_where_the_graph_does_not() {
    let model = SeededModel::write(models::small());
    let pictures = &PICTURES[..3];
    let whole = open(&model.bundle);
    for (gathers_state, ranks_tokens) in [(false, false), (false, true), (true, false)] {
        let folder = leaving_work(&model, gathers_state, ranks_tokens);
        let captioner = open(folder.path());
        for num_beams in [1, 4] {
            let captions = |captioner: &Captioner| -> Vec<Vec<Caption>> {
                let mut options = beams(captioner, num_beams).with_num_return_sequences(num_beams);
                options.output_attentions = true;
                captioner.caption_batch(pictures, &options).unwrap()
            };
            for (found, expected) in captions(&captioner).iter().zip(captions(&whole)) {
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    let case = format!("gathers {gathers_state}, ranks {ranks_tokens}, {num_beams} beams");
                    assert_eq!(found.token_ids, expected.token_ids, "{case}");
                    for (found, expected) in found.token_logprobs.iter().zip(&expected.token_logprobs) {
                        assert!((found - expected).abs() < 1e-5, "{case}: {found} {expected}");
                    }
                    let (found, expected) = (found.attentions.as_ref(), expected.attentions.as_ref());
                    let difference = (found.unwrap() - expected.unwrap()).mapv(f32::abs);
                    assert!(difference.iter().all(|difference| *difference < 1e-5), "{case}");
                }
            }
        }
    }
}

/// Format 1 declares no decoder: it is an attention LSTM.
#[test]
fn a_bundle_of_format_1_gets_the_same_captions() {
    let model = SeededModel::write(models::small());
    let folder = copy(&model.bundle);
    let path = folder.path().join(CONFIG);
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(config["format_version"], 2);
    config["format_version"] = 1.into();
    assert!(config.as_object_mut().unwrap().remove("decoder").is_some());
    std::fs::write(&path, config.to_string()).unwrap();
    seal(folder.path()).unwrap();
    let ids = |bundle: &Path| -> Vec<Vec<u32>> {
        let captioner = open(bundle);
        let captions = captioner.caption_batch(&PICTURES[..2], &beams(&captioner, 3)).unwrap();
        captions.into_iter().map(|captions| captions[0].token_ids.clone()).collect()
    };
    assert_eq!(ids(folder.path()), ids(&model.bundle));
}
