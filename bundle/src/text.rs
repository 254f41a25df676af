use std::borrow::Cow;

/// A text from outside, such as a file name or a caption, as it may be printed on a terminal in one line: control
/// characters, which can move the cursor or change colours, and marks that turn the direction of writing are
/// escaped as in Rust's string literals (`\u{1b}`, `\n`).
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match is_hidden(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Longest excerpt, in bytes.
const MOST_BYTES: usize = 800;

/// The beginning of a message as it may be printed: [`printable`], at most 800 bytes. Libraries may quote all that they read.
pub fn printable_excerpt(message: &str) -> Cow<'_, str> {
    let whole = printable(message);
    if whole.len() <= MOST_BYTES {
        return whole;
    }
    const ELLIPSIS: &str = "...";
    let end = whole.floor_char_boundary(MOST_BYTES - ELLIPSIS.len());
    Cow::Owned(format!("{}{ELLIPSIS}", &whole[..end]))
}

/// Control characters (Unicode's Cc), line and paragraph separators, and the explicit marks of direction, which
/// show a text in another order than its characters have.
fn is_hidden(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, printable, printable_excerpt};

    #[test]
    fn only_what_a_terminal_obeys_is_escaped() {
        for (text, expected) in [
            ("a dog's \"ball\" — 犬, naïve \\", "a dog's \"ball\" — 犬, naïve \\"),
            ("\u{1b}[31mred\u{1b}[0m.jpg", "\\u{1b}[31mred\\u{1b}[0m.jpg"),
            ("a\nb\tc\r\u{7}", "a\\nb\\tc\\r\\u{7}"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("cat\u{202e}gpj.exe", "cat\\u{202e}gpj.exe"),
            ("one\u{2028}two", "one\\u{2028}two"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn long_messages_are_cut_after_they_are_escaped() {
        assert_eq!(printable_excerpt("a\nb"), "a\\nb");
        let just = "犬".repeat(MOST_BYTES / 3);
        assert_eq!(printable_excerpt(&just), just);
        for long in ["\u{7f}".repeat(MOST_BYTES / 2), "犬".repeat(MOST_BYTES)] {
            let cut = printable_excerpt(&long);
            let text = cut.strip_suffix("...").unwrap();
            assert!((MOST_BYTES - 6..=MOST_BYTES).contains(&cut.len()), "{}", cut.len());
            assert!(printable(&long).starts_with(text));
        }
    }
}
