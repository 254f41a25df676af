//! Words of a tokenised caption, as ids.
//!
//! BLEU and CIDEr of coco-caption split at any white space, ROUGE-L at every single space. The two differ where a
//! token holds a no-break space, and for an empty caption, which is one empty word to ROUGE-L.

use rustc_hash::FxHashMap;

use crate::Interner;

/// White space as Python's `str` sees it.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The words of a tokenised caption, as Python's `str.split()` finds them.
pub(crate) fn split(tokens: &str) -> impl Iterator<Item = &str> {
    tokens.split(is_space).filter(|word| !word.is_empty())
}

/// A caption as the metrics read it.
#[derive(Debug, Clone)]
pub(crate) struct Caption {
    words: Vec<u32>,
    /// Words split at single spaces, where they differ.
    space_separated: Option<Vec<u32>>,
}

impl Caption {
    /// Reads a tokenised caption; `id` gives the ids of words.
    pub(crate) fn new<'t>(tokens: &'t str, mut id: impl FnMut(&'t str) -> u32) -> Self {
        let differs = tokens.is_empty() || tokens.contains(|c| c != ' ' && is_space(c));
        let space_separated = differs.then(|| tokens.split(' ').map(&mut id).collect());
        Self { words: split(tokens).map(id).collect(), space_separated }
    }

    /// Words for ROUGE-L.
    pub(crate) fn space_separated(&self) -> &[u32] {
        self.space_separated.as_ref().unwrap_or(&self.words)
    }
}

/// Words for BLEU and CIDEr.
impl AsRef<[u32]> for Caption {
    fn as_ref(&self) -> &[u32] {
        &self.words
    }
}

/// Ids for words that may not be in a finished [`Interner`]: new words get ids that no known word has.
pub(crate) struct Newcomers<'w> {
    known: &'w Interner<String>,
    new: FxHashMap<&'w str, u32>,
}

impl<'w> Newcomers<'w> {
    pub(crate) fn new(known: &'w Interner<String>) -> Self {
        Self { known, new: FxHashMap::default() }
    }

    pub(crate) fn id(&mut self, word: &'w str) -> u32 {
        let next = (self.known.len() + self.new.len()) as u32;
        self.known.get(word).unwrap_or_else(|| *self.new.entry(word).or_insert(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_disagree_on_no_break_spaces_and_empty_captions() {
        let mut words = Interner::new();
        let fraction = Caption::new("1\u{a0}1/2 cups", |word| words.id(word));
        assert_eq!(fraction.as_ref().len(), 3);
        assert_eq!(fraction.space_separated().len(), 2);
        let empty = Caption::new("", |word| words.id(word));
        assert_eq!(empty.as_ref().len(), 0);
        assert_eq!(empty.space_separated().len(), 1);
    }

    #[test]
    fn newcomers_never_share_an_id() {
        let mut known = Interner::new();
        known.id("dog".to_owned());
        let mut words = Newcomers::new(&known);
        assert_eq!(["cat", "dog", "cat", "emu"].map(|word| words.id(word)), [1, 0, 1, 2]);
    }
}
