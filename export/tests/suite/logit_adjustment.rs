//! Rare tokens after training.

use crate::common;
use glimpse_bundle::{CaptionTokenizer, EOS_ID};
use glimpse_export::Checkpoint;

fn words(checkpoint: &Checkpoint) -> [String; 3] {
    let tokenizer = CaptionTokenizer::from_json(&checkpoint.tokenizer).unwrap();
    [4, 5, 6].map(|id| tokenizer.id_to_word(id).unwrap())
}

#[test]
fn rare_tokens_are_raised_by_their_surprise() {
    let before = common::checkpoint(common::full());
    let [often, seldom, _] = words(&before);
    let captions = [format!("{often} {often} {often}"), seldom];
    let mut after = before.clone();
    after.adjust_logits(&captions.each_ref().map(String::as_str), 0.5).unwrap();

    let bias = before.decoder_kind().unwrap().output_bias().unwrap();
    let values = |checkpoint: &Checkpoint| checkpoint.weights.get(bias, &[30]).unwrap().to_vec();
    let raised: Vec<f32> =
        values(&after).iter().zip(values(&before)).map(|(after, before)| after - before).collect();
    let (common, rare) = (-0.5 * 0.75f32.ln(), -0.5 * 0.25f32.ln());
    for (id, &raised) in raised.iter().enumerate() {
        let expected = match id as u32 {
            EOS_ID => 0.75 * common + 0.25 * rare,
            0 | 1 | 3 => 0.0,
            4 => common,
            // A token that no caption has is as rare as the rarest.
            _ => rare,
        };
        assert!((raised - expected).abs() < 1e-6, "{id}: {raised} {expected}");
    }
    assert_eq!(after.config.provenance.logit_adjustment, 0.5);
    for (name, tensor) in before.weights.iter().filter(|(name, _)| *name != bias) {
        assert_eq!(after.weights.get(name, tensor.shape()).unwrap(), tensor.data(), "{name}");
    }
}

#[test]
fn a_strength_out_of_range_and_captions_without_tokens_are_refused() {
    let mut checkpoint = common::checkpoint(common::full());
    let [word, ..] = words(&checkpoint);
    for strength in [-0.1, 1.1, f32::NAN] {
        let error = checkpoint.adjust_logits(&[&word], strength).unwrap_err().to_string();
        assert!(error.contains("not between 0 and 1"), "{error}");
    }
    let error = checkpoint.adjust_logits(&["", "zzzz"], 0.1).unwrap_err().to_string();
    assert!(error.contains("no token of the vocabulary"), "{error}");
    assert_eq!(checkpoint, common::checkpoint(common::full()));
}
