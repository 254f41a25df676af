//! Counting n-grams of token ids.

/// Length of the longest n-gram of any metric here.
pub(crate) const MAX_ORDER: usize = 4;

/// Up to four token ids side by side. Keys of different orders may be equal: keep orders apart.
pub(crate) type NgramKey = u128;

/// Packs at most [`MAX_ORDER`] ids; within one order two keys are equal only if all ids are.
pub(crate) fn pack(ngram: &[u32]) -> NgramKey {
    debug_assert!(ngram.len() <= MAX_ORDER);
    ngram.iter().fold(0, |key, &id| (key << 32) | NgramKey::from(id))
}

/// The n-grams of one order with their counts, sorted by key.
///
/// A caption has a few dozen n-grams; for so few, sorting is faster than hashing.
pub(crate) fn count(tokens: &[u32], order: usize) -> Vec<(NgramKey, u32)> {
    let mut keys: Vec<NgramKey> = tokens.windows(order).map(pack).collect();
    keys.sort_unstable();
    let mut counts: Vec<(NgramKey, u32)> = Vec::with_capacity(keys.len());
    for key in keys {
        match counts.last_mut() {
            Some((last, count)) if *last == key => *count += 1,
            _ => counts.push((key, 1)),
        }
    }
    counts
}

/// Calls `visit` with both counts of every n-gram that two sorted lists share.
pub(crate) fn for_each_shared<K: Ord + Copy>(
    left: &[(K, u32)],
    right: &[(K, u32)],
    mut visit: impl FnMut(K, u32, u32),
) {
    let (mut i, mut j) = (0, 0);
    while let (Some(&(a, left_count)), Some(&(b, right_count))) = (left.get(i), right.get(j)) {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                visit(a, left_count, right_count);
                i += 1;
                j += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_repeated_ngrams() {
        let counts = count(&[7, 8, 7, 8, 7], 2);
        assert_eq!(counts, [(pack(&[7, 8]), 2), (pack(&[8, 7]), 2)]);
        assert_eq!(count(&[1, 2, 3], 4), []);
    }

    #[test]
    fn packing_keeps_the_largest_ids_apart() {
        assert_ne!(pack(&[u32::MAX, 0]), pack(&[u32::MAX, 1]));
        assert_ne!(pack(&[1, 0, 0, 0]), pack(&[0, 1, 0, 0]));
    }

    #[test]
    fn shared_ngrams_come_with_both_counts() {
        let mut seen = Vec::new();
        for_each_shared(&[(1, 2), (3, 1), (9, 4)], &[(0, 1), (3, 5), (9, 1)], |k, a, b| seen.push((k, a, b)));
        assert_eq!(seen, [(3, 1, 5), (9, 4, 1)]);
    }
}
