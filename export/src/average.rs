use crate::{Checkpoint, Error, Result, Weights};
use glimpse_bundle::{Provenance, SourceCheckpoint, sha256_of_file};
use std::path::Path;

/// A checkpoint whose weights are the mean of those of several runs (a model soup, Wortsman et al. 2022).
///
/// The runs must go back to the same weights, which may be among them: the mean of runs that were drawn at random
/// each predicts nothing.
/// Decoding defaults and scores are the first checkpoint's.
///
/// # Errors
/// Fewer than two checkpoints, one that cannot be read, and runs of another vocabulary, other sizes, another
/// preprocessing, other backbone weights or another start.
pub fn average(paths: &[impl AsRef<Path>]) -> Result<Checkpoint> {
    let [first, others @ ..] = paths else { return Err(too_few()) };
    if others.is_empty() {
        return Err(too_few());
    }
    let first_path = first.as_ref();
    let mut mean = Checkpoint::read(first_path)?;
    let mut sums: Vec<(String, Vec<usize>, Vec<f64>)> = mean
        .weights
        .iter()
        .map(|(name, tensor)| {
            let data = tensor.data().iter().copied().map(f64::from).collect();
            (name.to_string(), tensor.shape().to_vec(), data)
        })
        .collect();
    let mut averaged = vec![record(first_path, &mean)?];
    for path in others {
        let path = path.as_ref();
        let other = Checkpoint::read(path)?;
        let source = record(path, &other)?;
        check((&mean, &averaged[0].sha256), (&other, &source.sha256), path)?;
        for (name, shape, sum) in &mut sums {
            for (sum, &number) in sum.iter_mut().zip(other.weights.get(name, shape)?) {
                *sum += f64::from(number);
            }
        }
        averaged.push(source);
    }
    let count = paths.len() as f64;
    let mut weights = Weights::in_memory(format!("the mean of {} checkpoints", paths.len()));
    weights.extend(sums.into_iter().map(|(name, shape, sum)| {
        (name, shape, sum.into_iter().map(|number| (number / count) as f32).collect())
    }))?;
    mean.weights = weights;
    mean.config.provenance = Provenance { averaged, ..mean.config.provenance };
    Ok(mean)
}

fn too_few() -> Error {
    Error::Contradiction { what: "checkpoints", reason: "a mean needs at least two".into() }
}

fn record(path: &Path, checkpoint: &Checkpoint) -> Result<SourceCheckpoint> {
    Ok(SourceCheckpoint { sha256: sha256_of_file(path)?, provenance: checkpoint.config.provenance.clone() })
}

/// Refuses a checkpoint whose numbers mean something else than those of `first`.
fn check(first: (&Checkpoint, &str), other: (&Checkpoint, &str), path: &Path) -> Result<()> {
    let backbone = |checkpoint: &Checkpoint| {
        let Provenance { backbone_sha256, trained_blocks, .. } = &checkpoint.config.provenance;
        (backbone_sha256.clone(), *trained_blocks)
    };
    let differs = if first.0.tokenizer != other.0.tokenizer {
        "has another vocabulary than the first"
    } else if first.0.config.architecture != other.0.config.architecture {
        "has other sizes than the first"
    } else if first.0.preprocessor != other.0.preprocessor {
        "has another preprocessing than the first"
    } else if backbone(first.0) != backbone(other.0) {
        "has another backbone than the first"
    } else if !line(first).any(|one| line(other).any(|another| one == another))
        && drawn(first.0).is_none_or(|seed| Some(seed) != drawn(other.0))
    {
        "began with other weights than the first: the mean of such runs predicts nothing"
    } else {
        return Ok(());
    };
    Err(Error::Contradiction { what: "checkpoints", reason: format!("{} {differs}", path.display()) })
}

/// The SHA-256 of this checkpoint, of the one that it began with, of the one that that began with, and so on.
fn line<'a>((checkpoint, sha256): (&'a Checkpoint, &'a str)) -> impl Iterator<Item = &'a str> {
    let first = checkpoint.config.provenance.started_from.as_deref();
    let starts = std::iter::successors(first, |start| start.provenance.started_from.as_deref());
    std::iter::once(sha256).chain(starts.map(|start| start.sha256.as_str()))
}

/// The seed that the first weights were drawn with, where training began with those.
fn drawn(checkpoint: &Checkpoint) -> Option<u64> {
    let Provenance { started_from, seed, .. } = &checkpoint.config.provenance;
    started_from.is_none().then_some(*seed)
}
