use crate::{Error, Result};
use glimpse_bundle::tensors;
use ndarray::ArrayView4;
use ort::session::{Session, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorRef};

/// What the encoder made of a batch of photos. Decode it as often as you like: beams share it.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) batch_size: usize,
    /// One for each photo; see [`image_key`].
    pub(crate) image_keys: Vec<u64>,
    /// [batch_size, cells, encoder_dim]
    pub(crate) last_hidden_state: Tensor<f32>,
    /// [batch_size, cells, attention_dim]
    pub(crate) encoder_keys: Tensor<f32>,
    /// [batch_size, decoder_dim]
    pub(crate) initial_h: Tensor<f32>,
    /// [batch_size, decoder_dim]
    pub(crate) initial_c: Tensor<f32>,
}

impl Encoded {
    /// Photos in the batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }
}

/// Runs the encoder on f32 [batch, 3, height, width].
pub(crate) fn encode(session: &mut Session, pixel_values: ArrayView4<'_, f32>) -> Result<Encoded> {
    let failed = |source| Error::Run { graph: "encoder", source };
    let batch_size = pixel_values.dim().0;
    let input = TensorRef::from_array_view(pixel_values).map_err(failed)?;
    // Rows are in standard layout, or there would be no `input`.
    let image_keys = pixel_values.outer_iter().map(|row| image_key(row.as_slice().unwrap_or(&[]))).collect();
    let mut outputs = session.run(ort::inputs![tensors::PIXEL_VALUES => input]).map_err(failed)?;
    let mut take = |name| take_f32(&mut outputs, name).map_err(failed);
    Ok(Encoded {
        batch_size,
        image_keys,
        last_hidden_state: take(tensors::LAST_HIDDEN_STATE)?,
        encoder_keys: take(tensors::ENCODER_KEYS)?,
        initial_h: take(tensors::INITIAL_H)?,
        initial_c: take(tensors::INITIAL_C)?,
    })
}

/// Tells photos apart, whatever batch they are in: FNV-1a over every 31st value, as reading all of them
/// would cost more than sampling gains by it.
fn image_key(pixel_values: &[f32]) -> u64 {
    pixel_values.iter().step_by(31).fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Takes an f32 output out of a run; it lives on without a copy.
pub(crate) fn take_f32(outputs: &mut SessionOutputs<'_>, name: &str) -> ort::Result<Tensor<f32>> {
    let missing = || ort::Error::new(format!("the run gave no output {name}"));
    outputs.remove(name).ok_or_else(missing).and_then(DynValue::downcast)
}
