//! Words of a tokenised caption, as the metrics of coco-caption split them.

/// White space as Python's `str` sees it.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `str.split()` of Python.
pub(crate) fn split(tokens: &str) -> impl Iterator<Item = &str> {
    tokens.split(is_space).filter(|word| !word.is_empty())
}
