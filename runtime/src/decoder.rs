use crate::encoder::{Encoded, take_f32};
use crate::search::{Step, StepModel, TopCandidates};
use crate::{Error, Result};
use glimpse_bundle::tensors;
use ort::session::{Session, SessionOutputs};
use ort::value::{Tensor, TensorRef};

pub(crate) const GRAPH: &str = "decoder";

/// The decoder graph as a [`StepModel`]: one search over one encoded batch.
///
/// Hidden and cell state stay in ONNX Runtime's own tensors; the graph gathers them by `beam_idx`.
pub(crate) struct Decoder<'a> {
    session: &'a mut Session,
    vocab_size: usize,
    images: usize,
    image_keys: &'a [u64],
    hidden_states: PerImage<'a>,
    keys: PerImage<'a>,
    initial: (&'a Tensor<f32>, &'a Tensor<f32>),
    /// h and c as the last step left them; `None` before the first.
    present: Option<(Tensor<f32>, Tensor<f32>)>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(session: &'a mut Session, encoded: &'a Encoded, vocab_size: usize) -> Self {
        Self {
            session,
            vocab_size,
            images: encoded.batch_size,
            image_keys: &encoded.image_keys,
            hidden_states: PerImage::new(&encoded.last_hidden_state),
            keys: PerImage::new(&encoded.encoder_keys),
            initial: (&encoded.initial_h, &encoded.initial_c),
            present: None,
        }
    }
}

impl StepModel for Decoder<'_> {
    type Error = Error;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn image_key(&self, image: usize) -> u64 {
        self.image_keys[image]
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<()> {
        if let Some(kept) = step.kept_images {
            self.hidden_states.keep(kept);
            self.keys.keep(kept);
            self.images = kept.len();
        }
        let rows = step.input_ids.len();
        let (h, c) = match &self.present {
            Some((h, c)) => (h, c),
            None => self.initial,
        };
        let failed = |source| Error::Run { graph: GRAPH, source };
        let k = [step.k as i64];
        let inputs = ort::inputs![
            tensors::INPUT_IDS => TensorRef::from_array_view(([rows], step.input_ids)).map_err(failed)?,
            tensors::BEAM_IDX => TensorRef::from_array_view(([rows], step.beam_idx)).map_err(failed)?,
            tensors::PAST_H => h,
            tensors::PAST_C => c,
            tensors::ENCODER_HIDDEN_STATES => self.hidden_states.view(self.images).map_err(failed)?,
            tensors::ENCODER_KEYS => self.keys.view(self.images).map_err(failed)?,
            tensors::K => TensorRef::from_array_view(((), &k[..])).map_err(failed)?,
        ];
        let outputs = self.session.run(inputs).map_err(failed)?;
        self.present = Some(read(outputs, step, self.hidden_states.cells, out)?);
        Ok(())
    }
}

/// Copies what the search wants out of a step's outputs, and takes h and c.
pub(crate) fn read(
    mut outputs: SessionOutputs<'_>,
    step: &Step<'_>,
    cells: usize,
    out: &mut TopCandidates,
) -> Result<(Tensor<f32>, Tensor<f32>)> {
    let rows = step.input_ids.len();
    copy_out(&outputs, tensors::TOP_LOG_PROBS, rows * step.k, &mut out.log_probs)?;
    copy_out(&outputs, tensors::TOP_TOKEN_IDS, rows * step.k, &mut out.token_ids)?;
    out.attentions.clear();
    if step.output_attentions {
        copy_out(&outputs, tensors::ATTENTIONS, rows * cells, &mut out.attentions)?;
    }
    if out.log_probs.iter().any(|log_prob| log_prob.is_nan()) {
        // No search can rank it.
        let reason = "a log-probability is not a number; the weights or the pixel values are broken".into();
        return Err(Error::Output { graph: GRAPH, tensor: tensors::TOP_LOG_PROBS, reason });
    }
    let mut take = |name| take_f32(&mut outputs, name).map_err(|source| Error::Run { graph: GRAPH, source });
    Ok((take(tensors::PRESENT_H)?, take(tensors::PRESENT_C)?))
}

/// Copies an output into a buffer that is reused, refusing a size that the search cannot read.
fn copy_out<T: ort::value::PrimitiveTensorElementType + Copy>(
    outputs: &SessionOutputs<'_>,
    tensor: &'static str,
    expected: usize,
    buffer: &mut Vec<T>,
) -> Result<()> {
    let unusable = |reason| Error::Output { graph: GRAPH, tensor, reason };
    let output = outputs.get(tensor).ok_or_else(|| unusable("it is missing".into()))?;
    let (shape, values) =
        output.try_extract_tensor::<T>().map_err(|source| Error::Run { graph: GRAPH, source })?;
    if values.len() != expected {
        return Err(unusable(format!("it has shape {shape:?}, where {expected} values were expected")));
    }
    buffer.clear();
    buffer.extend_from_slice(values);
    Ok(())
}

/// One of the encoder's grids, [images, cells, dim]: borrowed until the first image leaves.
struct PerImage<'a> {
    encoded: &'a [f32],
    /// The grids of the images that are left, once one has left.
    kept: Option<Vec<f32>>,
    cells: usize,
    dim: usize,
}

impl<'a> PerImage<'a> {
    fn new(grid: &'a Tensor<f32>) -> Self {
        let (shape, encoded) = grid.extract_tensor();
        // The contract was checked when the graph was opened: [batch, cells, dim].
        Self { encoded, kept: None, cells: shape[1] as usize, dim: shape[2] as usize }
    }

    /// Drops the images that are not named; `positions` is ascending.
    fn keep(&mut self, positions: &[usize]) {
        let size = self.cells * self.dim;
        match &mut self.kept {
            Some(kept) => {
                for (to, &from) in positions.iter().enumerate() {
                    kept.copy_within(from * size..(from + 1) * size, to * size);
                }
                kept.truncate(positions.len() * size);
            }
            None => {
                let mut kept = Vec::with_capacity(positions.len() * size);
                for &from in positions {
                    kept.extend_from_slice(&self.encoded[from * size..(from + 1) * size]);
                }
                self.kept = Some(kept);
            }
        }
    }

    fn view(&self, images: usize) -> ort::Result<TensorRef<'_, f32>> {
        let values = self.kept.as_deref().unwrap_or(self.encoded);
        TensorRef::from_array_view(([images, self.cells, self.dim], values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_leave_in_any_order() {
        let encoded: Vec<f32> = (0..5).flat_map(|image| [image as f32; 6]).collect();
        let mut grid = PerImage { encoded: &encoded, kept: None, cells: 3, dim: 2 };
        for (positions, left) in [(&[0, 2, 3, 4][..], &[0, 2, 3, 4][..]), (&[1, 3], &[2, 4]), (&[1], &[4])] {
            grid.keep(positions);
            let expected: Vec<f32> = left.iter().flat_map(|&image| [image as f32; 6]).collect();
            assert_eq!(grid.kept.as_deref(), Some(&expected[..]));
        }
    }
}
