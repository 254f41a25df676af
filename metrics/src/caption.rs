//! Tokenised captions, and the ids of their tokens.
//!
//! BLEU and CIDEr of coco-caption split at any white space, ROUGE-L at every single space. The two differ where a
//! token holds a no-break space, and for an empty caption, which is one empty token for ROUGE-L.

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

/// White space as Python's `str` sees it.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The tokens of a tokenised caption, as Python's `str.split()` finds them.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|token| !token.is_empty())
}

/// A tokenised caption as a [`Metric`](crate::Metric) reads it.
#[derive(Debug, Clone)]
pub struct Caption {
    text: String,
    ids: Vec<u32>,
    /// Ids of the tokens between single spaces, where they differ.
    space_separated: Option<Vec<u32>>,
}

impl Caption {
    /// Reads a tokenised caption; `id` gives the id of a token.
    pub(crate) fn new(text: String, mut id: impl FnMut(&str) -> u32) -> Self {
        let differs = text.is_empty() || text.contains(|c| c != ' ' && is_space(c));
        let space_separated = differs.then(|| text.split(' ').map(&mut id).collect());
        let ids = split(&text).map(id).collect();
        Self { text, ids, space_separated }
    }

    /// The tokens with one space between them, as [`ptb::tokenize`](crate::ptb::tokenize) writes them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        split(&self.text)
    }

    /// The ids of the tokens. Within one [`Evaluation`](crate::Evaluation) two tokens have the same id exactly if
    /// they are the same text.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The ids of the tokens as coco-caption's ROUGE-L separates them.
    pub(crate) fn space_separated_ids(&self) -> &[u32] {
        self.space_separated.as_ref().unwrap_or(&self.ids)
    }
}

impl AsRef<[u32]> for Caption {
    fn as_ref(&self) -> &[u32] {
        &self.ids
    }
}

/// Gives every different token an id: 0, 1, 2... in the order in which they are first seen.
#[derive(Debug, Default)]
pub(crate) struct TokenIds(IndexSet<String, FxBuildHasher>);

impl TokenIds {
    pub(crate) fn id(&mut self, token: &str) -> u32 {
        let index = match self.0.get_index_of(token) {
            Some(index) => index,
            None => self.0.insert_full(token.to_owned()).0,
        };
        index as u32
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ids for captions that may have other tokens too: those get ids that no known token has.
    pub(crate) fn extended(&self) -> ExtendedIds<'_> {
        ExtendedIds { known: self, new: Self::default() }
    }
}

/// See [`TokenIds::extended`].
pub(crate) struct ExtendedIds<'k> {
    known: &'k TokenIds,
    new: TokenIds,
}

impl ExtendedIds<'_> {
    pub(crate) fn id(&mut self, token: &str) -> u32 {
        let TokenIds(known) = self.known;
        match known.get_index_of(token) {
            Some(index) => index as u32,
            None => known.len() as u32 + self.new.id(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_disagree_on_no_break_spaces_and_empty_captions() {
        let mut ids = TokenIds::default();
        let fraction = Caption::new("1\u{a0}1/2 cups".to_owned(), |token| ids.id(token));
        assert_eq!(fraction.ids().len(), 3);
        assert_eq!(fraction.space_separated_ids().len(), 2);
        let empty = Caption::new(String::new(), |token| ids.id(token));
        assert_eq!(empty.ids().len(), 0);
        assert_eq!(empty.space_separated_ids().len(), 1);
    }

    #[test]
    fn ids_follow_the_order_of_first_sight() {
        let mut ids = TokenIds::default();
        let caption = Caption::new("a dog and a cat".to_owned(), |token| ids.id(token));
        assert_eq!(caption.ids(), [0, 1, 2, 0, 3]);
    }

    #[test]
    fn new_tokens_never_share_an_id() {
        let mut known = TokenIds::default();
        known.id("dog");
        let mut ids = known.extended();
        assert_eq!(["cat", "dog", "cat", "emu"].map(|token| ids.id(token)), [1, 0, 1, 2]);
    }
}
