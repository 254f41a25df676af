use crate::{BOS_ID, EOS_ID, Error, PAD_ID, Result};
use serde::{Deserialize, Serialize};

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
        }
    }
}

impl GenerationConfig {
    /// Refuses values that no search could honour.
    pub fn validate(&self) -> Result<()> {
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
