use glimpse_bundle::GenerationConfig;

/// What a search does, in the words of Hugging Face's `GenerationConfig`.
///
/// A bundle brings its own defaults: start from [`SearchOptions::from`] its `generation_config.json`
/// and change fields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// Hypotheses kept at each step; 1 is greedy search. A step costs about this many rows.
    pub num_beams: usize,
    /// Captions per image, best first; at most `num_beams`.
    pub num_return_sequences: usize,
    /// Longest sequence, `<sos>` and `<eos>` counted.
    pub max_length: usize,
    /// A hypothesis scores sum of log-probabilities / length^length_penalty, where the length counts
    /// `<eos>` but not `<sos>`. Above 0 favours long captions, below 0 short ones.
    pub length_penalty: f32,
    /// N-grams of this size never repeat within a caption; 0 allows all.
    pub no_repeat_ngram_size: usize,
    /// Ids that are never generated. The other log-probabilities stay as the model gave them: they
    /// are not renormalised over the words that remain, as in Hugging Face.
    pub suppress_tokens: Vec<u32>,
    /// The id that decoding starts from.
    pub decoder_start_token_id: u32,
    /// The id that ends a caption.
    pub eos_token_id: u32,
    /// Keep where the decoder looked at each word; costs 196 bytes a row and step.
    pub output_attentions: bool,
}

/// A search option that is out of range or contradicts another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct InvalidOption {
    /// The option's name.
    pub option: &'static str,
    /// Why it is refused, with its value.
    pub reason: String,
}

impl From<&GenerationConfig> for SearchOptions {
    fn from(config: &GenerationConfig) -> Self {
        Self {
            num_beams: config.num_beams,
            num_return_sequences: 1,
            max_length: config.max_length,
            length_penalty: config.length_penalty,
            no_repeat_ngram_size: config.no_repeat_ngram_size,
            suppress_tokens: config.suppress_tokens.clone(),
            decoder_start_token_id: config.decoder_start_token_id,
            eos_token_id: config.eos_token_id,
            output_attentions: false,
        }
    }
}

impl SearchOptions {
    /// Refuses what no search over `vocab_size` words could honour.
    ///
    /// # Errors
    /// The first option that is out of range or contradicts another.
    pub fn validate(&self, vocab_size: usize) -> Result<(), InvalidOption> {
        let invalid = |option, reason| Err(InvalidOption { option, reason });
        if self.num_beams == 0 {
            return invalid("num_beams", "must be at least 1".into());
        }
        if self.num_return_sequences == 0 {
            return invalid("num_return_sequences", "must be at least 1".into());
        }
        if self.num_return_sequences > self.num_beams {
            let reason = format!(
                "{} captions cannot come out of num_beams = {}; ask for at least as many beams as captions",
                self.num_return_sequences, self.num_beams
            );
            return invalid("num_return_sequences", reason);
        }
        if self.max_length < 2 {
            let reason = format!(
                "is {}, but <sos> counts, so that no word would be left; 2 at least",
                self.max_length
            );
            return invalid("max_length", reason);
        }
        if !self.length_penalty.is_finite() {
            return invalid("length_penalty", format!("{} is not a finite number", self.length_penalty));
        }
        let ids =
            [("decoder_start_token_id", self.decoder_start_token_id), ("eos_token_id", self.eos_token_id)];
        for (option, id) in ids {
            if id as usize >= vocab_size {
                return invalid(option, format!("id {id} is outside the vocabulary of {vocab_size} words"));
            }
        }
        if (0..vocab_size as u32).all(|id| self.suppress_tokens.contains(&id)) {
            return invalid("suppress_tokens", format!("suppresses all {vocab_size} words"));
        }
        Ok(())
    }

    /// Hypothesis score: `sum_logprobs / length^length_penalty`.
    pub(super) fn score(&self, sum_logprobs: f32, length: usize) -> f32 {
        sum_logprobs / (length.max(1) as f64).powf(f64::from(self.length_penalty)) as f32
    }
}
