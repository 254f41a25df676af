use crate::decoder::{GRAPH, read};
use crate::device::Device;
use crate::encoder::{Encoded, take_f32};
use crate::search::{Step, StepModel, TopCandidates};
use crate::selection::{KEPT_HIDDEN_STATES, KEPT_KEYS, POSITIONS};
use crate::{Error, Result};
use glimpse_bundle::tensors;
use ort::memory::MemoryInfo;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

/// The decoder graph as a [`StepModel`] on a device with memory of its own.
///
/// Grids, keys, hidden and cell state stay on the device. For each step the words and the beams that they
/// continue go there, and the best words of each row come back, with where they looked if that is asked
/// for: nothing else crosses. Each step's states get a buffer of their own, so that the last ones can
/// still be read while they are written.
pub(crate) struct BoundDecoder<'a> {
    session: &'a mut Session,
    selection: &'a mut Session,
    binding: IoBinding,
    device_memory: MemoryInfo<'static>,
    host_memory: MemoryInfo<'static>,
    encoded: &'a Encoded,
    vocab_size: usize,
    cells: usize,
    /// Grids and keys of the images that are left, once one has left.
    kept: Option<(Tensor<f32>, Tensor<f32>)>,
    /// h and c as the last step left them; `None` before the first.
    present: Option<(Tensor<f32>, Tensor<f32>)>,
}

fn failed(source: ort::Error) -> Error {
    Error::Run { graph: GRAPH, source }
}

impl<'a> BoundDecoder<'a> {
    /// `encoded` lies on `device`, where both sessions run; `selection` is that of
    /// [`selection::graph`](crate::selection::graph).
    pub(crate) fn new(
        session: &'a mut Session,
        selection: &'a mut Session,
        device: Device,
        encoded: &'a Encoded,
        vocab_size: usize,
    ) -> Result<Self> {
        let mut binding = session.create_binding().map_err(failed)?;
        binding.bind_input(tensors::ENCODER_HIDDEN_STATES, &encoded.last_hidden_state).map_err(failed)?;
        binding.bind_input(tensors::ENCODER_KEYS, &encoded.encoder_keys).map_err(failed)?;
        Ok(Self {
            session,
            selection,
            binding,
            device_memory: device.memory().map_err(failed)?,
            host_memory: Device::Cpu.memory().map_err(failed)?,
            encoded,
            vocab_size,
            // [batch, cells, encoder_dim], as the contract says.
            cells: encoded.last_hidden_state.shape()[1] as usize,
            kept: None,
            present: None,
        })
    }

    /// Drops the images that are not named.
    fn keep(&mut self, positions: &[usize]) -> ort::Result<()> {
        let (hidden_states, keys) = match &self.kept {
            Some((hidden_states, keys)) => (hidden_states, keys),
            None => (&self.encoded.last_hidden_state, &self.encoded.encoder_keys),
        };
        let positions: Vec<i64> = positions.iter().map(|&position| position as i64).collect();
        let mut binding = self.selection.create_binding()?;
        binding.bind_input(tensors::ENCODER_HIDDEN_STATES, hidden_states)?;
        binding.bind_input(tensors::ENCODER_KEYS, keys)?;
        binding.bind_input(POSITIONS, &Tensor::from_array(([positions.len()], positions))?)?;
        binding.bind_output_to_device(KEPT_HIDDEN_STATES, &self.device_memory)?;
        binding.bind_output_to_device(KEPT_KEYS, &self.device_memory)?;
        let mut outputs = self.selection.run_binding(&binding)?;
        let kept = (take_f32(&mut outputs, KEPT_HIDDEN_STATES)?, take_f32(&mut outputs, KEPT_KEYS)?);
        drop(outputs);
        self.binding.bind_input(tensors::ENCODER_HIDDEN_STATES, &kept.0)?;
        self.binding.bind_input(tensors::ENCODER_KEYS, &kept.1)?;
        self.kept = Some(kept);
        Ok(())
    }

    fn bind(&mut self, step: &Step<'_>) -> ort::Result<()> {
        let Self { binding, device_memory, host_memory, .. } = self;
        let rows = step.input_ids.len();
        binding.bind_input(tensors::INPUT_IDS, &Tensor::from_array(([rows], step.input_ids.to_vec()))?)?;
        binding.bind_input(tensors::BEAM_IDX, &Tensor::from_array(([rows], step.beam_idx.to_vec()))?)?;
        binding.bind_input(tensors::K, &Tensor::from_array(((), vec![step.k as i64]))?)?;
        let (h, c) = match &self.present {
            Some((h, c)) => (h, c),
            None => (&self.encoded.initial_h, &self.encoded.initial_c),
        };
        binding.bind_input(tensors::PAST_H, h)?;
        binding.bind_input(tensors::PAST_C, c)?;
        binding.clear_outputs();
        for output in [tensors::PRESENT_H, tensors::PRESENT_C] {
            binding.bind_output_to_device(output, device_memory)?;
        }
        let wanted = [tensors::TOP_LOG_PROBS, tensors::TOP_TOKEN_IDS];
        for output in wanted.into_iter().chain(step.output_attentions.then_some(tensors::ATTENTIONS)) {
            binding.bind_output_to_device(output, host_memory)?;
        }
        binding.synchronize_inputs()
    }
}

impl StepModel for BoundDecoder<'_> {
    type Error = Error;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn image_key(&self, image: usize) -> u64 {
        self.encoded.image_keys[image]
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<()> {
        if let Some(positions) = step.kept_images {
            self.keep(positions).map_err(failed)?;
        }
        self.bind(step).map_err(failed)?;
        let outputs = self.session.run_binding(&self.binding).map_err(failed)?;
        self.binding.synchronize_outputs().map_err(failed)?;
        self.present = Some(read(outputs, step, self.cells, out)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::Decoder;
    use crate::encoder::{encode, encode_on};
    use crate::search::{SearchOptions, search};
    use crate::session::{open_graph, open_selection};
    use crate::{OnnxRuntime, OnnxRuntimeOptions};
    use glimpse_bundle::{Bundle, DECODER, ENCODER, Precision};
    use ndarray::Array4;
    use std::path::Path;

    const IMAGES: usize = 4;

    /// The shipped bundle's sessions on the CPU provider, bound and not; `None` without ONNX Runtime.
    struct Both {
        bundle: Bundle,
        decoder: Session,
        selection: Session,
        plain: Encoded,
        bound: Encoded,
    }

    impl Both {
        fn open() -> Option<Self> {
            let Ok(runtime) = OnnxRuntime::load(&OnnxRuntimeOptions::default()) else {
                println!("skipped: no ONNX Runtime; `make deps` installs one");
                return None;
            };
            let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/flickr8k-edge");
            let bundle = Bundle::open(shipped).unwrap();
            let open = |stem| {
                let path = bundle.model_path(stem, Precision::Fp32).unwrap();
                open_graph(&runtime, &path, Device::Cpu).unwrap()
            };
            let (mut encoder, decoder) = (open(ENCODER), open(DECODER));
            let selection = open_selection(&runtime, Device::Cpu).unwrap();
            // Stripes of another width in each image.
            let pixel_values = Array4::from_shape_fn((IMAGES, 3, 224, 224), |(image, channel, y, x)| {
                if (x + channel * y) / (8 << image) % 2 == 0 { 1.0 } else { -1.0 }
            });
            let plain = encode(&mut encoder, pixel_values.view()).unwrap();
            let bound = encode_on(&mut encoder, pixel_values.view(), Device::Cpu).unwrap();
            Some(Self { bundle, decoder, selection, plain, bound })
        }

        fn bound(&mut self) -> BoundDecoder<'_> {
            let vocab_size = self.bundle.config.architecture.vocab_size;
            let Self { decoder, selection, bound, .. } = self;
            BoundDecoder::new(decoder, selection, Device::Cpu, bound, vocab_size).unwrap()
        }

        fn plain(&mut self) -> Decoder<'_> {
            Decoder::new(&mut self.decoder, &self.plain, self.bundle.config.architecture.vocab_size)
        }
    }

    /// Beams open, cross, and images leave twice.
    #[test]
    fn each_step_equals_the_plain_decoders() {
        let Some(mut both) = Both::open() else { return };
        let steps: [(&[i64], Option<&[usize]>); 4] = [
            (&[0, 1, 2, 3], None),
            (&[0, 0, 1, 1, 2, 2, 3, 3], None),
            (&[1, 0, 4, 5, 7, 6], Some(&[0, 2, 3])),
            (&[3, 3], Some(&[1])),
        ];
        fn run(
            model: &mut impl StepModel<Error = Error>,
            steps: &[(&[i64], Option<&[usize]>)],
        ) -> Vec<TopCandidates> {
            let steps = steps.iter().enumerate().map(|(index, (beam_idx, kept_images))| {
                let input_ids: Vec<i64> =
                    (0..beam_idx.len()).map(|row| (4 + 7 * index + row) as i64).collect();
                let (kept_images, beam_idx) = (*kept_images, *beam_idx);
                let step = Step {
                    input_ids: &input_ids,
                    beam_idx,
                    kept_images,
                    k: 3 + index,
                    output_attentions: index > 0,
                };
                let mut top = TopCandidates::default();
                model.step(&step, &mut top).unwrap();
                top
            });
            steps.collect()
        }
        let expected = run(&mut both.plain(), &steps);
        let found = run(&mut both.bound(), &steps);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.token_ids, expected.token_ids);
            assert_eq!(found.log_probs, expected.log_probs);
            assert_eq!(found.attentions, expected.attentions);
        }
    }

    #[test]
    fn a_search_says_the_same() {
        let Some(mut both) = Both::open() else { return };
        let mut options = SearchOptions::from(&both.bundle.generation);
        for num_beams in [1, 3] {
            options.num_beams = num_beams;
            let expected = search(&mut both.plain(), IMAGES, &options).unwrap();
            assert_eq!(search(&mut both.bound(), IMAGES, &options).unwrap(), expected, "{num_beams} beams");
        }
    }
}
