use super::{Error, Result, failed};
use crate::encoder::Encoded;
use glimpse_bundle::{DecoderInterface, tensors};
use glimpse_generation::Step;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{Tensor, TensorRef};
use std::borrow::Cow;

/// The tensors of each image in the host's memory, in the order of the interface.
pub(super) struct Host<'a> {
    tensors: Vec<PerImage<'a>>,
    images: usize,
}

impl<'a> Host<'a> {
    pub(super) fn new(interface: &DecoderInterface, encoded: &'a Encoded) -> Result<Self> {
        let tensor =
            |tensor: &glimpse_bundle::ImageTensor| Ok(PerImage::new(encoded.output(&tensor.output)?));
        let tensors = interface.image_tensors.iter().map(tensor).collect::<Result<_>>()?;
        Ok(Self { tensors, images: encoded.batch_size })
    }

    /// Drops the images that are not named; `positions` is ascending.
    pub(super) fn keep(&mut self, positions: &[usize]) {
        self.tensors.iter_mut().for_each(|tensor| tensor.keep(positions));
        self.images = positions.len();
    }

    pub(super) fn run<'s>(
        &self,
        session: &'s mut Session,
        interface: &DecoderInterface,
        step: &Step<'_>,
        past: &[&Tensor<f32>],
    ) -> Result<SessionOutputs<'s>> {
        let rows = step.input_ids.len();
        let k = [step.k as i64];
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
        let ids = TensorRef::from_array_view(([rows], step.input_ids)).map_err(failed)?;
        inputs.push((tensors::INPUT_IDS.into(), ids.into()));
        if interface.gathers_state {
            let beams = TensorRef::from_array_view(([rows], step.beam_idx)).map_err(failed)?;
            inputs.push((tensors::BEAM_IDX.into(), beams.into()));
        }
        if interface.ranks_tokens {
            let k = TensorRef::from_array_view(((), &k[..])).map_err(failed)?;
            inputs.push((tensors::K.into(), k.into()));
        }
        for (state, past) in interface.state.iter().zip(past) {
            inputs.push((state.past.as_str().into(), (*past).into()));
        }
        for (named, tensor) in interface.image_tensors.iter().zip(&self.tensors) {
            inputs.push((named.input.as_str().into(), tensor.view(self.images)?.into()));
        }
        session.run(inputs).map_err(failed)
    }
}

/// The state that each row continues: row `beam_idx[i]` of the last step becomes row i.
pub(super) fn gather(past: &[&Tensor<f32>], beam_idx: &[i64]) -> Result<Vec<Tensor<f32>>> {
    let gathered = past.iter().map(|tensor| {
        let (shape, values) = tensor.extract_tensor();
        let row = values.len() / (shape[0].max(1) as usize);
        let mut gathered = Vec::with_capacity(beam_idx.len() * row);
        for &beam in beam_idx {
            let beam = beam as usize;
            gathered.extend_from_slice(&values[beam * row..(beam + 1) * row]);
        }
        let mut shape: Vec<i64> = shape.to_vec();
        shape[0] = beam_idx.len() as i64;
        Tensor::from_array((shape, gathered)).map_err(failed)
    });
    gathered.collect::<Result<_, Error>>()
}

/// One tensor, [images, ...]: borrowed until the first image leaves.
struct PerImage<'a> {
    encoded: &'a [f32],
    /// The values of the images that are left, once one has left.
    kept: Option<Vec<f32>>,
    /// All axes but the first.
    shape: Vec<i64>,
}

impl<'a> PerImage<'a> {
    fn new(tensor: &'a Tensor<f32>) -> Self {
        let (shape, encoded) = tensor.extract_tensor();
        Self { encoded, kept: None, shape: shape[1..].to_vec() }
    }

    fn keep(&mut self, positions: &[usize]) {
        let size = self.shape.iter().product::<i64>() as usize;
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

    fn view(&self, images: usize) -> Result<TensorRef<'_, f32>> {
        let values = self.kept.as_deref().unwrap_or(self.encoded);
        let shape: Vec<i64> = std::iter::once(images as i64).chain(self.shape.iter().copied()).collect();
        TensorRef::from_array_view((shape, values)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_leave_in_any_order() {
        let encoded: Vec<f32> = (0..5).flat_map(|image| [image as f32; 6]).collect();
        let mut grid = PerImage { encoded: &encoded, kept: None, shape: vec![3, 2] };
        for (positions, left) in [(&[0, 2, 3, 4][..], &[0, 2, 3, 4][..]), (&[1, 3], &[2, 4]), (&[1], &[4])] {
            grid.keep(positions);
            let expected: Vec<f32> = left.iter().flat_map(|&image| [image as f32; 6]).collect();
            assert_eq!(grid.kept.as_deref(), Some(&expected[..]));
        }
    }
}
