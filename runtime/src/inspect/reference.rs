use super::open_checked;
use crate::error::OrtError;
use crate::onnxruntime::OnnxRuntime;
use crate::{Error, Result};
use glimpse_bundle::{Bundle, DECODER, ENCODER, Precision};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// How far one output of a graph is from its reference.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// `encoder` or `decoder`.
    pub graph: &'static str,
    /// The output.
    pub tensor: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Largest absolute difference of any element; infinite where just one side is NaN or infinite.
    pub max_abs_difference: f64,
}

/// Runs both graphs on reference inputs and compares their outputs with reference outputs.
///
/// `file` is a `.safetensors` file with tensors under `encoder/` and `decoder/`, named as in
/// [`glimpse_bundle::tensors`], in f32 and i64: all inputs of a graph, and the outputs to compare. A
/// graph without tensors is left out.
///
/// # Errors
/// A file that cannot be read, lacks an input, has no output to compare or a tensor that no graph
/// knows; or a graph that cannot be opened or run.
pub fn compare(bundle: &Bundle, runtime: &OnnxRuntime, file: &Path) -> Result<Vec<Difference>> {
    let bytes = std::fs::read(file).map_err(glimpse_bundle::Error::io(file))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| refuse(file, format!("no safetensors file: {error}")))?;
    let of_no_graph = |name: &&str| !name.starts_with("encoder/") && !name.starts_with("decoder/");
    if let Some(name) = tensors.names().into_iter().find(of_no_graph) {
        return Err(refuse(file, format!("{name} lies neither under encoder/ nor under decoder/")));
    }
    let mut differences = Vec::new();
    for (graph, stem) in [("encoder", ENCODER), ("decoder", DECODER)] {
        let of_graph = tensors.tensors().into_iter().filter_map(|(name, view)| {
            let name = name.strip_prefix(graph)?.strip_prefix('/')?;
            Some((name.to_string(), view))
        });
        let of_graph: BTreeMap<_, _> = of_graph.collect();
        if !of_graph.is_empty() {
            let mut session = open_checked(bundle, runtime, stem, Precision::Fp32)?;
            differences.extend(compare_graph(&mut session, graph, &of_graph, file)?);
        }
    }
    if differences.is_empty() {
        return Err(refuse(file, "it holds no output under encoder/ or decoder/".into()));
    }
    Ok(differences)
}

fn refuse(file: &Path, reason: String) -> Error {
    Error::Reference { path: file.to_path_buf(), reason }
}

fn compare_graph(
    session: &mut Session,
    graph: &'static str,
    tensors: &BTreeMap<String, TensorView<'_>>,
    file: &Path,
) -> Result<Vec<Difference>> {
    let failed = |source| Error::Run { graph, source: OrtError::of(source) };
    let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
    for input in session.inputs() {
        let name = input.name().to_string();
        let view = tensors
            .get(&name)
            .ok_or_else(|| refuse(file, format!("the {graph}'s input {graph}/{name} is missing")))?;
        let rank = input.dtype().tensor_shape().map_or(0, |shape| shape.len());
        if view.shape().len() != rank {
            let reason = format!("{graph}/{name} has shape {:?}, the graph wants {rank} axes", view.shape());
            return Err(refuse(file, reason));
        }
        let value = to_value(view).map_err(failed)?;
        let value = value.ok_or_else(|| refuse(file, unreadable(graph, &name, view.dtype())))?;
        inputs.push((name.into(), value.into()));
    }
    let known = |name: &str| {
        let outlets = session.inputs().iter().chain(session.outputs());
        outlets.into_iter().any(|outlet| outlet.name() == name)
    };
    if let Some(name) = tensors.keys().find(|name| !known(name)) {
        return Err(refuse(file, format!("the {graph} knows no tensor {graph}/{name}")));
    }
    let outputs = session.run(inputs).map_err(failed)?;
    let mut differences = Vec::new();
    for (tensor, found) in &outputs {
        let Some(view) = tensors.get(tensor) else { continue };
        let expected = to_f64(view).ok_or_else(|| refuse(file, unreadable(graph, tensor, view.dtype())))?;
        let (shape, found) = match found.try_extract_tensor::<f32>() {
            Ok((shape, values)) => (shape, values.iter().map(|&value| f64::from(value)).collect()),
            Err(_) => {
                let (shape, values) = found.try_extract_tensor::<i64>().map_err(failed)?;
                (shape, values.iter().map(|&value| value as f64).collect::<Vec<_>>())
            }
        };
        let shape: Vec<_> = shape.iter().map(|&size| size as usize).collect();
        if shape != view.shape() {
            let reason = format!("{graph}/{tensor} has shape {:?}, the graph gave {shape:?}", view.shape());
            return Err(refuse(file, reason));
        }
        let max_abs_difference = max_abs_difference(&found, &expected);
        differences.push(Difference { graph, tensor: tensor.into(), shape, max_abs_difference });
    }
    Ok(differences)
}

fn unreadable(graph: &str, name: &str, dtype: Dtype) -> String {
    format!("{graph}/{name} has type {dtype:?}; F32 and I64 are read here")
}

/// The tensor as a graph's input, if its type is one that the graphs read.
fn to_value(view: &TensorView<'_>) -> ort::Result<Option<DynValue>> {
    let shape: Vec<_> = view.shape().to_vec();
    Ok(match view.dtype() {
        Dtype::F32 => Some(Tensor::from_array((shape, f32s(view)))?.into_dyn()),
        Dtype::I64 => Some(Tensor::from_array((shape, i64s(view)))?.into_dyn()),
        _ => None,
    })
}

fn to_f64(view: &TensorView<'_>) -> Option<Vec<f64>> {
    match view.dtype() {
        Dtype::F32 => Some(f32s(view).into_iter().map(f64::from).collect()),
        Dtype::I64 => Some(i64s(view).into_iter().map(|value| value as f64).collect()),
        _ => None,
    }
}

// The file's bytes are little-endian and need not be aligned.
fn f32s(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

fn i64s(view: &TensorView<'_>) -> Vec<i64> {
    view.data().as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
}

fn max_abs_difference(found: &[f64], expected: &[f64]) -> f64 {
    let difference = |(&found, &expected): (&f64, &f64)| {
        let same = found == expected || (found.is_nan() && expected.is_nan());
        let difference = (found - expected).abs();
        if same {
            0.0
        } else if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        }
    };
    found.iter().zip(expected).map(difference).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_never_passes_by() {
        const INF: f64 = f64::INFINITY;
        assert_eq!(max_abs_difference(&[1.0, 2.0], &[1.25, 2.0]), 0.25);
        assert_eq!(max_abs_difference(&[f64::NAN, 2.0], &[1.0, 2.0]), INF);
        assert_eq!(max_abs_difference(&[1.0], &[f64::NAN]), INF);
        assert_eq!(max_abs_difference(&[-INF], &[INF]), INF);
        assert_eq!(max_abs_difference(&[-INF, f64::NAN], &[-INF, f64::NAN]), 0.0);
    }
}
