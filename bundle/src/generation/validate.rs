use super::GenerationConfig;
use crate::printable_excerpt;

/// A decoding option that is out of range, contradicts another, or is not supported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", printable_excerpt(&format!("{option}: {reason}")))]
#[non_exhaustive]
pub struct InvalidOption {
    /// The option's key.
    pub option: String,
    /// Why it is refused, with its value.
    pub reason: String,
}

impl InvalidOption {
    pub(super) fn new(option: &str, reason: String) -> Self {
        Self { option: option.into(), reason }
    }
}

/// Most beams and captions of an image. A step of a ResNet50 bundle takes 0.1 s with as many.
const MOST_BEAMS: usize = 1_000;
/// Most tokens of a caption.
const MOST_TOKENS: usize = 10_000;

type Checked = Result<(), InvalidOption>;

fn require(holds: bool, option: &str, reason: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(InvalidOption::new(option, reason())) }
}

impl GenerationConfig {
    /// Refuses what no search over `vocab_size` tokens could obey.
    ///
    /// Hugging Face refuses most of it too; options that need another one to have an effect
    /// (`temperature` without `do_sample`), of which it warns, are refused here.
    ///
    /// # Errors
    /// The first option that is out of range or contradicts another.
    pub fn validate(&self, vocab_size: usize) -> Result<(), InvalidOption> {
        self.validate_counts()?;
        self.validate_penalties()?;
        if self.do_sample {
            self.validate_sampling()?;
        } else {
            self.validate_search()?;
        }
        self.validate_ids(vocab_size)
    }

    fn validate_counts(&self) -> Checked {
        for (option, count, most) in [
            ("num_beams", self.num_beams, MOST_BEAMS),
            ("num_return_sequences", self.num_return_sequences, MOST_BEAMS),
            ("num_beam_groups", self.num_beam_groups, MOST_BEAMS),
            ("max_length", self.max_length, MOST_TOKENS),
            ("max_new_tokens", self.max_new_tokens.unwrap_or(1), MOST_TOKENS),
        ] {
            require(count > 0, option, || "must be at least 1".into())?;
            require(count <= most, option, || format!("{count} is too many; at most {most}"))?;
        }
        require(self.max_sequence_length() >= 2, "max_length", || {
            format!("is {}, but <sos> counts, so that no token would be left; 2 at least", self.max_length)
        })?;
        require(self.min_length <= self.max_sequence_length(), "min_length", || {
            format!(
                "{} is more than the {} tokens that are allowed",
                self.min_length,
                self.max_sequence_length()
            )
        })
    }

    fn validate_penalties(&self) -> Checked {
        let longest = self.max_sequence_length();
        let divisor = (longest as f32).powf(self.length_penalty);
        require(divisor.is_normal(), "length_penalty", || {
            format!("{longest}^{} is not a number that a score can be divided by", self.length_penalty)
        })?;
        let repetition = self.repetition_penalty;
        require(repetition.is_finite() && repetition > 0.0, "repetition_penalty", || {
            format!("{repetition} is not a number above 0; 1 changes nothing")
        })
    }

    fn validate_search(&self) -> Checked {
        require(self.num_return_sequences <= self.num_beams, "num_return_sequences", || {
            format!(
                "{} captions cannot come out of num_beams = {}; ask for at least as many beams as captions",
                self.num_return_sequences, self.num_beams
            )
        })?;
        let groups = self.num_beam_groups;
        require(self.num_beams.is_multiple_of(groups), "num_beam_groups", || {
            format!("{groups} groups cannot share num_beams = {} evenly", self.num_beams)
        })?;
        let penalty = self.diversity_penalty;
        if groups > 1 {
            require(penalty.is_finite() && penalty > 0.0, "diversity_penalty", || {
                format!("is {penalty}; without one above 0 all {groups} groups would find the same captions")
            })?;
        } else {
            require(penalty == 0.0, "diversity_penalty", || {
                format!("{penalty} keeps groups of beams apart, but there is one: set num_beam_groups")
            })?;
        }
        let unused = |option, holds, value: String| {
            require(holds, option, || format!("{value} changes how tokens are drawn, but do_sample is off"))
        };
        unused("temperature", self.temperature == 1.0, self.temperature.to_string())?;
        unused("top_k", self.top_k == Self::DEFAULT_TOP_K, self.top_k.to_string())?;
        unused("top_p", self.top_p == 1.0, self.top_p.to_string())
    }

    fn validate_sampling(&self) -> Checked {
        require(self.num_beams == 1, "do_sample", || {
            format!("beams are searched, not drawn: it needs num_beams = 1, not {}", self.num_beams)
        })?;
        require(self.num_beam_groups == 1, "num_beam_groups", || {
            format!("{} groups of beams cannot be drawn: do_sample needs 1", self.num_beam_groups)
        })?;
        require(self.diversity_penalty == 0.0, "diversity_penalty", || {
            "keeps groups of beams apart, and do_sample has none".into()
        })?;
        let temperature = self.temperature;
        require(temperature.is_finite() && temperature > 0.0, "temperature", || {
            format!("{temperature} is not a number above 0; for the best tokens leave do_sample off")
        })?;
        require((0.0..=1.0).contains(&self.top_p), "top_p", || {
            format!("{} is not a probability between 0 and 1", self.top_p)
        })
    }

    fn validate_ids(&self, vocab_size: usize) -> Checked {
        let start = ("decoder_start_token_id", self.decoder_start_token_id);
        let ends = self.eos_token_id.as_slice().iter().map(|&id| ("eos_token_id", id));
        for (option, id) in ends.chain([start]) {
            require((id as usize) < vocab_size, option, || {
                format!("id {id} is outside the vocabulary of {vocab_size} tokens")
            })?;
        }
        let some_token_is_left = (0..vocab_size as u32).any(|id| !self.suppress_tokens.contains(&id));
        require(some_token_is_left, "suppress_tokens", || format!("suppresses all {vocab_size} tokens"))
    }
}
