//! JSON as Python's programs write it, read entry by entry, so that an error says which entry and what is expected.

use crate::{Error, ImageId, Result};
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::path::Path;

/// What Python's `json` writes, and no JSON parser reads, with what stands in its place here.
const NOT_JSON: [(&str, &str); 3] = [("NaN", "null"), ("-Infinity", "null"), ("Infinity", "null")];
/// Characters of a wrong value that a message shows.
const SHOWN: usize = 40;

/// Puts `null` where Python wrote a number that is none (`NaN`, `Infinity`, `-Infinity`), outside of texts.
pub(crate) fn without_nan(text: &str) -> Cow<'_, str> {
    if !NOT_JSON.iter().any(|(word, _)| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut kept, mut at) = (0, 0);
    let (mut in_text, bytes) = (false, text.as_bytes());
    while at < bytes.len() {
        match bytes[at] {
            // What follows a backslash ends no text.
            b'\\' if in_text => at += 2,
            b'"' => {
                in_text = !in_text;
                at += 1;
            }
            b'N' | b'I' | b'-' if !in_text => {
                let found = NOT_JSON.iter().find(|(word, _)| bytes[at..].starts_with(word.as_bytes()));
                if let Some((word, instead)) = found {
                    out += &text[kept..at];
                    out += instead;
                    kept = at + word.len();
                }
                at += found.map_or(1, |(word, _)| word.len());
            }
            _ => at += 1,
        }
    }
    out += &text[kept..];
    Cow::Owned(out)
}

/// Parses a whole file as `T`, whose fields are [`RawValue`]s; `wanted` is what the file should be.
pub(crate) fn parse<'a, T: Deserialize<'a>>(path: &Path, text: &'a str, wanted: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let reason = match error.classify() {
            Category::Eof => "the file ends too early: it was cut off".to_string(),
            Category::Data => format!("{wanted} is expected here, each key once"),
            Category::Syntax | Category::Io => format!("not JSON: {}", without_place(&error)),
        };
        Error::Json { path: path.into(), line: error.line(), column: error.column(), reason }
    })
}

/// An error's words without " at line 1 column 5".
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_string()
}

/// Which entry of a file is read.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub path: &'a Path,
    /// "annotation", "image", "result" or "sentence".
    pub kind: &'static str,
    /// From 1.
    pub number: usize,
}

impl Entry<'_> {
    pub fn error(&self, reason: impl Into<String>) -> Error {
        let entry = format!("{} {}", self.kind, self.number);
        Error::Entry { path: self.path.into(), entry, reason: reason.into() }
    }

    fn unfit(&self, key: &str, raw: &RawValue, wanted: &str) -> Error {
        let shown: String = raw.get().chars().take(SHOWN).collect();
        // JSON may be written over several lines; the message is one.
        let shown = shown.replace(['\n', '\r'], " ");
        let dots = if shown.len() < raw.get().len() { "..." } else { "" };
        self.error(format!("has {key} {shown}{dots}; {wanted} is expected"))
    }

    /// The entry's keys.
    pub fn object<'r, T: Deserialize<'r>>(&self, raw: &'r RawValue) -> Result<T> {
        let wanted = "is not an object {...} that has each key once";
        serde_json::from_str(raw.get()).map_err(|_| self.error(wanted))
    }

    /// A list under `key`; empty where there is none.
    pub fn list<'r>(&self, key: &str, raw: Option<&'r RawValue>) -> Result<Vec<&'r RawValue>> {
        let Some(raw) = raw else { return Ok(Vec::new()) };
        serde_json::from_str(raw.get()).map_err(|_| self.unfit(key, raw, "a list [...]"))
    }

    /// A text under `key`; `None` where it is null or not there.
    pub fn text(&self, key: &str, raw: Option<&RawValue>) -> Result<Option<String>> {
        let Some(raw) = raw else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.unfit(key, raw, "a text"))
    }

    /// A text that must be there.
    pub fn needed_text(&self, key: &str, raw: Option<&RawValue>) -> Result<String> {
        self.text(key, raw)?.ok_or_else(|| self.error(format!("has no {key}; a text is expected")))
    }

    /// An id under `key`; `None` where it is null or not there.
    pub fn id(&self, key: &str, raw: Option<&RawValue>) -> Result<Option<ImageId>> {
        let Some(raw) = raw else { return Ok(None) };
        let wanted = "a number or a text";
        let is_whole = raw.get().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let fits = |number: i128| (i64::MIN.into()..=u64::MAX.into()).contains(&number);
        // Longer ones would be rounded, and two images would become one.
        if is_whole && !raw.get().parse().is_ok_and(fits) {
            return Err(self.unfit(key, raw, "a number of at most 64 bits or a text"));
        }
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.unfit(key, raw, wanted))
    }

    /// An id that must be there.
    pub fn needed_id(&self, key: &str, raw: Option<&RawValue>) -> Result<ImageId> {
        self.id(key, raw)?.ok_or_else(|| self.error(format!("has no {key}; a number or a text is expected")))
    }
}

#[cfg(test)]
mod tests {
    use super::without_nan;

    #[test]
    fn only_bare_words_of_python_are_replaced() {
        for (text, expected) in [
            (
                r#"{"a": NaN, "b": [Infinity,-Infinity], "c": -1}"#,
                r#"{"a": null, "b": [null,null], "c": -1}"#,
            ),
            (r#"{"NaN": "Infinity \" NaN", "b\\": NaN}"#, r#"{"NaN": "Infinity \" NaN", "b\\": null}"#),
            (r#"["é NaN é", NaN]"#, r#"["é NaN é", null]"#),
            ("no number that is none", "no number that is none"),
            ("\"NaN", "\"NaN"),
            ("\"NaN\\", "\"NaN\\"),
        ] {
            assert_eq!(without_nan(text), expected);
        }
    }
}
