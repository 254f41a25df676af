//! NLTK's word rules as Hugging Face normalisers.
//!
//! NLTK's `NLTKWordTokenizer` (module `nltk.tokenize.destructive`, version 3.10.4) is a list of
//! substitutions that put blanks around words, then a split at blanks. A Hugging Face `Replace` has
//! the same shape, but its content is literal text: it cannot give back what a group matched. So each
//! rule here finds the *gap* where NLTK puts a blank, by looking around it, or replaces a fixed string
//! by a fixed string. The order is NLTK's, as later rules see the blanks of earlier ones.
//!
//! NLTK up to 3.10.0 takes an opening apostrophe off one-letter words only and leaves long dashes
//! in their word; in Flickr8k that is one caption, with `'slide`.
//!
//! The file is read by two engines: fancy-regex here, Oniguruma in Python. So the patterns
//! * spell `\A` and `\z`, since `^` and `$` match at every line in Oniguruma;
//! * spell character classes for `\w`, `\b` and `\d`, which differ between engines;
//! * look behind for a fixed width only, and nest no look-behind in another;
//! * never match the empty gap before the first character, where `Replace` would leave the offsets
//!   of `NormalizedString` inconsistent and the next normaliser would panic. NLTK's blank there has no effect.

use super::SPECIALS;
use serde_json::{Value, json};

/// `\w` of the Python package `regex`, which NLTK matches its quotes with.
const REGEX_WORD: &str = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}]";
/// `\w` of Python's own `re`, which NLTK matches its contractions with.
const RE_WORD: &str = r"[\p{L}\p{N}_]";
/// A blank in Python, where the separators U+001C to U+001F are blanks too.
const BLANK: &str = r"[\s\x{1c}-\x{1f}]";
/// What may come between the final period and the end of the text.
const CLOSING: &str = r#"(?>[\])}>"'»”’ ]*)\s*\z"#;
/// The longest run of commas and colons that is cut; a longer run stays one word.
const LONGEST_RUN: usize = 15;

/// The special tokens, which no normaliser changes.
pub(super) fn added_tokens() -> Value {
    let token = |(id, content): (usize, &&str)| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    SPECIALS.iter().enumerate().map(token).collect()
}

/// NLTK's substitutions, then lower case, then NLTK's contractions.
pub(super) fn normalizer() -> Value {
    let mut rules = opening_quotes();
    rules.extend(punctuation());
    rules.extend(closing_quotes());
    rules.push(json!({"type": "Lowercase"}));
    // NLTK reads these in any case, so that lower case may come first and make them fixed strings.
    rules.extend(contractions());
    json!({"type": "Sequence", "normalizers": rules})
}

/// Python's `str.split()`.
pub(super) fn pre_tokenizer() -> Value {
    json!({
        "type": "Split", "pattern": {"Regex": format!("{BLANK}+")}, "behavior": "Removed", "invert": false,
    })
}

/// A readable sentence: blanks between words, but none before closing punctuation and clitics, nor
/// inside quotes and brackets, nor in the contractions that NLTK cuts.
pub(super) fn decoder() -> Value {
    // No word starts with the prefix, since `#` is always a word of its own.
    let blanks = json!({"type": "WordPiece", "prefix": "##", "cleanup": false});
    let rules = [
        replace_regex(r" (?=[.,;:?!)\]}%…](?:[ .]|\z)|\.\.|(?:n't|'s|'m|'d|'ll|'re|'ve)(?: |\z))", ""),
        replace_regex(r"(?<=[(\[{$#]) ", ""),
        replace_regex(r"(?<=s) (?='(?: |\z))", ""),
        replace_regex(&rejoined_contractions(), ""),
        replace_string("`` ", "\""),
        replace_string(" ''", "\""),
    ];
    let mut decoders = vec![blanks, json!({"type": "Fuse"})];
    decoders.extend(rules);
    json!({"type": "Sequence", "decoders": decoders})
}

fn rejoined_contractions() -> String {
    let pairs = [("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("gim", "me"), ("lem", "me")];
    let gaps = pairs.map(|(a, b)| format!(r"(?<={a})(?<![^ ]{a}) (?={b}(?: |\z))"));
    gaps.join("|")
}

fn opening_quotes() -> Vec<Value> {
    vec![
        blank_at(r"(?!\A)(?:(?=[«“‘„])|(?<=[«“‘„])|(?=`)(?<!`)|(?!`)(?<=`))"),
        replace_regex(r#"\A""#, "``"),
        replace_string("``", " `` "),
        replace_regex(r#"(?<=[ (\[{<])(?:"|'')"#, " `` "),
        replace_regex(
            &format!(
                "'(?={REGEX_WORD})(?<!{REGEX_WORD}')\
                 (?!(?:[rR][eE]|[vV][eE]|[lL][lL]|[mM]|[tT]|[sS]|[dD]|[nN])(?!{REGEX_WORD}))"
            ),
            "' ",
        ),
    ]
}

fn punctuation() -> Vec<Value> {
    let mut rules = vec![
        blank_at(&format!(r"(?=\.{CLOSING})(?<=[^.])|(?<=[^.]\.)(?={CLOSING})")),
        blank_at(&comma_or_colon()),
        blank_at(r"(?!\A)(?:(?=\.\.)(?<!\.)|(?!\.)(?<=\.\.))"),
    ];
    rules.extend(";@#$%&‒–—―?!".chars().map(blanks_around));
    rules.push(blank_at("(?=' )(?<=[^'])"));
    rules.extend("*[](){}<>".chars().map(blanks_around));
    rules.push(replace_string("--", " -- "));
    rules
}

/// NLTK's `([:,])([^\d])` consumes the second character, so that of a run of commas only the first,
/// third, fifth... are set apart; at the end of the text (`([:,])$`) the last one is as well.
fn comma_or_colon() -> String {
    let exactly = |n: usize| format!("(?<=[:,]{{{n}}})(?<![:,]{{{}}})", n + 1);
    let any_of = |counts: &mut dyn Iterator<Item = usize>| counts.map(exactly).collect::<Vec<_>>().join("|");
    let before = any_of(&mut (2..=LONGEST_RUN).step_by(2));
    let after = any_of(&mut (1..=LONGEST_RUN).step_by(2));
    format!(
        r"(?!\A)(?:(?=[:,][^\p{{Nd}}])(?:(?<![:,])|{before})|(?<=[:,])(?=[^\p{{Nd}}])(?:{after})|(?=[:,]\n?\z)|(?<=[:,])(?=\n?\z))"
    )
}

fn closing_quotes() -> Vec<Value> {
    let mut rules: Vec<_> = "»”’".chars().map(blanks_around).collect();
    rules.extend([
        replace_string("''", " '' "),
        replace_string("\"", " '' "),
        replace_regex(r"\s+", " "),
        blank_at(r"(?='[sSmMdD]?(?: |\z))(?<=[^' ])"),
        blank_at(r"(?=(?:'ll|'LL|'re|'RE|'ve|'VE|n't|N'T)(?: |\z))(?<=[^' ])"),
    ]);
    rules
}

fn contractions() -> Vec<Value> {
    let words = [
        ("can", "not"),
        ("d", "'ye"),
        ("gim", "me"),
        ("gon", "na"),
        ("got", "ta"),
        ("lem", "me"),
        ("more", "'n"),
    ];
    let mut rules: Vec<_> = words
        .iter()
        .map(|(a, b)| {
            replace_regex(&format!("{a}{b}(?<!{RE_WORD}{a}{b})(?!{RE_WORD})"), &format!(" {a} {b} "))
        })
        .collect();
    rules.push(replace_regex(&format!(r"wanna(?={BLANK}|\z)(?<!{RE_WORD}wanna)"), " wan na "));
    rules.extend(["is", "was"].map(|b| replace_regex(&format!(" 't{b}(?!{RE_WORD})"), &format!(" 't {b} "))));
    rules
}

fn replace_regex(pattern: &str, content: &str) -> Value {
    json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content})
}

fn replace_string(pattern: &str, content: &str) -> Value {
    json!({"type": "Replace", "pattern": {"String": pattern}, "content": content})
}

fn blank_at(gap: &str) -> Value {
    replace_regex(gap, " ")
}

fn blanks_around(character: char) -> Value {
    replace_string(&character.to_string(), &format!(" {character} "))
}
