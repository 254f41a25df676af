/// Sums over the batches of an epoch.
#[derive(Debug, Default)]
pub(super) struct EpochOutcome {
    sum: f64,
    weight: f64,
    captions: usize,
}

impl EpochOutcome {
    /// Adds a batch of `captions` captions whose mean loss of a token is `loss`.
    pub fn add_loss(&mut self, loss: f64, tokens: i64, captions: usize) {
        self.sum += loss * tokens as f64;
        self.weight += tokens as f64;
        self.captions += captions;
    }

    /// Adds the rewards of a batch, one a sampled caption.
    pub fn add_rewards(&mut self, rewards: &[f64]) {
        self.sum += rewards.iter().sum::<f64>();
        self.weight += rewards.len() as f64;
        self.captions += rewards.len();
    }

    /// Mean loss of a token, or mean reward of a sample.
    pub fn mean(&self) -> f64 {
        self.sum / self.weight.max(1.0)
    }

    /// Captions that were learned from.
    pub fn captions(&self) -> usize {
        self.captions
    }
}

#[cfg(test)]
mod tests {
    use super::EpochOutcome;

    /// Batches of unequal size: the last one of an epoch has fewer photos.
    #[test]
    fn losses_are_weighted_by_tokens_and_rewards_by_samples() {
        let mut losses = EpochOutcome::default();
        losses.add_loss(2.0, 30, 3);
        losses.add_loss(5.0, 10, 1);
        assert_eq!((losses.mean(), losses.captions()), (2.75, 4));
        let mut rewards = EpochOutcome::default();
        rewards.add_rewards(&[1.0, 0.0, 0.5]);
        rewards.add_rewards(&[2.5]);
        assert_eq!((rewards.mean(), rewards.captions()), (1.0, 4));
        assert_eq!(EpochOutcome::default().mean(), 0.0);
    }
}
