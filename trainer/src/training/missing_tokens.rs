use std::collections::HashSet;

/// Highest need of a token: it is four times too rare, or more.
const HIGHEST: f64 = 2.0;

/// How much rarer each token is in captions of a model than in the references, in bits.
///
/// Self-critical training moves probability to the tokens that are safe in most photos, and the others die out. A
/// reward for tokens that a reference of the photo has, but the model seldom uses, works against it.
#[derive(Debug, Clone, Default)]
pub struct MissingTokens {
    /// By token id, 0 to [`HIGHEST`]: log2 of how many times rarer the model uses it.
    needs: Vec<f64>,
}

impl MissingTokens {
    /// Compares `captions` of a model with `references` of the same photos, all token ids below `vocab_size`.
    pub fn new<'a>(
        vocab_size: usize,
        captions: &[Vec<u32>],
        references: impl Iterator<Item = &'a Vec<u32>>,
    ) -> Self {
        let used = Usage::of(vocab_size, captions.iter());
        let wanted = Usage::of(vocab_size, references);
        // What the references would have among as many tokens. Adding one leaves tokens alone that are too rare in
        // both to tell.
        let scale = used.total / wanted.total.max(1.0);
        let need = |(wanted, used): (&f64, &f64)| ((wanted * scale + 1.0) / (used + 1.0)).log2();
        let needs =
            wanted.counts.iter().zip(&used.counts).map(need).map(|need| need.clamp(0.0, HIGHEST)).collect();
        Self { needs }
    }

    /// The mean need of a token of `caption`, where tokens that no reference has and repeated ones count 0.
    pub fn reward(&self, caption: &[u32], references: &[Vec<u32>]) -> f64 {
        let different: HashSet<u32> = caption.iter().copied().collect();
        let right = different.iter().filter(|id| references.iter().any(|reference| reference.contains(id)));
        let needs: f64 = right.map(|&id| self.needs.get(id as usize).copied().unwrap_or(0.0)).sum();
        needs / caption.len().max(1) as f64
    }
}

/// How often each token occurs.
struct Usage {
    counts: Vec<f64>,
    total: f64,
}

impl Usage {
    fn of<'a>(vocab_size: usize, captions: impl Iterator<Item = &'a Vec<u32>>) -> Self {
        let (mut counts, mut total) = (vec![0.0; vocab_size], 0.0);
        for &id in captions.flatten() {
            counts[id as usize] += 1.0;
            total += 1.0;
        }
        Self { counts, total }
    }
}

#[cfg(test)]
mod tests {
    use super::MissingTokens;

    #[test]
    fn tokens_that_only_the_references_use_are_needed_most() {
        // 8 tokens of the model; among 8 the references have 2 of token 1, 4 of token 2, 2 of token 3.
        let captions = vec![vec![1, 2, 2, 2], vec![1, 1, 2, 2]];
        let references = [vec![1, 2, 2, 3], vec![1, 2, 2, 3]];
        let missing = MissingTokens::new(4, &captions, references.iter());
        assert_eq!(missing.needs, [0.0, 0.0, 0.0, 3f64.log2()]);
        // A token that is eight times too rare counts as one that is four times too rare.
        let many = [vec![3; 8]];
        assert_eq!(MissingTokens::new(4, &captions, many.iter()).needs[3], 2.0);
    }

    #[test]
    fn a_needed_token_is_paid_for_once_and_only_where_it_is_right() {
        let captions = vec![vec![1, 2, 2, 2], vec![1, 1, 2, 2]];
        let references = [vec![1, 2, 2, 3], vec![1, 2, 2, 3]];
        let missing = MissingTokens::new(4, &captions, references.iter());
        let need = 3f64.log2();
        assert_eq!(missing.reward(&[1, 3], &references), need / 2.0);
        assert_eq!(missing.reward(&[1, 3, 3, 3], &references), need / 4.0);
        assert_eq!(missing.reward(&[1, 3], &[vec![1, 2]]), 0.0);
        assert_eq!(missing.reward(&[], &references), 0.0);
    }
}
