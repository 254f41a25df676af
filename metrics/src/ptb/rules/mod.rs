//! The rules that say which parts of a text are tokens.
//!
//! At every position the longest match wins, including the context after the token. Of equally long matches, that of
//! the first rule wins.

mod abbreviations;
mod addresses;
mod compounds;
mod marks;
mod numbers;
mod words;

use super::text::Text;

/// One kind of token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Token and context, in the notation of [`super::pattern`].
    pub(super) pattern: &'static str,
    /// Where the token ends and where the next one may start.
    pub(super) end: End,
    /// What is written for the token.
    pub(super) text: Text,
}

/// How much of a match belongs to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All of it.
    Match,
    /// All but this many characters of context.
    Before(usize),
    /// The characters before the last apostrophe.
    BeforeApostrophe,
    /// The characters before the letter that stands before the last apostrophe.
    BeforeNot,
    /// The characters before the first blank.
    BeforeBlank,
    /// As [`End::BeforeBlank`]; the full stop that ends the token is also the next token.
    StopAgain,
    /// As [`End::StopAgain`], but the full stop after a single letter is not part of the token.
    StopAgainUnlessLetter,
}

const fn rule(pattern: &'static str, end: End, text: Text) -> Rule {
    Rule { pattern, end, text }
}

/// All rules, by precedence.
pub(super) const RULES: [&[Rule]; 7] = [
    words::RULES,
    addresses::RULES,
    numbers::RULES,
    abbreviations::RULES,
    addresses::FILE_RULES,
    compounds::RULES,
    marks::RULES,
];

/// Patterns that rules refer to by name.
pub(super) const SUB_PATTERNS: [&[(&str, &str)]; 6] = [
    words::SUB_PATTERNS,
    addresses::SUB_PATTERNS,
    numbers::SUB_PATTERNS,
    abbreviations::SUB_PATTERNS,
    compounds::SUB_PATTERNS,
    marks::SUB_PATTERNS,
];
