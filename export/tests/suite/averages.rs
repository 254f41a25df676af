//! One checkpoint from several.

use crate::common;
use glimpse_bundle::Architecture;
use glimpse_bundle::{Provenance, SourceCheckpoint, sha256_of_file};
use glimpse_export::{Checkpoint, Weights, average};
use std::path::PathBuf;
use tempfile::{TempDir, tempdir};

/// Writes the seeded checkpoint with every weight moved by `shift`.
fn shifted(folder: &TempDir, name: &str, shift: f32, provenance: Provenance) -> PathBuf {
    let mut checkpoint = common::checkpoint(common::full());
    let mut weights = Weights::in_memory("shifted");
    for (name, tensor) in checkpoint.weights.iter() {
        let data = tensor.data().iter().map(|number| number + shift).collect();
        weights.insert(name, tensor.shape(), data).unwrap();
    }
    checkpoint.weights = weights;
    checkpoint.config.provenance = provenance;
    let path = folder.path().join(name);
    checkpoint.write(&path).unwrap();
    path
}

fn begun_with(sha256: &str) -> Provenance {
    let started_from = SourceCheckpoint { sha256: sha256.into(), ..SourceCheckpoint::default() };
    Provenance { started_from: Some(Box::new(started_from)), ..Provenance::default() }
}

#[test]
fn the_mean_of_runs_and_of_their_start() {
    let folder = tempdir().unwrap();
    let start = shifted(&folder, "start", 0.0, Provenance::default());
    let sha256 = sha256_of_file(&start).unwrap();
    let first = shifted(&folder, "first", 1.0, begun_with(&sha256));
    let second = shifted(&folder, "second", -0.25, begun_with(&sha256));
    let mean = average(&[&first, &second, &start]).unwrap();
    let before = Checkpoint::read(&start).unwrap();
    for (name, tensor) in before.weights.iter() {
        for (found, number) in mean.weights.get(name, tensor.shape()).unwrap().iter().zip(tensor.data()) {
            assert!((found - (number + 0.25)).abs() < 1e-6, "{name}: {found} {number}");
        }
    }
    let sources = mean.config.provenance.averaged.iter().map(|source| source.sha256.clone());
    assert_eq!(
        sources.collect::<Vec<_>>(),
        [&first, &second, &start].map(|path| sha256_of_file(path).unwrap())
    );
    mean.write(&folder.path().join("mean")).unwrap();
    assert_eq!(Checkpoint::read(&folder.path().join("mean")).unwrap().config, mean.config);
}

/// A run that was begun with a run of the same line.
#[test]
fn the_mean_of_a_run_and_of_one_that_goes_on_from_it() {
    let folder = tempdir().unwrap();
    let first = shifted(&folder, "first", 1.0, begun_with("root"));
    let mut provenance = begun_with(&sha256_of_file(&first).unwrap());
    provenance.started_from.as_mut().unwrap().provenance = begun_with("root");
    let second = shifted(&folder, "second", 0.0, provenance);
    for paths in [[&first, &second], [&second, &first]] {
        assert_eq!(average(&paths).unwrap().config.provenance.averaged.len(), 2);
    }
}

#[test]
fn runs_that_have_no_mean_are_refused() {
    let folder = tempdir().unwrap();
    let first = shifted(&folder, "first", 0.0, begun_with("a"));
    let other = shifted(&folder, "other", 0.0, begun_with("b"));
    let refusal = |paths: &[&PathBuf]| average(paths).unwrap_err().to_string();
    assert!(refusal(&[&first]).contains("at least two"));
    assert!(refusal(&[&first, &other]).contains("began with other weights"));
    let sizes = folder.path().join("sizes");
    common::checkpoint(Architecture { gated_context: false, ..common::full() }).write(&sizes).unwrap();
    assert!(refusal(&[&first, &sizes]).contains("sizes has other sizes than the first"));
    let backbone = Provenance { backbone_sha256: "c".into(), ..begun_with("a") };
    let backbone = shifted(&folder, "backbone", 0.0, backbone);
    assert!(refusal(&[&first, &backbone]).contains("another backbone"));
    // One seed draws the same weights, whatever else differs in training.
    let [one, same, seed] = [(1, 3), (2, 3), (1, 4)].map(|(epochs, seed)| {
        let provenance = Provenance { seed, epochs, ..Provenance::default() };
        shifted(&folder, &format!("{epochs}-{seed}"), epochs as f32, provenance)
    });
    assert!(average(&[&one, &same]).is_ok());
    assert!(refusal(&[&one, &seed]).contains("began with other weights"));
}
