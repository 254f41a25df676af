//! The notation of the rules, and its translation to byte regexes.
//!
//! On top of the syntax of the `regex` crate:
//! - a letter outside brackets stands for both of its cases, inside brackets only for itself;
//! - `{name}`, outside brackets, is a sub-pattern from [`SUB_PATTERNS`];
//! - `{Name}`, inside brackets or alone, is a group of characters from [`characters`].

use super::alphabet::Kind;
use super::rules::SUB_PATTERNS;

/// Translates a pattern to the syntax of a regex over the bytes of [`super::alphabet`].
///
/// # Panics
/// If the pattern has an unknown name. All patterns are constants, so a test finds this.
pub(super) fn translate(pattern: &str) -> String {
    let mut regex = String::with_capacity(pattern.len() * 4);
    let mut in_brackets = false;
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                regex.push(c);
                regex.extend(rest.next());
            }
            '{' if rest.as_str().starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let (name, after) = rest.as_str().split_once('}').unwrap_or((rest.as_str(), ""));
                rest = after.chars();
                if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                    regex.push_str(&format!("(?:{})", translate(sub_pattern(name))));
                } else if in_brackets {
                    regex.push_str(&characters(name));
                } else {
                    regex.push_str(&format!("[{}]", characters(name)));
                }
            }
            '[' | ']' => {
                in_brackets = c == '[';
                regex.push(c);
            }
            'a'..='z' | 'A'..='Z' if !in_brackets => {
                let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
                regex.push_str(&format!("[{lower}{upper}{}]", folding_to(lower)));
            }
            _ => regex.push(c),
        }
    }
    regex
}

fn sub_pattern(name: &str) -> &'static str {
    let found = SUB_PATTERNS.iter().copied().flatten().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| unreachable!("no rule names a pattern {name}")).1
}

/// Letters outside ASCII whose case folds to an ASCII letter, as the content of a bracket.
fn folding_to(letter: char) -> String {
    match letter {
        'i' => bytes(&[Kind::DottedI, Kind::DotlessI]),
        'k' => bytes(&[Kind::KelvinSign]),
        's' => bytes(&[Kind::LongS]),
        _ => String::new(),
    }
}

/// A named group of characters as the content of a bracket.
fn characters(name: &str) -> String {
    use Kind::*;
    let (ascii, kinds): (&str, &[Kind]) = match name {
        "Anything" => (r"\x00-\xff", &[]),
        "Letter" => ("A-Za-z", &[Lower, Upper, LongS, DottedI, DotlessI, KelvinSign]),
        "Uppercase" => ("A-Z", &[Upper, DottedI, KelvinSign, RomanNumeral, CircledCapital]),
        "InWord" => ("A-Za-z", &[Lower, Upper, LongS, DottedI, DotlessI, KelvinSign, Mark, SoftHyphen]),
        "SoftHyphen" => ("", &[SoftHyphen]),
        "Digit" => ("0-9", &[Digit]),
        "NumberSeparator" => ("", &[NumberSeparator]),
        "ScriptSign" => ("", &[ScriptSign]),
        "Superscript" => ("", &[Superscript]),
        "Subscript" => ("", &[Subscript]),
        "Fraction" => ("", &[Fraction]),
        "FractionSlash" => ("", &[FractionSlash]),
        "Currency" => ("", &[Currency]),
        "Space" => (r" \t", &[NoBreakSpace, WideSpace]),
        "NoBreakSpace" => ("", &[NoBreakSpace]),
        "LineBreak" => ("", &[LineBreak]),
        "NextLine" => ("", &[NextLine]),
        "Invisible" => ("", &[Invisible]),
        "JoiningHyphen" => (r"\-_", &[Hyphen]),
        "Dash" => ("", &[Dash]),
        "Ellipsis" => ("", &[Ellipsis]),
        "IdeographicComma" => ("", &[IdeographicComma]),
        "Apostrophe" => ("'", &[RightQuote]),
        "BackwardApostrophe" => ("`", &[LeftQuote]),
        "CurlyQuote" => ("", &[LeftQuote, RightQuote, Quote]),
        "Brace" => ("{}", &[]),
        "NotInUrl" => (r#" \t\n\f\r"()<>|"#, &[]),
        "UrlEnd" => (r"!,.?\-", &[]),
        "CircledCapital" => ("", &[CircledCapital]),
        "Symbol" => ("", &[Symbol]),
        _ => unreachable!("no rule names a group of characters {name}"),
    };
    format!("{ascii}{}", bytes(kinds))
}

fn bytes(kinds: &[Kind]) -> String {
    kinds.iter().map(|&kind| format!(r"\x{:02x}", kind as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptb::rules::RULES;

    #[test]
    fn letters_fold_outside_brackets_only() {
        assert_eq!(translate(r"a[bc]\."), r"[aA][bc]\.");
        let long_s = bytes(&[Kind::LongS]);
        assert_eq!(translate("s{2,4}"), format!("[sS{long_s}]{{2,4}}"));
    }

    #[test]
    fn groups_stand_alone_and_in_brackets() {
        let digit = bytes(&[Kind::Digit]);
        assert_eq!(translate("{Digit}"), format!("[0-9{digit}]"));
        assert_eq!(translate("[x{Digit}]"), format!("[x0-9{digit}]"));
    }

    #[test]
    fn every_sub_pattern_is_named_once_and_used() {
        let named: Vec<_> = SUB_PATTERNS.iter().copied().flatten().collect();
        for (i, (name, _)) in named.iter().enumerate() {
            assert!(named[..i].iter().all(|(other, _)| other != name), "{name} is named twice");
            let reference = format!("{{{name}}}");
            let rules = RULES.iter().copied().flatten().map(|rule| rule.pattern);
            let used = rules.chain(named.iter().map(|(_, pattern)| *pattern)).any(|p| p.contains(&reference));
            assert!(used, "{name} is used nowhere");
        }
    }
}
