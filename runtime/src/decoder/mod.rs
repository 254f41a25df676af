//! The decoder's graph as a [`StepModel`]: one search over one encoded batch.

mod bound;
mod host;
mod outputs;
#[cfg(test)]
mod tests;

use crate::device::Device;
use crate::encoder::{Encoded, take_f32};
use crate::error::OrtError;
use crate::{Error, Result};
use bound::Bound;
use glimpse_bundle::{DecoderInterface, tensors};
use glimpse_generation::{Step, StepModel, TopCandidates};
use host::Host;
use ort::session::{Session, SessionOutputs};
use ort::value::Tensor;

const GRAPH: &str = "decoder";

fn failed(source: ort::Error) -> Error {
    Error::Run { graph: GRAPH, source: OrtError::of(source) }
}

/// Runs steps of the decoder. The state stays in ONNX Runtime's own tensors, on the device where the graph runs.
pub(crate) struct Decoder<'a> {
    session: &'a mut Session,
    interface: &'a DecoderInterface,
    vocab_size: usize,
    encoded: &'a Encoded,
    memory: Memory<'a>,
    /// In the order of the interface; empty before the first step.
    state: Vec<Tensor<f32>>,
}

/// Where the tensors of each image lie.
enum Memory<'a> {
    /// In the host's memory: what a step reads is borrowed.
    Host(Host<'a>),
    /// In a device's own memory, bound to the graph's inputs.
    Bound(Box<Bound<'a>>),
}

impl<'a> Decoder<'a> {
    /// A decoder on the host.
    pub(crate) fn new(
        session: &'a mut Session,
        interface: &'a DecoderInterface,
        encoded: &'a Encoded,
        vocab_size: usize,
    ) -> Result<Self> {
        let memory = Memory::Host(Host::new(interface, encoded)?);
        Ok(Self { session, interface, vocab_size, encoded, memory, state: Vec::new() })
    }

    /// A decoder on `device`, where `encoded` lies and `selection` runs, the graph of
    /// [`selection::graph`](crate::selection::graph).
    pub(crate) fn bound(
        session: &'a mut Session,
        selection: &'a mut Session,
        device: Device,
        interface: &'a DecoderInterface,
        encoded: &'a Encoded,
        vocab_size: usize,
    ) -> Result<Self> {
        let memory = Memory::Bound(Box::new(Bound::new(session, selection, device, interface, encoded)?));
        Ok(Self { session, interface, vocab_size, encoded, memory, state: Vec::new() })
    }
}

/// The state that a step begins with: `last`, or the encoder's where there was no step yet.
fn past<'a>(
    last: &'a [Tensor<f32>],
    interface: &DecoderInterface,
    encoded: &'a Encoded,
) -> Result<Vec<&'a Tensor<f32>>> {
    if !last.is_empty() {
        return Ok(last.iter().collect());
    }
    let initial = interface.state.iter().map(|state| {
        let reason = || format!("state {} begins with no encoder output, which is not supported", state.past);
        let initial = state.initial.as_deref().ok_or_else(|| Error::Unsupported { reason: reason() })?;
        encoded.output(initial)
    });
    initial.collect()
}

impl StepModel for Decoder<'_> {
    type Error = Error;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn image_key(&self, image: usize) -> u64 {
        self.encoded.image_keys[image]
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<()> {
        if let Some(kept) = step.kept_images {
            match &mut self.memory {
                Memory::Host(host) => host.keep(kept),
                Memory::Bound(bound) => bound.keep(kept, self.interface, self.encoded)?,
            }
        }
        let gathered;
        let mut past = past(&self.state, self.interface, self.encoded)?;
        if !self.interface.gathers_state {
            gathered = host::gather(&past, step.beam_idx)?;
            past = gathered.iter().collect();
        }
        let outputs = match &mut self.memory {
            Memory::Host(host) => host.run(self.session, self.interface, step, &past)?,
            Memory::Bound(bound) => bound.run(self.session, self.interface, step, &past)?,
        };
        self.state = read(outputs, self.interface, step, self.vocab_size, out)?;
        Ok(())
    }
}

/// Copies the outputs of a step that the search needs, and takes the next state.
fn read(
    mut outputs: SessionOutputs<'_>,
    interface: &DecoderInterface,
    step: &Step<'_>,
    vocab_size: usize,
    out: &mut TopCandidates,
) -> Result<Vec<Tensor<f32>>> {
    outputs::read_candidates(&outputs, interface, step, vocab_size, out)?;
    out.attentions.clear();
    if step.output_attentions {
        if !interface.has_attentions {
            let reason = "output_attentions: this decoder returns no attentions".into();
            return Err(Error::Unsupported { reason });
        }
        outputs::copy_rows(&outputs, tensors::ATTENTIONS, step.input_ids.len(), &mut out.attentions)?;
    }
    let state = interface.state.iter();
    state.map(|state| take_f32(&mut outputs, &state.present).map_err(failed)).collect()
}
