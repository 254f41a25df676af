use crate::{Checkpoint, Error, Result};
use glimpse_bundle::{CaptionTokenizer, EOS_ID, SPECIALS};

impl Checkpoint {
    /// Raises the logits of rare tokens by `strength` times minus the log of the token's share among the training
    /// captions: logit adjustment (Menon et al. 2021). A decoder overrates frequent tokens, the more so after
    /// self-critical training. Captions get more different tokens.
    ///
    /// `<eos>` is raised by the mean over all tokens of `captions`, so that captions keep their length. Tokens that do
    /// not occur count as the rarest that does. Only the bias of the output layer changes: captioning takes no longer.
    ///
    /// # Errors
    /// A `strength` below 0 or above 1, captions without a known token, a decoder without an output bias, and weights that do not fit the architecture.
    pub fn adjust_logits(&mut self, captions: &[&str], strength: f32) -> Result<()> {
        if !(0.0..=1.0).contains(&strength) {
            let reason = format!("{strength} is not between 0 and 1");
            return Err(Error::Contradiction { what: "strength of the adjustment", reason });
        }
        let counts = self.token_counts(captions)?;
        let total: u64 = counts.iter().sum();
        let Some(rarest) = counts.iter().copied().filter(|&count| count > 0).min() else {
            let reason = "they hold no token of the vocabulary".into();
            return Err(Error::Contradiction { what: "captions", reason });
        };
        let surprise = |count: u64| -(count.max(rarest) as f64 / total as f64).ln();
        let entropy: f64 =
            counts.iter().map(|&count| count as f64 * surprise(count)).sum::<f64>() / total as f64;

        let kind = self.decoder_kind()?;
        let Some(name) = kind.output_bias() else {
            let reason = format!("{} adds none to its logits", kind.name());
            return Err(Error::Contradiction { what: "output bias", reason });
        };
        let mut bias = self.weights.get(name, &[counts.len()])?.to_vec();
        for (id, (bias, &count)) in bias.iter_mut().zip(&counts).enumerate() {
            let raised = match id as u32 {
                EOS_ID => entropy,
                id if (id as usize) < SPECIALS.len() => continue,
                _ => surprise(count),
            };
            *bias = (f64::from(*bias) + f64::from(strength) * raised) as f32;
        }
        let shape = [bias.len()];
        self.weights.insert(name, &shape, bias)?;
        self.config.provenance.logit_adjustment += strength;
        Ok(())
    }

    /// How often each token occurs; special tokens do not.
    fn token_counts(&self, captions: &[&str]) -> Result<Vec<u64>> {
        let tokenizer = CaptionTokenizer::from_json(&self.tokenizer)?;
        let mut counts = vec![0; tokenizer.vocab_size()];
        for id in tokenizer.encode_batch(captions)?.into_iter().flatten() {
            if id as usize >= SPECIALS.len() {
                counts[id as usize] += 1;
            }
        }
        Ok(counts)
    }
}
