//! Words joined by hyphens, slashes, ampersands and plus signs.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    // State-of-the-art, 10-year-old, pro-U.S.
    ("hyphenated", r"[0-9A-Za-z][,.0-9A-Za-z{SoftHyphen}]*(?:-{after_hyphen})+"),
    ("after_hyphen", r"(?:[0-9A-Za-z{SoftHyphen}]+|(?:{long_acronym})\.)"),
    // Also with other hyphens, in other scripts, and with d' or l' before a part.
    ("joined", "{joined_part}(?:{JoiningHyphen}{joined_part})*"),
    ("joined_part", "(?:[DLOdlo]{inner_apostrophe}{alphanumeric})?{alphanumeric}+"),
    ("alphanumeric", "[{Digit}{Letter}]"),
    // And/or, he/she/it.
    ("alternatives", r"{alternative}(?:\\?/{alternative}){1,2}"),
    ("alternative", "[0-9A-Za-z]+(?:-[A-Za-z]+){0,2}"),
    // AT&T, R&B, B+B.
    ("partners", "[A-Z]+(?:(?:{ampersand}|[+])[A-Z]+)+"),
    ("ampersand", "&(?:amp;)?"),
    // Words of the Treebank that no other rule keeps together.
    ("treebank_word", r"anti-|c\.d\.s|cap{apostrophe}n|c{apostrophe}est|pro-|s{ampersand}(?:ls|p-500)"),
];

pub(super) const RULES: &[Rule] = &[
    rule("{treebank_word}|-(?:l|r)(?:c|r|s)b-", End::Match, Text::Ampersand),
    rule("{alternatives}", End::Match, Text::Same),
    rule(r"{hyphenated}\.{clause_mark}", End::Before(1), Text::NoSoftHyphens),
    rule("{hyphenated}", End::Match, Text::NoSoftHyphens),
    rule(r"{joined}\.{clause_mark}", End::Before(1), Text::Same),
    rule("{joined}", End::Match, Text::Same),
    rule(r"{partners}\.{clause_mark}", End::Before(1), Text::Ampersand),
    rule("{partners}", End::Match, Text::Ampersand),
];
