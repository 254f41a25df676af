use crate::device::Device;
use crate::{Error, Result};
use glimpse_bundle::tensors;
use ndarray::ArrayView4;
use ort::session::{Session, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorRef};

/// What the encoder made of a batch of photos, on the device where it ran. Decode it as often as you like: beams share it.
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

    fn take(mut outputs: SessionOutputs<'_>, pixel_values: ArrayView4<'_, f32>) -> ort::Result<Self> {
        let image_keys = pixel_values.outer_iter().map(|row| image_key(row.as_slice().unwrap_or(&[])));
        Ok(Self {
            batch_size: pixel_values.dim().0,
            image_keys: image_keys.collect(),
            last_hidden_state: take_f32(&mut outputs, tensors::LAST_HIDDEN_STATE)?,
            encoder_keys: take_f32(&mut outputs, tensors::ENCODER_KEYS)?,
            initial_h: take_f32(&mut outputs, tensors::INITIAL_H)?,
            initial_c: take_f32(&mut outputs, tensors::INITIAL_C)?,
        })
    }
}

/// Runs the encoder on f32 [batch, 3, height, width] in standard layout.
pub(crate) fn encode(session: &mut Session, pixel_values: ArrayView4<'_, f32>) -> Result<Encoded> {
    let input = TensorRef::from_array_view(pixel_values).map_err(failed)?;
    let outputs = session.run(ort::inputs![tensors::PIXEL_VALUES => input]).map_err(failed)?;
    Encoded::take(outputs, pixel_values).map_err(failed)
}

/// [`encode`] on a device with memory of its own, in which the outputs stay.
pub(crate) fn encode_on(
    session: &mut Session,
    pixel_values: ArrayView4<'_, f32>,
    device: Device,
) -> Result<Encoded> {
    let memory = device.memory().map_err(failed)?;
    // A copy: binding what is borrowed never returns in ort 2.0.0-rc.15.
    let input = Tensor::from_array(pixel_values.to_owned()).map_err(failed)?;
    let mut binding = session.create_binding().map_err(failed)?;
    binding.bind_input(tensors::PIXEL_VALUES, &input).map_err(failed)?;
    for output in OUTPUTS {
        binding.bind_output_to_device(output, &memory).map_err(failed)?;
    }
    binding.synchronize_inputs().map_err(failed)?;
    let outputs = session.run_binding(&binding).map_err(failed)?;
    binding.synchronize_outputs().map_err(failed)?;
    Encoded::take(outputs, pixel_values).map_err(failed)
}

const OUTPUTS: [&str; 4] =
    [tensors::LAST_HIDDEN_STATE, tensors::ENCODER_KEYS, tensors::INITIAL_H, tensors::INITIAL_C];

fn failed(source: ort::Error) -> Error {
    Error::Run { graph: "encoder", source }
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
