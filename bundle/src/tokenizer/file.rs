//! `tokenizer.json`, checked before anything is built from it.
//!
//! The `tokenizers` library builds whatever the file describes: a decoder that strips four thousand million characters aborts the
//! process, one that expands takes gigabytes. So only what a caption tokenizer writes is
//! accepted: the same rules, word for word, and a vocabulary of bounded size.

use super::{SPECIALS, UNK_ID, rules};
use crate::bounded::MAX_TOKENIZER_BYTES;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;

/// Most tokens of a vocabulary, special ones included.
pub const MAX_VOCAB_SIZE: usize = 200_000;
/// Longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 1024;

/// The file's parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the parts of a tokenizer")]
pub(super) struct TokenizerFile {
    version: Value,
    truncation: Value,
    padding: Value,
    added_tokens: Value,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    model: Model,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with type, vocab and unk_token")]
struct Model {
    r#type: String,
    vocab: Vocabulary,
    unk_token: String,
}

/// Tokens by id; `None` where an id has no token.
struct Vocabulary(Vec<Option<String>>);

impl Vocabulary {
    /// Tokens in order of id.
    fn without_gaps(self) -> Result<Vec<String>, String> {
        let count = self.0.iter().flatten().count();
        let largest = self.0.len().saturating_sub(1);
        let tokens: Option<Vec<_>> = self.0.into_iter().collect();
        tokens.ok_or_else(|| {
            format!("the largest id is {largest}, but there are only {count} tokens: ids leave gaps")
        })
    }
}

impl TokenizerFile {
    /// Reads the text of a `tokenizer.json`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() as u64 > MAX_TOKENIZER_BYTES {
            return Err(format!(
                "it has {} bytes, where at most {MAX_TOKENIZER_BYTES} are allowed",
                text.len()
            ));
        }
        let file: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        let parts = [
            ("version", &self.version, json!("1.0")),
            ("truncation", &self.truncation, Value::Null),
            ("padding", &self.padding, Value::Null),
            ("added_tokens", &self.added_tokens, rules::added_tokens()),
            ("normalizer", &self.normalizer, rules::normalizer()),
            ("pre_tokenizer", &self.pre_tokenizer, rules::pre_tokenizer()),
            ("post_processor", &self.post_processor, Value::Null),
            ("decoder", &self.decoder, rules::decoder()),
        ];
        for (name, found, expected) in parts {
            if *found != expected {
                return Err(format!(
                    "its `{name}` is not the one that an export writes: export the model again"
                ));
            }
        }
        let Model { r#type, unk_token, .. } = &self.model;
        if r#type != "WordLevel" || unk_token != SPECIALS[UNK_ID as usize] {
            return Err(format!("its `model` is {type:?}, where an export writes \"WordLevel\" with <unk>"));
        }
        for (id, token) in SPECIALS.iter().enumerate() {
            if self.model.vocab.0.get(id).and_then(Option::as_deref) != Some(token) {
                return Err(format!("{token} is not at id {id}: this is not the tokenizer of a captioner"));
            }
        }
        Ok(())
    }

    /// The tokens in order of id.
    pub(super) fn tokens(self) -> Result<Vec<String>, String> {
        self.model.vocab.without_gaps()
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VocabularyVisitor)
    }
}

struct VocabularyVisitor;

impl<'de> Visitor<'de> for VocabularyVisitor {
    type Value = Vocabulary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tokens and their ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vocabulary, A::Error> {
        let mut tokens: Vec<Option<String>> = Vec::new();
        while let Some((token, id)) = entries.next_entry::<String, u64>()? {
            if token.len() > MAX_TOKEN_BYTES {
                return Err(A::Error::custom(format!("a token has more than {MAX_TOKEN_BYTES} bytes")));
            }
            let place = usize::try_from(id).unwrap_or(usize::MAX);
            if place >= MAX_VOCAB_SIZE {
                return Err(A::Error::custom(format!(
                    "{token:?} has id {id}, where a vocabulary has at most {MAX_VOCAB_SIZE} tokens"
                )));
            }
            if tokens.len() <= place {
                tokens.resize(place + 1, None);
            }
            if let Some(other) = tokens[place].replace(token) {
                return Err(A::Error::custom(format!(
                    "two tokens have the same id, {id}; {other:?} is one of them"
                )));
            }
        }
        Ok(Vocabulary(tokens))
    }
}
