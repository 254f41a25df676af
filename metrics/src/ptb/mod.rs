//! Penn Treebank tokens of captions, as coco-caption makes them.
//!
//! `pycocoevalcap` scores what Stanford's PTBTokenizer of CoreNLP 3.4.1 writes with `-preserveLines -lowerCase`,
//! without a list of punctuation tokens. These functions give the same tokens. Their rules were written for this crate,
//! to reproduce what that program does; `tests/golden.rs` compares the two. Three properties explain some unexpected
//! scores:
//! - brackets are kept: the list has `-LRB-`, but the tokenizer writes `-lrb-` in lower case;
//! - some tokens hold a no-break space (`1 1/2`, telephone numbers): BLEU and CIDEr, which split at any white space,
//!   see two tokens there, ROUGE-L one;
//! - all captions are one text with one caption per line, and a few rules look at the next line: `no.` at the end of
//!   a caption keeps its full stop if the next caption starts with a number.

mod alphabet;
mod lexer;
mod pattern;
mod rules;
mod text;

/// Tokens that `pycocoevalcap` leaves out.
const PUNCTUATION: [&str; 17] = [
    "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";",
];

/// The tokens of one caption, with one space between them.
///
/// ```
/// let tokens = glimpse_metrics::ptb::tokenize("The dog's ball isn't red, it's blue!");
/// assert_eq!(tokens, "the dog 's ball is n't red it 's blue");
/// ```
pub fn tokenize(caption: &str) -> String {
    tokenize_all(&[caption]).pop().unwrap_or_default()
}

/// The tokens of each caption of a set, with one space between them.
///
/// Line breaks within a caption count as spaces. (`pycocoevalcap` does this for `\n` only; any other line
/// break moves all captions after it by one line.)
pub fn tokenize_all<S: AsRef<str>>(captions: &[S]) -> Vec<String> {
    let mut text = String::new();
    for (i, caption) in captions.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text.extend(caption.as_ref().chars().map(|c| if is_line_break(c) { ' ' } else { c }));
    }
    let tokens = lexer::tokenize(&text);
    let mut lines = tokens.split('\n').map(without_punctuation);
    captions.iter().map(|_| lines.next().unwrap_or_default()).collect()
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

fn without_punctuation(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    for token in line.trim_end_matches(crate::caption::is_space).split(' ') {
        if !token.is_empty() && !PUNCTUATION.contains(&token) {
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(token);
        }
    }
    kept
}
