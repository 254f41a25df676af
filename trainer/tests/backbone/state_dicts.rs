use crate::fixture;
use glimpse_trainer::Error;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict, weights_path};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};

fn read(name: &str) -> Result<StateDict, Error> {
    StateDict::read(&fixture("state_dicts").join(name))
}

fn tensors(dict: &StateDict) -> BTreeMap<&str, &Tensor> {
    dict.iter().collect()
}

/// The error as a user sees it, which must be one line and name the file.
fn refused(name: &str, result: Result<impl std::fmt::Debug, Error>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(name), "{message}");
    assert!(!message.contains('\n'), "{message}");
    println!("{message}");
    message
}

#[test]
fn every_layout_gives_the_same_tensors() {
    let reference = read("flat.safetensors").unwrap();
    let names: Vec<_> = tensors(&reference).into_keys().collect();
    assert_eq!(
        names,
        [
            "bn1.bias",
            "bn1.num_batches_tracked",
            "bn1.running_mean",
            "bn1.running_var",
            "bn1.weight",
            "conv1.weight",
            "fc.bias",
            "fc.weight"
        ]
    );
    for name in ["flat.pth", "legacy.pth", "nested.pth", "module.pth", "views.pth"] {
        let dict = read(name).unwrap();
        let (found, expected) = (tensors(&dict), tensors(&reference));
        assert!(found.keys().eq(expected.keys()), "{name}: {:?}", found.keys());
        for (weight, tensor) in found {
            assert_eq!(tensor.kind(), expected[weight].kind(), "{name}: {weight}");
            assert_eq!(tensor, expected[weight], "{name}: {weight}");
        }
    }
}

#[test]
fn half_precision_is_read_as_it_is_and_given_as_f32() {
    let (half, full) = (read("half.bin").unwrap(), read("flat.safetensors").unwrap());
    assert_eq!(tensors(&half)["conv1.weight"].kind(), Kind::Half);
    let given = half.get("conv1.weight", &[2, 3, 1, 1]).unwrap();
    assert_eq!(given.kind(), Kind::Float);
    assert_eq!(
        given,
        full.get("conv1.weight", &[2, 3, 1, 1]).unwrap().to_kind(Kind::Half).to_kind(Kind::Float)
    );
}

#[test]
fn a_scalar_counter_keeps_its_type() {
    let dict = read("flat.pth").unwrap();
    let counter = tensors(&dict)["bn1.num_batches_tracked"];
    assert_eq!((counter.kind(), counter.size()), (Kind::Int64, vec![]));
    assert_eq!(counter.int64_value(&[]), 5);
}

#[test]
fn a_missing_weight_and_a_wrong_shape_are_named() {
    let dict = read("flat.pth").unwrap();
    let missing = refused("flat.pth", FeatureExtractor::load("resnet50", &dict, Device::Cpu));
    assert!(missing.contains("holds no weight layer1.0.conv1.weight"), "{missing}");
    let wrong = refused("flat.pth", dict.get("conv1.weight", &[64, 3, 7, 7]));
    assert!(wrong.contains("conv1.weight has shape [2, 3, 1, 1], expected [64, 3, 7, 7]"), "{wrong}");
}

#[test]
fn files_that_hold_no_state_dict_say_what_they_are() {
    let convert = "safetensors.torch.save_file(model.state_dict()";
    let script = refused("torchscript.pt", read("torchscript.pt"));
    assert!(script.contains("TorchScript") && script.contains(convert), "{script}");
    let settings = refused("settings.pth", read("settings.pth"));
    assert!(settings.contains("holds no tensors") && settings.contains(convert), "{settings}");

    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        refused(name, StateDict::read(&path))
    };
    assert!(made("weights.h5", b"").contains("ends in none of .safetensors, .pth, .pt, .bin"));
    assert!(made("page.pth", b"<!DOCTYPE html>").contains("not a PyTorch checkpoint"));
    made("empty.pth", b"");
    made("page.safetensors", b"<!DOCTYPE html>");
    refused("absent.pth", StateDict::read(&folder.path().join("absent.pth")));
}

#[test]
fn truncated_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["flat.safetensors", "flat.pth", "legacy.pth"] {
        let whole = std::fs::read(fixture("state_dicts").join(name)).unwrap();
        for length in [whole.len() / 4, whole.len() / 2, whole.len() - 4] {
            let path = folder.path().join(name);
            std::fs::write(&path, &whole[..length]).unwrap();
            let message = refused(name, StateDict::read(&path));
            assert!(message.contains("cut short"), "{message}");
        }
    }
}

#[test]
fn a_changed_byte_of_a_zip_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(fixture("state_dicts").join("flat.pth")).unwrap();
    let dict = read("flat.pth").unwrap();
    let first = dict.get("conv1.weight", &[2, 3, 1, 1]).unwrap().double_value(&[0, 0, 0, 0]) as f32;
    let at = bytes.windows(4).position(|window| window == first.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    let path = folder.path().join("changed.pth");
    std::fs::write(&path, bytes).unwrap();
    let message = refused("changed.pth", StateDict::read(&path));
    assert!(message.contains("conv1.weight"), "{message}");
}

#[test]
fn weights_are_looked_for_where_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, b"").unwrap();
        path
    };
    let kept = || weights_path("resnet50", None, folder.path());
    let nothing = refused("resnet50.safetensors", kept());
    assert!(nothing.contains("`backbone_weights`"), "{nothing}");
    let pth = place("resnet50.pth");
    assert_eq!(kept().unwrap(), pth);
    let safetensors = place("resnet50.safetensors");
    assert_eq!(kept().unwrap(), safetensors);

    let other = place("other.pt");
    assert_eq!(weights_path("resnet50", Some(&other), folder.path()).unwrap(), other);
    refused("typo.pth", weights_path("resnet50", Some(Path::new("typo.pth")), folder.path()));
    refused("efficientnet-lite0", weights_path("efficientnet-lite0", Some(Path::new("hub")), folder.path()));
}
