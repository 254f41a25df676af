//! Decoding options, described once: `generation_config.json`, the flags of programs, HTTP and Python
//! all become a [`GenerationConfig`].
//!
//! A new option is a field here with its key in [`builders`](builders!), its rule in `validate`, and its flag in
//! `apps/cli/src/decoding.rs`.

mod early_stopping;
mod eos;
mod json;
mod overrides;
mod validate;

pub use early_stopping::EarlyStopping;
pub use eos::EosTokenIds;
pub use validate::InvalidOption;

use crate::{BOS_ID, EOS_ID, PAD_ID, UNK_ID};
use serde::{Deserialize, Serialize};

/// What a search does, under the names of Hugging Face's `GenerationConfig`.
///
/// A bundle brings its own in `generation_config.json`: start from these and change them with the `with_` methods.
/// [`validate`](Self::validate) says which values and combinations are refused.
///
/// [`Default`] is what `export` writes where nothing else is asked for: 3 beams, at most 30 tokens. A key that a file
/// leaves out has Hugging Face's default instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default = "GenerationConfig::of_transformers")]
#[non_exhaustive]
pub struct GenerationConfig {
    /// `<sos>`.
    pub bos_token_id: u32,
    /// The id that decoding starts from; `<sos>`.
    pub decoder_start_token_id: u32,
    /// The ids that end a caption; `<eos>`.
    pub eos_token_id: EosTokenIds,
    /// `<pad>`.
    pub pad_token_id: u32,
    /// Ids that are never generated: `<pad>`, `<sos>`, `<unk>`. The other log-probabilities stay as the model gave
    /// them: they are not renormalised over the tokens that remain, as in Hugging Face.
    pub suppress_tokens: Vec<u32>,
    /// Longest sequence in tokens, `<sos>` and `<eos>` counted.
    pub max_length: usize,
    /// Most tokens after `<sos>`, `<eos>` counted. Where it is given, `max_length` is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
    /// Hypotheses kept at each step; 1 is greedy search. A step costs about this many rows.
    pub num_beams: usize,
    /// A hypothesis scores sum of log-probabilities / length^length_penalty, where the length counts
    /// `<eos>` but not `<sos>`. Above 0 favours long captions, below 0 short ones.
    pub length_penalty: f32,
    /// N-grams of this size never repeat within a caption; 0 allows all.
    pub no_repeat_ngram_size: usize,
    /// Captions per image; at most `num_beams`, or any number of samples. A step of sampling costs
    /// this many rows.
    #[serde(skip_serializing_if = "is_one")]
    pub num_return_sequences: usize,
    /// No `<eos>` before the sequence has this many tokens, `<sos>` counted and `<eos>` not, as in
    /// Hugging Face: a caption has `min_length - 1` tokens at least. 0 and 1 allow an empty caption.
    #[serde(skip_serializing_if = "is_default")]
    pub min_length: usize,
    /// When a beam search stops looking for better captions. A single beam always ends with its `<eos>`.
    #[serde(skip_serializing_if = "is_default")]
    pub early_stopping: EarlyStopping,
    /// Log-probabilities of tokens that the caption has already (`<sos>` counted) are multiplied by
    /// this: above 1 makes them rarer, 1 changes nothing (Keskar et al. 2019). Hugging Face does the
    /// same to log-probabilities in beam search; in greedy search and sampling it takes the logits,
    /// which a bundle's decoder does not give: there the results are those of a model whose logits are
    /// its log-probabilities.
    #[serde(skip_serializing_if = "is_one")]
    pub repetition_penalty: f32,
    /// Diverse beam search (Vijayakumar et al. 2016): the beams search in this many groups, one group
    /// after the other at each step; 1 is ordinary beam search.
    #[serde(skip_serializing_if = "is_one")]
    pub num_beam_groups: usize,
    /// Subtracted from a token's log-probability for each beam of an earlier group that takes it in this step.
    #[serde(skip_serializing_if = "is_default")]
    pub diversity_penalty: f32,
    /// Draw tokens instead of searching the best. Captions then come in the order in which they were
    /// drawn, so that the first is a fair sample however many are asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub do_sample: bool,
    /// Log-probabilities are divided by this before a token is drawn: below 1 is bolder, above 1 wilder.
    #[serde(skip_serializing_if = "is_one")]
    pub temperature: f32,
    /// Tokens are drawn from this many of the best (Fan et al. 2018); 0 draws from all, which costs a
    /// sort of the whole vocabulary at each step.
    #[serde(skip_serializing_if = "is_fifty")]
    pub top_k: usize,
    /// Tokens are drawn from the fewest that have this probability together (Holtzman et al. 2020).
    #[serde(skip_serializing_if = "is_one")]
    pub top_p: f32,
    /// Where the random numbers of sampling start. The same seed draws the same captions for an image,
    /// whatever other images are in the batch; images draw different numbers. Hugging Face has no such key.
    #[serde(skip_serializing_if = "is_default")]
    pub seed: u64,
    /// Keep the attention of each token; costs 4 bytes a grid cell for each row and step.
    #[serde(skip_serializing_if = "is_default")]
    pub output_attentions: bool,
}

/// A `with_` method for each option, and the list of their keys.
macro_rules! builders {
    ($($key:ident / $with:ident: $type:ty,)*) => {
        impl GenerationConfig {
            /// The keys that are obeyed.
            pub const KEYS: &[&str] = &[$(stringify!($key)),*];

            $(
                #[doc = concat!("Sets [`", stringify!($key), "`](Self::", stringify!($key), ").")]
                #[must_use]
                pub fn $with(mut self, $key: $type) -> Self {
                    self.$key = $key;
                    self
                }
            )*
        }
    };
}

builders! {
    bos_token_id / with_bos_token_id: u32,
    decoder_start_token_id / with_decoder_start_token_id: u32,
    eos_token_id / with_eos_token_id: EosTokenIds,
    pad_token_id / with_pad_token_id: u32,
    suppress_tokens / with_suppress_tokens: Vec<u32>,
    max_length / with_max_length: usize,
    max_new_tokens / with_max_new_tokens: Option<usize>,
    num_beams / with_num_beams: usize,
    length_penalty / with_length_penalty: f32,
    no_repeat_ngram_size / with_no_repeat_ngram_size: usize,
    num_return_sequences / with_num_return_sequences: usize,
    min_length / with_min_length: usize,
    early_stopping / with_early_stopping: EarlyStopping,
    repetition_penalty / with_repetition_penalty: f32,
    num_beam_groups / with_num_beam_groups: usize,
    diversity_penalty / with_diversity_penalty: f32,
    do_sample / with_do_sample: bool,
    temperature / with_temperature: f32,
    top_k / with_top_k: usize,
    top_p / with_top_p: f32,
    seed / with_seed: u64,
    output_attentions / with_output_attentions: bool,
}

// What equals Hugging Face's default is not written.

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_one<T: From<u8> + PartialEq>(value: &T) -> bool
where
    u8: Into<T>,
{
    *value == T::from(1)
}

fn is_fifty(value: &usize) -> bool {
    *value == GenerationConfig::DEFAULT_TOP_K
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            suppress_tokens: vec![PAD_ID, BOS_ID, UNK_ID],
            max_length: 30,
            num_beams: 3,
            ..Self::of_transformers()
        }
    }
}

impl GenerationConfig {
    /// [`top_k`](Self::top_k) where nothing else is asked for, as in Hugging Face.
    pub const DEFAULT_TOP_K: usize = 50;

    /// Hugging Face's defaults, with the ids that every bundle has.
    fn of_transformers() -> Self {
        Self {
            bos_token_id: BOS_ID,
            decoder_start_token_id: BOS_ID,
            eos_token_id: EOS_ID.into(),
            pad_token_id: PAD_ID,
            suppress_tokens: Vec::new(),
            max_length: 20,
            max_new_tokens: None,
            num_beams: 1,
            length_penalty: 1.0,
            no_repeat_ngram_size: 0,
            num_return_sequences: 1,
            min_length: 0,
            early_stopping: EarlyStopping::default(),
            repetition_penalty: 1.0,
            num_beam_groups: 1,
            diversity_penalty: 0.0,
            do_sample: false,
            temperature: 1.0,
            top_k: Self::DEFAULT_TOP_K,
            top_p: 1.0,
            seed: 0,
            output_attentions: false,
        }
    }

    /// Longest sequence in tokens, `<sos>` counted: by `max_new_tokens`, or else by `max_length`.
    pub fn max_sequence_length(&self) -> usize {
        self.max_new_tokens.map_or(self.max_length, |tokens| tokens.saturating_add(1))
    }

    /// The options that ask for more than beam search with `num_beams`, `length_penalty`, a maximum length and blocked
    /// pairs of tokens, by their keys. A host with a plain search, such as `captioner_model.onnx`, can obey a config that has none.
    pub fn beyond_plain_search(&self) -> Vec<&'static str> {
        let mut beyond = Vec::new();
        let mut note = |key, asked: bool| beyond.extend(asked.then_some(key));
        // The graph blocks pairs, and no longer n-grams.
        note("no_repeat_ngram_size", !matches!(self.no_repeat_ngram_size, 0 | 2));
        // The sequence has `<sos>` before the first token is chosen.
        note("min_length", self.min_length > 1);
        note("early_stopping", self.num_beams > 1 && self.early_stopping != EarlyStopping::Heuristic);
        note("repetition_penalty", self.repetition_penalty != 1.0);
        note("num_beam_groups", self.num_beam_groups > 1);
        note("do_sample", self.do_sample);
        note("eos_token_id", self.eos_token_id.as_slice().len() > 1);
        beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_leaves_out_is_hugging_faces_default() {
        let config = GenerationConfig::default();
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 9, "defaults are not written: {json}");
        assert_eq!(serde_json::from_value::<GenerationConfig>(json).unwrap(), config);
        let empty = GenerationConfig::from_json("{}").unwrap();
        assert_eq!((empty.max_length, empty.num_beams, empty.top_k), (20, 1, 50));
    }

    /// The keys of the builders are those that serde reads and writes.
    #[test]
    fn every_option_is_a_key() {
        let config = GenerationConfig::default()
            .with_max_new_tokens(Some(7))
            .with_num_return_sequences(2)
            .with_min_length(2)
            .with_early_stopping(EarlyStopping::Never)
            .with_repetition_penalty(1.5)
            .with_num_beam_groups(3)
            .with_diversity_penalty(0.5)
            .with_do_sample(true)
            .with_temperature(0.5)
            .with_top_k(7)
            .with_top_p(0.5)
            .with_seed(7)
            .with_output_attentions(true);
        let json = serde_json::to_value(&config).unwrap();
        let written: std::collections::BTreeSet<_> = json.as_object().unwrap().keys().cloned().collect();
        let keys = GenerationConfig::KEYS.iter().map(|key| key.to_string()).collect();
        assert_eq!(written, keys);
        assert_eq!(GenerationConfig::from_json(&json.to_string()).unwrap(), config);
    }

    #[test]
    fn a_plain_search_knows_which_options_it_cannot_obey() {
        let plain = GenerationConfig::default();
        assert!(plain.beyond_plain_search().is_empty());
        assert!(plain.clone().with_min_length(1).beyond_plain_search().is_empty());
        assert!(plain.clone().with_no_repeat_ngram_size(2).beyond_plain_search().is_empty());
        for (config, key) in [
            (plain.clone().with_min_length(2), "min_length"),
            (plain.clone().with_no_repeat_ngram_size(3), "no_repeat_ngram_size"),
            (plain.clone().with_early_stopping(EarlyStopping::Never), "early_stopping"),
            (plain.clone().with_eos_token_id(vec![2, 5].try_into().unwrap()), "eos_token_id"),
            (plain.with_do_sample(true), "do_sample"),
        ] {
            assert_eq!(config.beyond_plain_search(), [key]);
        }
    }
}
