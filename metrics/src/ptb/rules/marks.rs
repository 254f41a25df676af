//! Punctuation, brackets, quotation marks, symbols, and what separates tokens.

use super::{End, Rule, rule};
use crate::ptb::text::Text;

pub(super) const SUB_PATTERNS: &[(&str, &str)] = &[
    ("clause_mark", "[,:;{IdeographicComma}]"),
    ("line_break", r"\r|\r?\n|[\f{LineBreak}{NextLine}]"),
    ("blank", "{line_break}|{Space}"),
    ("dash", "{Dash}|&(?:md|mdash|ndash);"),
    ("ellipsis", r"\.{3,5}|\.(?:[ {NoBreakSpace}]\.){2,4}|{Ellipsis}|{NextLine}"),
    // :-) and similar ones, if no letter or digit follows.
    ("smiley", r"[<>]?[:;=]['*\-o]?[()@DOP\[\\\]dp{|]"),
    // ^_^ and (-_-). The first form was probably not intended by the original, but it behaves like this.
    (
        "eastern_smiley",
        r"[<=>x~\^]\.\[\^x=[^<]*<>\]|{eye}_{eye}|\({eye}[._]?{eye}\)|\([<=>'x~\^]-[<=>'`x~\^]\)",
    ),
    ("eye", r"[<=>'x~\^\-]"),
];

pub(super) const RULES: &[Rule] = &[
    // The original distinguishes these. Here all of them are left out, so one mark stands for them.
    rule(r#"{dash}|-{1,4}|{ellipsis}|""#, End::Match, Text::Fixed(".")),
    rule("&quot;", End::Match, Text::Quotes),
    rule("-{5,}", End::Match, Text::Same),
    rule("&amp;", End::Match, Text::Ampersand),
    rule("&(?:#[0-9]+|cdq|ht|lr|odq|q[CLRclr]|tl|ur);", End::Match, Text::Same),
    rule("<|&lt;", End::Match, Text::Fixed("<")),
    rule(">|&gt;", End::Match, Text::Fixed(">")),
    rule(r"{smiley}[^0-9A-Za-z]", End::Before(1), Text::RoundBrackets),
    rule("{eastern_smiley}", End::Match, Text::RoundBrackets),
    rule(r"\(", End::Match, Text::Fixed("-LRB-")),
    rule(r"\)", End::Match, Text::Fixed("-RRB-")),
    rule(r"\[", End::Match, Text::Fixed("-LSB-")),
    rule(r"\]", End::Match, Text::Fixed("-RSB-")),
    rule(r"\{", End::Match, Text::Fixed("-LCB-")),
    rule(r"\}", End::Match, Text::Fixed("-RCB-")),
    rule(r"#+|\*+|(?:\\\*){1,3}|<<|>>|@+|_+|[!?]+", End::Match, Text::Same),
    rule(r"[%&+./=\\\^|~]|{clause_mark}", End::Match, Text::Same),
    rule("[{CircledCapital}{FractionSlash}{ScriptSign}{Superscript}{Symbol}]", End::Match, Text::Same),
    // A quotation mark before a word of two letters opens; `s and similar ones are split from a word.
    rule(r"'[A-Za-z][^ \n\r\t{NoBreakSpace}]", End::Before(2), Text::Fixed("`")),
    rule("{clitic}|{not}", End::Match, Text::Quotes),
    rule("{apostrophe}|''|[`{BackwardApostrophe}{CurlyQuote}]{1,2}", End::Match, Text::Quotes),
    rule("{Space}+|{Invisible}|&nbsp;", End::Match, Text::Nothing),
    rule("{line_break}", End::Match, Text::LineBreak),
];
