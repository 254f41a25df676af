//! Words, contractions that are split from them, and words that keep their apostrophe.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    // The apostrophe in ASCII, in typography and in HTML. Within a word it may also be the opening mark.
    ("apostrophe", "{Apostrophe}|&apos;"),
    ("inner_apostrophe", "{apostrophe}|{BackwardApostrophe}"),
    // An accented vowel may be an entity.
    ("letter", "{InWord}|&[AEIOUaeiou](?:uml|grave|acute);"),
    ("letters", "{letter}(?:{Digit}|{letter})*"),
    // A full stop that no space follows does not end a word.
    ("word", "{letters}(?:[!.?]{letters})*"),
    // he's, I'm, she'd, we'll, they're, you've.
    ("clitic", "{apostrophe}(?:[DMSdms]|ll|re|ve)"),
    ("not", "n{inner_apostrophe}t"),
    // A word before n't does not end in n itself: can't is ca n't.
    ("before_not", "[A-Za-z{SoftHyphen}]*[A-MO-Za-mo-z]{SoftHyphen}*"),
    ("starts_with_apostrophe", "{apostrophe}(?:em|cause|till?|n{apostrophe}?|[2-9]0s)"),
    ("ends_with_apostrophe", "(?:d|j|l|ol|dunkin|somethin){apostrophe}"),
    ("straight_apostrophe_within", r"c'mon|cont'd\.?|ev'ry|e'er|li'l|nat'l|nor'easter|s'mores"),
    // O'Malley and B'Gosh; the letters I and Y begin contractions instead (I'll, y'all).
    ("name_with_apostrophe", "[A-HJ-XZn]{inner_apostrophe}{Letter}{Letter}+|o{inner_apostrophe}o"),
    // Shi'ite and Hawai'i.
    ("vowels_with_apostrophe", "{Letter}+[AEIOUYaeiouy]{inner_apostrophe}[A-Zaeiou]{Letter}*"),
];

pub(super) const RULES: &[Rule] = &[
    rule("cannot|'twas", End::Before(3), Text::Same),
    rule("gimme|gonna|gotta|lemme|wanna|'tis", End::Before(2), Text::Same),
    rule("{word}{clitic}", End::BeforeApostrophe, Text::NoSoftHyphens),
    rule("{before_not}{not}", End::BeforeNot, Text::NoSoftHyphens),
    rule("{word}", End::Match, Text::NoSoftHyphens),
    rule(
        "{starts_with_apostrophe}|{ends_with_apostrophe}|{straight_apostrophe_within}",
        End::Match,
        Text::Same,
    ),
    rule("{name_with_apostrophe}|{vowels_with_apostrophe}", End::Match, Text::Same),
    rule("y{apostrophe}{Letter}", End::Before(1), Text::Same),
    rule("(?:{clitic}|{not})[^A-Za-z]", End::Before(1), Text::Quotes),
    // Decades and other two-digit years.
    rule("{apostrophe}[0-9]{2}{blank}", End::BeforeBlank, Text::Same),
    rule("(?:c|f)#|c[+]{2}", End::Match, Text::Same),
];
