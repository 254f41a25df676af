//! What is written for a token.

use std::borrow::Cow;

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// Unchanged.
    Same,
    /// Without soft hyphens. A token of soft hyphens only becomes a hyphen.
    NoSoftHyphens,
    /// Quotation marks as LaTeX writes them. Marks that can open and close are written as closing ones.
    Quotes,
    /// `&` for `&amp;`.
    Ampersand,
    /// U+00A0 for spaces.
    NoBreakSpaces,
    /// Round brackets by their names.
    RoundBrackets,
    /// U+00A0 for spaces, and round brackets by their names.
    NoBreakSpacesRoundBrackets,
    /// Fractions in one character as several characters, for those fractions that the original replaces.
    Fraction,
    /// Currency signs by the characters that the Treebank has for them.
    Currency,
    /// This text.
    Fixed(&'static str),
    /// A line break.
    LineBreak,
    /// Nothing.
    Nothing,
}

impl Text {
    /// What is written for `token`. The caller changes it to lower case.
    pub(super) fn apply(self, token: &str) -> Cow<'_, str> {
        match self {
            Self::Same => token.into(),
            Self::NoSoftHyphens if !token.contains('\u{ad}') => token.into(),
            Self::NoSoftHyphens => match token.replace('\u{ad}', "") {
                visible if visible.is_empty() => "-".into(),
                visible => visible.into(),
            },
            Self::Quotes => latex_quotes(token).into(),
            Self::Ampersand => token.to_ascii_lowercase().replace("&amp;", "&").into(),
            Self::NoBreakSpaces => token.replace(' ', "\u{a0}").into(),
            Self::RoundBrackets => name_round_brackets(token).into(),
            Self::NoBreakSpacesRoundBrackets => name_round_brackets(&token.replace(' ', "\u{a0}")).into(),
            Self::Fraction => match token {
                "\u{bc}" => "1/4".into(),
                "\u{bd}" => "1/2".into(),
                "\u{be}" => "3/4".into(),
                "\u{2153}" => "1/3".into(),
                "\u{2154}" => "2/3".into(),
                other => other.into(),
            },
            Self::Currency => match token {
                "\u{a2}" => "cents".into(),
                "\u{a3}" => "#".into(),
                // Euro in Windows-1252 and in Unicode, currency sign, ECU.
                "\u{80}" | "\u{a4}" | "\u{20a0}" | "\u{20ac}" => "$".into(),
                other => other.into(),
            },
            Self::Fixed(text) => text.into(),
            Self::LineBreak => "\n".into(),
            Self::Nothing => "".into(),
        }
    }
}

fn name_round_brackets(token: &str) -> String {
    token.replace('(', "-LRB-").replace(')', "-RRB-")
}

fn latex_quotes(token: &str) -> String {
    // Entities are recognised in lower case only.
    let token = token.replace("&apos;", "'").replace("&quot;", "''");
    let mut latex = String::with_capacity(token.len() + 1);
    for c in token.chars() {
        match c {
            '\u{91}' | '\u{2018}' | '\u{201b}' | '\u{2039}' => latex.push('`'),
            '\u{92}' | '\u{2019}' | '\u{203a}' => latex.push('\''),
            '\u{93}' | '\u{201c}' | '\u{ab}' => latex.push_str("``"),
            '\u{94}' | '\u{201d}' | '\u{bb}' => latex.push_str("''"),
            other => latex.push(other),
        }
    }
    latex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_rewritten_by_kind() {
        for (text, token, written) in [
            (Text::NoSoftHyphens, "soft\u{ad}hyphen", "softhyphen"),
            (Text::NoSoftHyphens, "\u{ad}\u{ad}", "-"),
            (Text::Quotes, "\u{2019}s", "'s"),
            (Text::Quotes, "\u{ab}", "``"),
            (Text::Quotes, "&apos;s", "'s"),
            (Text::Ampersand, "at&AMP;t", "at&t"),
            (Text::NoBreakSpaces, "1 1/2", "1\u{a0}1/2"),
            (Text::RoundBrackets, ":)", ":-RRB-"),
            (Text::NoBreakSpacesRoundBrackets, "(555) 1", "-LRB-555-RRB-\u{a0}1"),
            (Text::Fraction, "\u{bd}", "1/2"),
            (Text::Fraction, "\u{215b}", "\u{215b}"),
            (Text::Currency, "\u{20ac}", "$"),
        ] {
            assert_eq!(text.apply(token), written, "{token:?}");
        }
    }
}
