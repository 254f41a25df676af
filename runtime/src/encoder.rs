use crate::device::Device;
use crate::error::OrtError;
use crate::{Error, Result};
use glimpse_bundle::{DecoderInterface, tensors};
use ndarray::ArrayView4;
use ort::session::{Session, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorRef};

/// What the encoder made of a batch of photos, on the device where it ran. It can be decoded many times, by the
/// captioner that encoded it.
pub struct Encoded {
    /// Which captioner encoded it.
    pub(crate) captioner: u64,
    pub(crate) batch_size: usize,
    /// One for each photo; see [`image_key`].
    pub(crate) image_keys: Vec<u64>,
    /// The encoder's outputs that the decoder reads.
    outputs: Vec<(String, Tensor<f32>)>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoded").field("batch_size", &self.batch_size).finish_non_exhaustive()
    }
}

impl Encoded {
    /// Photos in the batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// An output of the encoder by its name.
    pub(crate) fn output(&self, name: &str) -> Result<&Tensor<f32>> {
        let missing = || Error::MissingOutput { graph: "encoder", tensor: name.into() };
        self.outputs.iter().find(|(output, _)| output == name).map(|(_, tensor)| tensor).ok_or_else(missing)
    }
}

/// The encoder's graph, with the outputs that the decoder needs.
pub(crate) struct Encoder<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) interface: &'a DecoderInterface,
    /// Marks what it encodes.
    pub(crate) captioner: u64,
}

impl Encoder<'_> {
    /// Runs on f32 [batch, 3, height, width] in standard layout. On a device with memory of its own the outputs stay
    /// there.
    pub(crate) fn encode(self, pixel_values: ArrayView4<'_, f32>, device: Device) -> Result<Encoded> {
        match device {
            Device::Cuda(_) => self.encode_bound(pixel_values, device),
            Device::Auto | Device::Cpu => {
                let input = TensorRef::from_array_view(pixel_values).map_err(failed)?;
                let outputs =
                    self.session.run(ort::inputs![tensors::PIXEL_VALUES => input]).map_err(failed)?;
                taken(outputs, self.interface, self.captioner, pixel_values)
            }
        }
    }

    /// [`encode`](Self::encode) with inputs and outputs bound to a device's memory.
    pub(crate) fn encode_bound(self, pixel_values: ArrayView4<'_, f32>, device: Device) -> Result<Encoded> {
        let memory = device.memory().map_err(failed)?;
        // A copy: binding what is borrowed never returns in ort 2.0.0-rc.15.
        let input = Tensor::from_array(pixel_values.to_owned()).map_err(failed)?;
        let mut binding = self.session.create_binding().map_err(failed)?;
        binding.bind_input(tensors::PIXEL_VALUES, &input).map_err(failed)?;
        for (output, _) in self.interface.encoder_outputs() {
            binding.bind_output_to_device(output, &memory).map_err(failed)?;
        }
        binding.synchronize_inputs().map_err(failed)?;
        let outputs = self.session.run_binding(&binding).map_err(failed)?;
        binding.synchronize_outputs().map_err(failed)?;
        taken(outputs, self.interface, self.captioner, pixel_values)
    }
}

fn taken(
    mut outputs: SessionOutputs<'_>,
    interface: &DecoderInterface,
    captioner: u64,
    pixel_values: ArrayView4<'_, f32>,
) -> Result<Encoded> {
    let image_keys = pixel_values.outer_iter().map(|row| image_key(row.as_slice().unwrap_or(&[])));
    let take = |(name, _): (&str, _)| Ok((name.to_string(), take_f32(&mut outputs, name).map_err(failed)?));
    Ok(Encoded {
        captioner,
        batch_size: pixel_values.dim().0,
        image_keys: image_keys.collect(),
        outputs: interface.encoder_outputs().into_iter().map(take).collect::<Result<_>>()?,
    })
}

fn failed(source: ort::Error) -> Error {
    Error::Run { graph: "encoder", source: OrtError::of(source) }
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
