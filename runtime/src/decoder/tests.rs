//! A decoder whose tensors are bound to a device against one that reads host memory.

use super::*;
use crate::encoder::Encoder;
use crate::session::{open_graph, open_selection};
use crate::{OnnxRuntime, OnnxRuntimeOptions};
use glimpse_bundle::{Bundle, DECODER, ENCODER, Precision};
use glimpse_generation::search;
use ndarray::Array4;
use std::path::Path;

const IMAGES: usize = 4;

/// The shipped bundle's sessions on the CPU provider, bound and not; `None` without ONNX Runtime.
struct Both {
    bundle: Bundle,
    interface: DecoderInterface,
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
        let interface = bundle.config.decoder_interface();
        let selection = open_selection(&runtime, Device::Cpu, &interface).unwrap();
        // Stripes of another width in each image.
        let pixel_values = Array4::from_shape_fn((IMAGES, 3, 224, 224), |(image, channel, y, x)| {
            if (x + channel * y) / (8 << image) % 2 == 0 { 1.0 } else { -1.0 }
        });
        let plain = Encoder { session: &mut encoder, interface: &interface, captioner: 0 }
            .encode(pixel_values.view(), Device::Cpu)
            .unwrap();
        let bound = Encoder { session: &mut encoder, interface: &interface, captioner: 0 }
            .encode_bound(pixel_values.view(), Device::Cpu)
            .unwrap();
        Some(Self { bundle, interface, decoder, selection, plain, bound })
    }

    fn bound(&mut self) -> Decoder<'_> {
        let vocab_size = self.bundle.config.architecture.vocab_size;
        let Self { decoder, selection, bound, interface, .. } = self;
        Decoder::bound(decoder, selection, Device::Cpu, interface, bound, vocab_size).unwrap()
    }

    fn plain(&mut self) -> Decoder<'_> {
        let vocab_size = self.bundle.config.architecture.vocab_size;
        Decoder::new(&mut self.decoder, &self.interface, &self.plain, vocab_size).unwrap()
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
            let input_ids: Vec<i64> = (0..beam_idx.len()).map(|row| (4 + 7 * index + row) as i64).collect();
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
    let mut options = both.bundle.generation.clone();
    for num_beams in [1, 3] {
        options.num_beams = num_beams;
        let expected = search(&mut both.plain(), IMAGES, &options).unwrap();
        assert_eq!(search(&mut both.bound(), IMAGES, &options).unwrap(), expected, "{num_beams} beams");
    }
}
