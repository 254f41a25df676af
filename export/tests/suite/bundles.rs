//! Bundles on disk: complete, repeatable, and never half-written.

use crate::common;
use glimpse_bundle::{Architecture, Bundle, Config, DECODER, ENCODER, Precision, sha256_of_file};
use glimpse_export::proto::ModelProto;
use glimpse_export::{Error, write_bundle};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::tempdir;

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
    };
    std::fs::read_dir(dir).unwrap().map(file).collect()
}

#[test]
fn a_bundle_opens_and_holds_what_the_checkpoint_says() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("models/tiny");
    let checkpoint = common::checkpoint(common::full());
    let report = write_bundle(&checkpoint, common::backbone_weights(), &dir).unwrap();
    let names: Vec<_> = report.files.iter().map(|file| file.name.as_str()).collect();
    let expected = [
        "SHA256SUMS",
        "captioner_model.onnx",
        "config.json",
        "decoder_model.onnx",
        "encoder_model.onnx",
        "generation_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
    ];
    assert_eq!(names, expected);
    let sizes: u64 = contents(&dir).values().map(|bytes| bytes.len() as u64).sum();
    assert_eq!(report.total_bytes(), sizes);

    let bundle = Bundle::open(&dir).unwrap();
    assert_eq!(bundle.config.architecture, checkpoint.config.architecture);
    assert_eq!(bundle.config.provenance.exported_by, "glimpse-export 0.1.0");
    assert_eq!(
        (&bundle.preprocessor, &bundle.generation),
        (&checkpoint.preprocessor, &checkpoint.generation)
    );
    assert_eq!(bundle.tokenizer().unwrap().vocab_size(), 30);
    for stem in [ENCODER, DECODER] {
        let bytes = std::fs::read(bundle.model_path(stem, Precision::Fp32).unwrap()).unwrap();
        let model = ModelProto::decode(bytes.as_slice()).unwrap();
        let property = &model.metadata_props[0];
        assert_eq!(property.key(), "config");
        assert_eq!(serde_json::from_str::<Config>(property.value()).unwrap(), bundle.config);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_leaves_nothing_beside() {
    let folder = tempdir().unwrap();
    let (checkpoint, weights) = (common::checkpoint(common::full()), common::backbone_weights());
    let dirs = ["first", "second"].map(|name| folder.path().join(name));
    for dir in &dirs {
        write_bundle(&checkpoint, weights, dir).unwrap();
    }
    assert!(contents(&dirs[0]) == contents(&dirs[1]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn others_can_read_a_bundle_as_they_can_any_new_folder() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempdir().unwrap();
    let (dir, plain) = (folder.path().join("bundle"), folder.path().join("plain"));
    std::fs::create_dir(&plain).unwrap();
    std::fs::write(plain.join("file"), "").unwrap();
    write_bundle(&common::checkpoint(common::full()), common::backbone_weights(), &dir).unwrap();
    assert_eq!(mode(&dir), mode(&plain));
    assert_eq!(mode(&dir.join("config.json")), mode(&plain.join("file")));
    let checkpoint = folder.path().join("checkpoint.safetensors");
    common::checkpoint(common::full()).write(&checkpoint).unwrap();
    assert_eq!(mode(&checkpoint), mode(&plain.join("file")));
}

#[test]
fn a_new_export_replaces_the_graphs_and_keeps_the_card() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let weights = common::backbone_weights();
    write_bundle(&common::checkpoint(common::full()), weights, &dir).unwrap();
    std::fs::write(dir.join("README.md"), "a model card").unwrap();
    std::fs::write(dir.join("decoder_model_int8.onnx"), "of the old weights").unwrap();

    std::fs::create_dir(dir.join("optimized")).unwrap();
    let other = Architecture { gated_context: false, ..common::full() };
    write_bundle(&common::checkpoint(other.clone()), weights, &dir).unwrap();
    assert_eq!(Bundle::open(&dir).unwrap().config.architecture, other);
    assert_eq!(std::fs::read_to_string(dir.join("README.md")).unwrap(), "a model card");
    for gone in ["decoder_model_int8.onnx", "optimized"] {
        assert!(!dir.join(gone).exists(), "{gone}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn folders_that_are_no_bundle_are_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("photos");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("config.json"), "{}").unwrap();
    let (checkpoint, weights) = (common::checkpoint(common::full()), common::backbone_weights());
    let error = write_bundle(&checkpoint, weights, &dir).unwrap_err();
    let expected = "the folder is neither empty nor a bundle; name another one";
    assert_eq!(error.to_string(), format!("{} is not replaced: {expected}", dir.display()));
    assert_eq!(contents(&dir).len(), 1);

    let file = dir.join("config.json");
    let error = write_bundle(&checkpoint, weights, &file).unwrap_err();
    assert!(matches!(error, Error::TargetInUse { .. }), "{error}");

    std::fs::remove_file(file).unwrap();
    write_bundle(&checkpoint, weights, &dir).expect("an empty folder is free");
    std::fs::create_dir(dir.join("notes")).unwrap();
    let error = write_bundle(&checkpoint, weights, &dir).unwrap_err();
    assert!(error.to_string().contains("no part of a bundle"), "{error}");
}

#[test]
fn a_failed_export_leaves_the_old_bundle_and_no_trace() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("bundle");
    let weights = common::backbone_weights();
    write_bundle(&common::checkpoint(common::full()), weights, &dir).unwrap();
    let before = contents(&dir);
    let error = write_bundle(&common::checkpoint(common::report()), weights, &dir).unwrap_err();
    assert!(matches!(error, Error::MissingWeight { .. }), "{error}");
    assert!(contents(&dir) == before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn only_the_backbone_file_of_the_training_is_accepted() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("backbone.safetensors");
    common::backbone_weights().write(&file).unwrap();
    let weights = glimpse_export::Weights::read(&file).unwrap();
    let dir = folder.path().join("bundle");

    let mut checkpoint = common::checkpoint(common::full());
    checkpoint.config.provenance.backbone_sha256 = "0".repeat(64);
    let error = write_bundle(&checkpoint, &weights, &dir).unwrap_err();
    assert!(matches!(error, Error::OtherBackboneWeights { .. }), "{error}");
    checkpoint.config.provenance.backbone_sha256 = sha256_of_file(&file).unwrap();
    write_bundle(&checkpoint, &weights, &dir).unwrap();
}

#[test]
fn pictures_of_another_size_are_refused() {
    let folder = tempdir().unwrap();
    let mut checkpoint = common::checkpoint(common::full());
    checkpoint.preprocessor.size.height = 256;
    let error =
        write_bundle(&checkpoint, common::backbone_weights(), &folder.path().join("bundle")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "preprocessor size: 256x224, but efficientnet-lite0 takes 224x224 for its 7x7 grid"
    );
}
