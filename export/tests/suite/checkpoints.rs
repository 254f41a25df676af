//! Weights and checkpoints on disk.

use crate::common;
use glimpse_bundle::DecoderInterface;
use glimpse_bundle::{Architecture, checkpoint};
use glimpse_export::{Checkpoint, Error, Weights};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    (folder, path)
}

fn write(path: &Path, tensors: &[(&str, Dtype, Vec<u8>)], metadata: Option<HashMap<String, String>>) {
    let view = |(name, dtype, bytes)| (name, TensorView::new(dtype, vec![2], bytes).unwrap());
    let views = tensors.iter().map(|(name, dtype, bytes)| view((*name, *dtype, bytes.as_slice())));
    safetensors::serialize_to_file(views, metadata, path).unwrap();
}

#[test]
fn every_float_type_is_read_and_integers_are_refused_when_asked_for() {
    let (_folder, path) = folder();
    let numbers = [1.5f32, -0.25];
    let bytes = |convert: &dyn Fn(f32) -> Vec<u8>| numbers.into_iter().flat_map(convert).collect::<Vec<u8>>();
    let tensors = [
        ("f64", Dtype::F64, bytes(&|x| f64::from(x).to_le_bytes().to_vec())),
        ("f32", Dtype::F32, bytes(&|x| x.to_le_bytes().to_vec())),
        ("f16", Dtype::F16, bytes(&|x| f16::from_f32(x).to_le_bytes().to_vec())),
        ("bf16", Dtype::BF16, bytes(&|x| bf16::from_f32(x).to_le_bytes().to_vec())),
        ("count", Dtype::I64, bytes(&|x| (x as i64).to_le_bytes().to_vec())),
    ];
    write(&path, &tensors, None);
    let weights = Weights::read(&path).unwrap();
    assert_eq!(weights.len(), 4);
    for name in ["f64", "f32", "f16", "bf16"] {
        assert_eq!(weights.get(name, &[2]).unwrap(), numbers, "{name}");
    }
    let error = weights.get("count", &[2]).unwrap_err();
    assert!(matches!(&error, Error::WeightType { dtype, .. } if dtype == "I64"), "{error}");
    assert_eq!(weights.file(), Some(path.as_path()));
}

#[test]
fn errors_name_file_weight_and_shapes() {
    let (_folder, path) = folder();
    write(&path, &[("a", Dtype::F32, vec![0; 8])], None);
    let weights = Weights::read(&path).unwrap();
    let path = path.display();
    assert_eq!(
        weights.get("a", &[2, 1]).unwrap_err().to_string(),
        format!("{path}: the weight `a` has shape [2], expected [2, 1]")
    );
    assert_eq!(
        weights.get("b", &[3]).unwrap_err().to_string(),
        format!("{path} lacks the weight `b` of shape [3]")
    );
    let mut weights = Weights::in_memory("here");
    assert_eq!(
        weights.insert("c", &[2, 3], vec![0.0; 5]).unwrap_err().to_string(),
        "the weight `c` of shape [2, 3] wants 6 numbers, got 5"
    );
}

#[test]
fn damaged_and_missing_files_are_told_apart() {
    let (_folder, path) = folder();
    assert!(matches!(Weights::read(&path).unwrap_err(), Error::Io { .. }));
    std::fs::write(&path, b"not a safetensors file at all").unwrap();
    assert!(matches!(Weights::read(&path).unwrap_err(), Error::Safetensors { .. }));
    write(&path, &[("a", Dtype::F32, vec![0; 8])], None);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = Weights::read(&path).unwrap_err();
    assert!(error.to_string().contains("is not a readable .safetensors file"), "{error}");
}

#[test]
fn a_checkpoint_survives_the_disk_byte_for_byte() {
    let (folder, path) = folder();
    for architecture in [common::full(), Architecture { gated_context: false, ..common::full() }] {
        let written = common::checkpoint(architecture);
        written.write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!((&read.config, &read.tokenizer), (&written.config, &written.tokenizer));
        assert_eq!((&read.preprocessor, &read.generation), (&written.preprocessor, &written.generation));
        assert!(read.weights.iter().eq(written.weights.iter()));
        // Hash maps start from another state in each instance: several writes would differ.
        let bytes = std::fs::read(&path).unwrap();
        for _ in 0..8 {
            read.write(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
}

#[test]
fn weights_written_here_are_read_by_the_safetensors_crate() {
    let (_folder, path) = folder();
    let checkpoint = common::checkpoint(common::full());
    checkpoint.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), checkpoint.weights.len());
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header % 8, 0, "the data are not aligned");
    assert_eq!(metadata.metadata().as_ref().unwrap()[checkpoint::TOKENIZER], checkpoint.tokenizer);
}

#[test]
fn plain_weights_are_no_checkpoint() {
    let (_folder, path) = folder();
    common::checkpoint(common::full()).weights.write(&path).unwrap();
    let error = Checkpoint::read(&path).unwrap_err();
    assert!(matches!(&error, Error::MissingMetadata { key: checkpoint::CONFIG, .. }), "{error}");
}

#[test]
fn broken_json_is_named_by_its_key() {
    let (_folder, path) = folder();
    let metadata = HashMap::from([(checkpoint::CONFIG.to_string(), "{".to_string())]);
    write(&path, &[("a", Dtype::F32, vec![0; 8])], Some(metadata));
    let error = Checkpoint::read(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: `config`: ", path.display())), "{error}");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let good = common::checkpoint(common::full());

    let mut other_words = good.clone();
    other_words.tokenizer = glimpse_export::seeded::tokenizer(31).unwrap();
    let error = other_words.validate().unwrap_err().to_string();
    assert_eq!(error, "vocab_size: the config says 30, but the tokenizer has 31 words");

    let mut other_sizes = good.clone();
    other_sizes.config.architecture.decoder_dim = 17;
    let error = other_sizes.validate().unwrap_err().to_string();
    assert_eq!(error, "decoder: its tensors contradict the sizes beside it");
    other_sizes.config.decoder = Some(DecoderInterface::attention_lstm(&other_sizes.config.architecture));
    let error = other_sizes.validate().unwrap_err();
    assert!(matches!(&error, Error::WeightShape { .. }), "{error}");

    let mut too_plain = good;
    too_plain.config.architecture.gated_context = false;
    let error = too_plain.validate().unwrap_err().to_string();
    assert_eq!(
        error,
        "the seeded checkpoint: the weight `decoder.gate.bias` has no place in the architecture of its config; of a training run, best.safetensors is the file to take"
    );
}

#[test]
fn trained_blocks_are_read_from_the_checkpoint_and_the_rest_from_the_backbones_file() {
    let mut trained = common::checkpoint(common::full());
    let file = common::backbone_weights();
    trained.config.provenance.trained_blocks = 1;
    let error = trained.validate().unwrap_err().to_string();
    assert!(error.contains("lacks the weight `_conv_head.weight` of shape [1280, 320, 1, 1]"), "{error}");
    let shape = [1280, 320, 1, 1];
    let head: Vec<f32> = (0..1280 * 320).map(|i| (i % 11) as f32).collect();
    trained.weights.insert("_conv_head.weight", &shape, head.clone()).unwrap();
    let (_folder, path) = folder();
    trained.write(&path).unwrap();
    let read = Checkpoint::read(&path).unwrap();
    assert_eq!(read.config, trained.config);

    let merged = read.backbone_weights(file).unwrap();
    assert_eq!(merged.get("_conv_head.weight", &shape).unwrap(), head);
    let same = |(name, _): &(&str, _)| *name != "_conv_head.weight";
    assert!(merged.iter().filter(same).eq(file.iter().filter(same)));
    assert_eq!(merged.len(), file.len());

    // A block that is not trained has no place in the checkpoint.
    trained.weights.insert("_blocks.15._project_conv.weight", &[1], vec![0.0]).unwrap();
    assert!(matches!(trained.validate().unwrap_err(), Error::UnexpectedWeight { .. }));
    trained.config.provenance.trained_blocks = 18;
    let error = trained.validate().unwrap_err().to_string();
    assert_eq!(error, "efficientnet-lite0 has at most 17 blocks to train, not 18: the first stays frozen");
}
