use crate::{BOS_ID, EOS_ID, Error, PAD_ID};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// `generation_config.json`: decoding defaults under the names of Hugging Face's `GenerationConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationConfig {
    /// `<sos>`.
    pub bos_token_id: u32,
    /// The word that decoding starts from; `<sos>`.
    pub decoder_start_token_id: u32,
    /// `<eos>`.
    pub eos_token_id: u32,
    /// `<pad>`.
    pub pad_token_id: u32,
    /// Ids that are never generated: `<pad>`, `<sos>`, `<unk>`.
    #[serde(default)]
    pub suppress_tokens: Vec<u32>,
    /// Longest sequence, `<sos>` and `<eos>` counted.
    pub max_length: usize,
    /// Beams; 1 is greedy.
    pub num_beams: usize,
    /// A hypothesis scores sum of log-probabilities / length^length_penalty.
    pub length_penalty: f32,
    /// N-grams of this size never repeat; 0 allows all.
    #[serde(default)]
    pub no_repeat_ngram_size: usize,
    /// Below this many words, `<sos>` counted, no `<eos>` comes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_length: usize,
    /// When a beam search stops looking for better captions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub early_stopping: EarlyStopping,
    /// Log-probabilities of words that were said are multiplied by this.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub repetition_penalty: f32,
    /// Groups that the beams search in.
    #[serde(default = "one_group", skip_serializing_if = "is_one_group")]
    pub num_beam_groups: usize,
    /// Taken off a word's log-probability for each beam of an earlier group that says it in this step.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diversity_penalty: f32,
    /// Draw words instead of searching the best.
    #[serde(default, skip_serializing_if = "is_default")]
    pub do_sample: bool,
    /// Log-probabilities are divided by this before a word is drawn.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub temperature: f32,
    /// Words are drawn from this many of the best; 0 draws from all.
    #[serde(default = "fifty", skip_serializing_if = "is_fifty")]
    pub top_k: usize,
    /// Words are drawn from the fewest that have this probability together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub top_p: f32,
}

/// When a beam search that has num_beams finished captions is done: `false`, `true` or `"never"` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "StopJson", into = "StopJson")]
pub enum EarlyStopping {
    /// `false`: once the best running caption, scored at its present length, is no better than the worst
    /// of them.
    #[default]
    Heuristic,
    /// `true`: at once.
    FirstFinished,
    /// `"never"`: once no continuation could be better, whatever its length.
    Never,
}

impl EarlyStopping {
    /// As Hugging Face spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heuristic => "false",
            Self::FirstFinished => "true",
            Self::Never => "never",
        }
    }
}

impl FromStr for EarlyStopping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Heuristic, Self::FirstFinished, Self::Never]
            .into_iter()
            .find(|stopping| stopping.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of false, true, never"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StopJson {
    Flag(bool),
    Word(String),
}

impl TryFrom<StopJson> for EarlyStopping {
    type Error = String;

    fn try_from(json: StopJson) -> Result<Self, String> {
        match json {
            StopJson::Flag(true) => Ok(Self::FirstFinished),
            StopJson::Flag(false) => Ok(Self::Heuristic),
            StopJson::Word(word) if word == "never" => Ok(Self::Never),
            StopJson::Word(word) => Err(format!("early_stopping {word:?} is none of false, true, \"never\"")),
        }
    }
}

impl From<EarlyStopping> for StopJson {
    fn from(stopping: EarlyStopping) -> Self {
        match stopping {
            EarlyStopping::Heuristic => Self::Flag(false),
            EarlyStopping::FirstFinished => Self::Flag(true),
            EarlyStopping::Never => Self::Word("never".into()),
        }
    }
}

// Hugging Face's defaults of keys that a file may leave out; what equals them is not written.

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> f32 {
    1.0
}

fn is_one(value: &f32) -> bool {
    *value == one()
}

fn one_group() -> usize {
    1
}

fn is_one_group(value: &usize) -> bool {
    *value == one_group()
}

fn fifty() -> usize {
    50
}

fn is_fifty(value: &usize) -> bool {
    *value == fifty()
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            bos_token_id: BOS_ID,
            decoder_start_token_id: BOS_ID,
            eos_token_id: EOS_ID,
            pad_token_id: PAD_ID,
            suppress_tokens: vec![PAD_ID, BOS_ID, crate::UNK_ID],
            max_length: 30,
            num_beams: 3,
            length_penalty: 1.0,
            no_repeat_ngram_size: 0,
            min_length: 0,
            early_stopping: EarlyStopping::default(),
            repetition_penalty: one(),
            num_beam_groups: one_group(),
            diversity_penalty: 0.0,
            do_sample: false,
            temperature: one(),
            top_k: fifty(),
            top_p: one(),
        }
    }
}

impl GenerationConfig {
    /// Refuses values that no search could honour.
    pub fn validate(&self) -> crate::Result<()> {
        let invalid = |what, reason: String| Err(Error::Invalid { what, reason });
        if self.num_beams == 0 {
            return invalid("num_beams", "must be at least 1".into());
        }
        if self.max_length < 2 {
            return invalid(
                "max_length",
                format!("is {}, but <sos> and <eos> alone take 2", self.max_length),
            );
        }
        if !self.length_penalty.is_finite() {
            return invalid(
                "length_penalty",
                format!("{} is not a number to divide by", self.length_penalty),
            );
        }
        Ok(())
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
    }

    #[test]
    fn early_stopping_is_a_flag_or_a_word() {
        for (stopping, json) in [
            (EarlyStopping::Heuristic, "false"),
            (EarlyStopping::FirstFinished, "true"),
            (EarlyStopping::Never, "\"never\""),
        ] {
            assert_eq!(serde_json::to_string(&stopping).unwrap(), json);
            assert_eq!(serde_json::from_str::<EarlyStopping>(json).unwrap(), stopping);
            assert_eq!(stopping.as_str().parse(), Ok(stopping));
        }
        let refusal = serde_json::from_str::<EarlyStopping>("\"always\"").unwrap_err().to_string();
        assert!(refusal.contains("never"), "{refusal}");
        assert!("maybe".parse::<EarlyStopping>().is_err());
    }
}
