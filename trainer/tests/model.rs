//! The captioner, its loss, its gradients and AdamW against plain PyTorch.
//! The arrays: `python3 trainer/tests/model/generate.py`.

#![allow(clippy::unwrap_used, reason = "tests")]

use glimpse_bundle::{Architecture, DecoderInterface};
use glimpse_trainer::backbone::StateDict;
use glimpse_trainer::model::{CaptionBatch, Captioner, Parameters, Pass, TeacherForced};
use glimpse_trainer::training::{AdamW, clip_grad_norm};
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};

const CAPTIONS: [(usize, &[u32], bool); 4] =
    [(0, &[5, 6, 7, 4, 9], true), (2, &[8], true), (2, &[10, 4, 4], true), (1, &[6, 9, 5], true)];

struct Golden {
    dict: StateDict,
    model: Captioner,
}

impl Golden {
    fn read(best: bool) -> Self {
        let name = if best { "best" } else { "report" };
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/model/{name}.safetensors"));
        let dict = StateDict::read(&path).unwrap();
        let architecture = Architecture {
            backbone: "resnet50".into(),
            feature_dim: 6,
            num_cells: 49,
            encoder_dim: if best { 5 } else { 6 },
            attention_dim: 4,
            decoder_dim: 7,
            embed_dim: 8,
            vocab_size: 11,
            project_features: best,
            gated_context: best,
            deep_output: best,
            tie_word_embeddings: best,
        };
        let before = dict.iter().filter_map(|(name, tensor)| {
            Some((name.strip_prefix("before/")?.to_string(), tensor.shallow_clone()))
        });
        let parameters = Parameters::from_dict(
            &StateDict::new(before, &path),
            DecoderInterface::ATTENTION_LSTM,
            &architecture,
            Device::Cpu,
        )
        .unwrap();
        let model =
            Captioner::with_parameters(DecoderInterface::ATTENTION_LSTM, architecture, parameters).unwrap();
        Self { dict, model }
    }

    fn tensor(&self, name: &str) -> Tensor {
        self.dict
            .iter()
            .find(|(held, _)| *held == name)
            .unwrap_or_else(|| panic!("no {name}"))
            .1
            .shallow_clone()
    }
}

fn max_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// `logits` are f32 [words, vocab_size] in the batch's order, `expected` [rows, steps, vocab_size], padded.
fn assert_words(logits: &Tensor, expected: &Tensor, batch: &CaptionBatch) {
    let mut at = 0;
    for (t, &active) in batch.active.iter().enumerate() {
        for &row in &batch.order[..active as usize] {
            let expected = expected.get(row as i64).get(t as i64);
            assert!(max_difference(&logits.get(at), &expected) < 1e-5, "row {row}, word {t}");
            at += 1;
        }
    }
}

fn loss(model: &Captioner, features: &Tensor) -> (Tensor, TeacherForced, CaptionBatch) {
    let batch = CaptionBatch::new(&CAPTIONS, Device::Cpu);
    let pass = model.teacher_forced(&model.encode(features, &Pass::EXACT), &batch, &Pass::EXACT);
    let loss =
        pass.logits.cross_entropy_loss(&batch.targets, None::<Tensor>, tch::Reduction::Mean, -100, 0.1);
    (loss, pass, batch)
}

#[test]
fn logits_gradients_and_optimizer_equal_pytorch() {
    for best in [true, false] {
        let golden = Golden::read(best);
        let features = golden.tensor("features");
        let optimizer = &mut AdamW::new(golden.model.parameters(), 0.1);
        for step in 0..3 {
            let (loss, forced, batch) = loss(&golden.model, &features);
            TeacherForced::backward(std::slice::from_ref(&forced), &loss);
            if step == 0 {
                assert!(max_difference(&loss.view(1), &golden.tensor("loss")) < 1e-5);
                assert_words(&forced.logits, &golden.tensor("logits"), &batch);
                for (name, parameter) in golden.model.parameters().iter() {
                    let difference =
                        max_difference(&parameter.grad(), &golden.tensor(&format!("gradient/{name}")));
                    assert!(difference < 1e-5, "gradient of {name}: {difference}");
                }
            }
            let norm = clip_grad_norm(golden.model.parameters(), 0.5);
            if step == 0 {
                assert!((norm - golden.tensor("norm").double_value(&[0])).abs() < 1e-5);
            }
            optimizer.step(golden.model.parameters(), 1e-2);
        }
        for (name, parameter) in golden.model.parameters().iter() {
            let difference = max_difference(parameter, &golden.tensor(&format!("after/{name}")));
            assert!(difference < 2e-5, "{name} after three steps: {difference}");
        }
    }
}

/// The report's evaluation: each step reads what the one before predicted.
#[test]
fn reading_its_own_words_equals_pytorch() {
    for best in [true, false] {
        let golden = Golden::read(best);
        let batch = CaptionBatch::new(&CAPTIONS, Device::Cpu);
        let grid = golden.model.encode(&golden.tensor("features"), &Pass::EXACT);
        let logits = golden.model.free_running(&grid, &batch);
        let loss = logits.cross_entropy_loss(&batch.targets, None::<Tensor>, tch::Reduction::Mean, -100, 0.0);
        assert!(max_difference(&loss.view(1), &golden.tensor("free_loss")) < 1e-5);
        let expected = golden.tensor("free_logits");
        assert_words(&logits, &expected, &batch);
        let forced = golden.tensor("logits");
        assert!(max_difference(&forced, &expected) > 1e-3, "its own words are not the references'");
    }
}

#[test]
fn stepping_equals_teacher_forcing() {
    for best in [true, false] {
        let golden = Golden::read(best);
        let model = &golden.model;
        let _guard = tch::no_grad_guard();
        let grid = model.encode(&golden.tensor("features"), &Pass::EXACT);
        let rows = golden.tensor("image_of_row");
        let grid = grid.select(&rows);
        let stepper = model.stepper(Kind::Float);
        let mut state = grid.start();
        let words = golden.tensor("words");
        let (logits, attentions) = (golden.tensor("logits"), golden.tensor("attentions"));
        for t in 0..words.size()[1] {
            let step = stepper.step(&words.select(1, t), &grid, &state);
            assert!(max_difference(&step.logits, &logits.select(1, t)) < 1e-5);
            let attended = step.attentions.unwrap();
            assert!(max_difference(&attended, &attentions.select(1, t)) < 1e-6);
            let sums = attended.sum_dim_intlist(1, false, Kind::Float);
            assert!(max_difference(&sums, &sums.ones_like()) < 1e-6);
            state = step.state;
        }
    }
}

#[test]
fn a_row_of_a_batch_equals_the_row_alone() {
    let golden = Golden::read(true);
    let features = golden.tensor("features");
    let (_, together, batch) = loss(&golden.model, &features);
    let caption = CAPTIONS[2];
    let alone = CaptionBatch::new(&[(0, caption.1, true)], Device::Cpu);
    let grid = golden.model.encode(&features.narrow(0, caption.0 as i64, 1), &Pass::EXACT);
    let alone = golden.model.teacher_forced(&grid, &alone, &Pass::EXACT).logits;
    let place = batch.order.iter().position(|&row| row == 2).unwrap() as i64;
    let mut offset = 0;
    for (t, &active) in batch.active.iter().take(4).enumerate() {
        assert!(max_difference(&together.logits.get(offset + place), &alone.get(t as i64)) < 1e-5);
        offset += active;
    }
}

#[test]
fn weights_of_another_vocabulary_are_refused() {
    let golden = Golden::read(true);
    let mut architecture = golden.model.architecture().clone();
    architecture.vocab_size = 12;
    let before = golden.model.parameters().snapshot();
    let dict = StateDict::new(before, "run/best.safetensors");
    let error = Parameters::from_dict(&dict, DecoderInterface::ATTENTION_LSTM, &architecture, Device::Cpu)
        .unwrap_err()
        .to_string();
    assert!(error.contains("decoder.embedding.weight") && error.contains("[11, 8]"), "{error}");
}
