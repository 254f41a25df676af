use super::{Result, failed};
use crate::device::Device;
use crate::encoder::{Encoded, take_f32};
use crate::selection::{POSITIONS, kept};
use glimpse_bundle::{DecoderInterface, tensors};
use glimpse_generation::Step;
use ort::memory::MemoryInfo;
use ort::session::{IoBinding, Session, SessionOutputs};
use ort::value::Tensor;

/// The tensors of each image on a device with memory of its own.
///
/// For each step the tokens and the beams that they continue go to the device, and the best tokens of each row come
/// back, with their attentions if these are asked for: nothing else crosses. Each step's state gets a buffer of its
/// own, so that the last one can still be read while it is written.
pub(super) struct Bound<'a> {
    selection: &'a mut Session,
    binding: IoBinding,
    device_memory: MemoryInfo<'static>,
    host_memory: MemoryInfo<'static>,
    /// The tensors of the images that are left, once one has left; in the order of the interface.
    kept: Vec<Tensor<f32>>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(
        session: &Session,
        selection: &'a mut Session,
        device: Device,
        interface: &DecoderInterface,
        encoded: &Encoded,
    ) -> Result<Self> {
        let mut binding = session.create_binding().map_err(failed)?;
        for tensor in &interface.image_tensors {
            binding.bind_input(tensor.input.as_str(), encoded.output(&tensor.output)?).map_err(failed)?;
        }
        Ok(Self {
            selection,
            binding,
            device_memory: device.memory().map_err(failed)?,
            host_memory: Device::Cpu.memory().map_err(failed)?,
            kept: Vec::new(),
        })
    }

    /// Drops the images that are not named.
    pub(super) fn keep(
        &mut self,
        positions: &[usize],
        interface: &DecoderInterface,
        encoded: &Encoded,
    ) -> Result<()> {
        let positions: Vec<i64> = positions.iter().map(|&position| position as i64).collect();
        let positions = Tensor::from_array(([positions.len()], positions)).map_err(failed)?;
        let mut binding = self.selection.create_binding().map_err(failed)?;
        binding.bind_input(POSITIONS, &positions).map_err(failed)?;
        for (index, tensor) in interface.image_tensors.iter().enumerate() {
            let present = match self.kept.get(index) {
                Some(kept) => kept,
                None => encoded.output(&tensor.output)?,
            };
            binding.bind_input(tensor.input.as_str(), present).map_err(failed)?;
            binding.bind_output_to_device(kept(&tensor.input), &self.device_memory).map_err(failed)?;
        }
        let mut outputs = self.selection.run_binding(&binding).map_err(failed)?;
        let names = interface.image_tensors.iter().map(|tensor| tensor.input.as_str());
        let left = names.clone().map(|name| take_f32(&mut outputs, &kept(name)).map_err(failed));
        let left = left.collect::<Result<Vec<_>>>()?;
        drop(outputs);
        for (name, tensor) in names.zip(&left) {
            self.binding.bind_input(name, tensor).map_err(failed)?;
        }
        self.kept = left;
        Ok(())
    }

    pub(super) fn run<'s>(
        &'s mut self,
        session: &'s mut Session,
        interface: &DecoderInterface,
        step: &Step<'_>,
        past: &[&Tensor<f32>],
    ) -> Result<SessionOutputs<'s>> {
        self.bind(interface, step, past).map_err(failed)?;
        let outputs = session.run_binding(&self.binding).map_err(failed)?;
        self.binding.synchronize_outputs().map_err(failed)?;
        Ok(outputs)
    }

    fn bind(
        &mut self,
        interface: &DecoderInterface,
        step: &Step<'_>,
        past: &[&Tensor<f32>],
    ) -> ort::Result<()> {
        let Self { binding, device_memory, host_memory, .. } = self;
        let rows = step.input_ids.len();
        binding.bind_input(tensors::INPUT_IDS, &Tensor::from_array(([rows], step.input_ids.to_vec()))?)?;
        if interface.gathers_state {
            binding.bind_input(tensors::BEAM_IDX, &Tensor::from_array(([rows], step.beam_idx.to_vec()))?)?;
        }
        if interface.ranks_tokens {
            binding.bind_input(tensors::K, &Tensor::from_array(((), vec![step.k as i64]))?)?;
        }
        for (state, past) in interface.state.iter().zip(past) {
            binding.bind_input(state.past.as_str(), *past)?;
        }
        binding.clear_outputs();
        for state in &interface.state {
            binding.bind_output_to_device(state.present.as_str(), device_memory)?;
        }
        let candidates: &[&str] = if interface.ranks_tokens {
            &[tensors::TOP_LOG_PROBS, tensors::TOP_TOKEN_IDS]
        } else {
            &[tensors::LOGITS]
        };
        let attentions = (step.output_attentions && interface.has_attentions).then_some(&tensors::ATTENTIONS);
        for &output in candidates.iter().chain(attentions) {
            binding.bind_output_to_device(output, host_memory)?;
        }
        binding.synchronize_inputs()
    }
}
