//! Numbers, dates, fractions, telephone numbers, money.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    // Times are numbers too, and so are :5 and 1.2.3.
    ("number", "{Digit}+|{Digit}*(?:[,.:{NumberSeparator}{SoftHyphen}]{Digit}+)+"),
    ("date", "{Digit}{1,2}{date_separator}{Digit}{1,2}{date_separator}{Digit}{2,4}"),
    ("date_separator", r"[/\-]"),
    ("fraction", r"(?:{Digit}{1,4}{group_separator})?{Digit}{1,4}(?:\\?/|{FractionSlash}){Digit}{1,4}"),
    ("group_separator", r"[ {NoBreakSpace}\-]"),
    ("area_code", r"\([0-9]{2,3}\)[ {NoBreakSpace}]?|{country_code}[0-9]{2,4}{group_separator}"),
    ("country_code", r"(?:\+{0,2}[0-9]{2,4}{group_separator}|\+{0,2})"),
    ("spaced_telephone", "(?:{area_code})[0-9]{3,4}{group_separator}?[0-9]{3,5}"),
    ("dotted_telephone", r"(?:\+{0,2}[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}"),
];

pub(super) const RULES: &[Rule] = &[
    rule("{date}", End::Match, Text::Same),
    rule(r"[+\-]?(?:{number})", End::Match, Text::NoSoftHyphens),
    rule("{ScriptSign}?(?:{Subscript}+|{Superscript}+)", End::Match, Text::Same),
    rule("{fraction}", End::Match, Text::NoBreakSpaces),
    rule("{Fraction}", End::Match, Text::Fraction),
    rule("{spaced_telephone}|{dotted_telephone}", End::Match, Text::NoBreakSpacesRoundBrackets),
    rule(r"[A-Z]*\$|#", End::Match, Text::Same),
    rule("{Currency}", End::Match, Text::Currency),
];
