//! ROUGE-L: the longest common subsequence with a reference.
//!
//! Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, as coco-caption computes it: beta is 1.2, and
//! precision and recall are each the best over the references, not necessarily of the same one.

use std::sync::Arc;

use crate::{Caption, Error, Metric, ReferenceCaptions, Scorer};

/// `ROUGE_L`, in 0..=1: the mean over the images.
#[derive(Debug, Clone, Copy)]
pub struct RougeL;

impl Metric for RougeL {
    fn keys(&self) -> &'static [&'static str] {
        &["ROUGE_L"]
    }

    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
        let references = Arc::clone(references);
        Ok(Box::new(move |image, caption| {
            let references: Vec<&[u32]> =
                references[image].iter().map(Caption::space_separated_ids).collect();
            Ok(vec![rouge_l(caption.space_separated_ids(), &references)])
        }))
    }
}

/// Weight of recall against precision.
const BETA: f64 = 1.2;

/// ROUGE-L of a hypothesis, in 0..=1.
///
/// coco-caption splits at single spaces here, so that an empty caption has one empty token. To get its numbers for an
/// empty caption too, give it one token that no other caption has.
pub fn rouge_l<R: AsRef<[u32]>>(hypothesis: &[u32], references: &[R]) -> f64 {
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in references {
        let reference = reference.as_ref();
        let common = longest_common_subsequence(hypothesis, reference) as f64;
        if common > 0.0 {
            precision = precision.max(common / hypothesis.len() as f64);
            recall = recall.max(common / reference.len() as f64);
        }
    }
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

/// Length of the longest sequence of tokens that both captions have in this order.
fn longest_common_subsequence(left: &[u32], right: &[u32]) -> usize {
    let mut lengths = vec![0; right.len() + 1];
    for a in left {
        let mut diagonal = 0;
        for (j, b) in right.iter().enumerate() {
            let above = lengths[j + 1];
            lengths[j + 1] = if a == b { diagonal + 1 } else { above.max(lengths[j]) };
            diagonal = above;
        }
    }
    lengths[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_between_do_not_break_a_subsequence() {
        assert_eq!(longest_common_subsequence(&[1, 9, 2, 9, 3], &[1, 2, 8, 3]), 3);
        assert_eq!(longest_common_subsequence(&[3, 2, 1], &[1, 2, 3]), 1);
        assert_eq!(longest_common_subsequence(&[], &[1]), 0);
    }

    #[test]
    fn precision_and_recall_may_come_from_two_references() {
        // Precision 1 with the long reference, recall 1 with the short one.
        let score = rouge_l(&[1, 2], &[vec![1, 2, 3, 4], vec![1]]);
        assert!((score - 1.0).abs() < 1e-12, "{score}");
    }
}
