//! Words to dense ids, so that the metrics compare integers.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Gives every distinct item an id: 0, 1, 2... in the order in which they are first seen.
///
/// With `T = &str` nothing is copied. Metrics that take `u32` tokens also accept the ids of a model's own
/// vocabulary; an interner is only needed where there is none.
///
/// ```
/// use glimpse_metrics::Interner;
///
/// let mut words = Interner::new();
/// assert_eq!(words.sentence("a dog and a cat".split(' ')), [0, 1, 2, 0, 3]);
/// ```
#[derive(Debug, Clone)]
pub struct Interner<T> {
    ids: FxHashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { ids: FxHashMap::default() }
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// An interner that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of `item`, a new one if it was never seen.
    pub fn id(&mut self, item: T) -> u32 {
        let next = self.ids.len() as u32;
        *self.ids.entry(item).or_insert(next)
    }

    /// The id of `item`, if it was seen.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, item: &Q) -> Option<u32>
    where
        T: Borrow<Q>,
    {
        self.ids.get(item).copied()
    }

    /// The ids of a sequence of items.
    pub fn sentence(&mut self, items: impl IntoIterator<Item = T>) -> Vec<u32> {
        items.into_iter().map(|item| self.id(item)).collect()
    }

    /// How many distinct items were seen.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
