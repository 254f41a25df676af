use super::file::TokenizerFile;
use super::{SPECIALS, UNK_ID, in_file, rules};
use crate::bounded::{self, MAX_TOKENIZER_BYTES};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential,
    OffsetType, PreTokenizedString, PreTokenizer, PreTokenizerWrapper, Tokenizer,
};

/// Words to ids and back: a Hugging Face tokenizer with a word-level vocabulary.
///
/// A text is cut into the words of NLTK 3.10's `word_tokenize(text, preserve_line=True)`, each then
/// in lower case; cutting comes first, since some of NLTK's rules read the case (`'ll` and `'LL`
/// leave their word, `'Ll` does not). The rules are regular expressions inside `tokenizer.json`, so
/// Python's `tokenizers` gives the same ids and the same decoded text from the same file.
///
/// A caption that spells a special word, say `<eos>`, is text like any other: [`encode`](Self::encode)
/// gives the ids of `<`, `eos` and `>`. Python's `tokenizers` takes it for the special word unless
/// `tokenizer.encode_special_tokens = True` is set, which the file format cannot carry.
#[derive(Debug, Clone)]
pub struct CaptionTokenizer {
    inner: Tokenizer,
}

impl CaptionTokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotAFile`] or [`Error::TooLarge`] where the file cannot be read, and [`Error::Tokenizer`]
    /// as [`from_json`](Self::from_json).
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::parse_file(path, &bounded::read_text(path, MAX_TOKENIZER_BYTES)?)
    }

    /// Parses the text of `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule is not the one that [`build`](Self::build) writes (a foreign rule can abort the
    /// process or take all memory), where a special token is not at its id, where ids leave gaps (the decoder has one row
    /// for each id), or where there are more than [`MAX_VOCAB_SIZE`](super::MAX_VOCAB_SIZE) tokens.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::parse(text).map_err(Error::Tokenizer)
    }

    /// A tokenizer of these words, in this order, after the specials: the first word gets id 4.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where there is no word, or a word is special, empty, or listed twice.
    pub fn build<I>(words: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let mut vocab: BTreeMap<String, usize> =
            SPECIALS.iter().map(|word| word.to_string()).zip(0..).collect();
        for (word, id) in words.into_iter().map(Into::into).zip(SPECIALS.len()..) {
            if word.is_empty() {
                return Err(Error::Tokenizer(format!("word {id} of the vocabulary is empty")));
            }
            if let Some(first) = vocab.insert(word.clone(), id) {
                let reason = format!("{word:?} would have two ids, {first} and {id}");
                return Err(Error::Tokenizer(reason));
            }
        }
        if vocab.len() == SPECIALS.len() {
            return Err(Error::Tokenizer(
                "the vocabulary is empty: no word is frequent enough, or there are no captions".into(),
            ));
        }
        Self::from_vocab(&vocab)
    }

    /// The word rules alone: every word is `<unk>`. For counting words before a vocabulary exists.
    pub(crate) fn without_words() -> Result<Self> {
        Self::from_vocab(&SPECIALS.iter().map(|word| word.to_string()).zip(0..).collect())
    }

    fn from_vocab(vocab: &BTreeMap<String, usize>) -> Result<Self> {
        let tokenizer = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": rules::added_tokens(),
            "normalizer": rules::normalizer(),
            "pre_tokenizer": rules::pre_tokenizer(),
            "post_processor": null,
            "decoder": rules::decoder(),
            "model": {"type": "WordLevel", "vocab": vocab, "unk_token": SPECIALS[UNK_ID as usize]},
        });
        Self::from_json(&tokenizer.to_string())
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::of_tokens(TokenizerFile::parse(text)?.tokens()?)
    }

    /// [`from_json`](Self::from_json) with the file's name in the error.
    pub(crate) fn parse_file(path: &Path, text: &str) -> Result<Self> {
        Self::parse(text).map_err(in_file(path))
    }

    /// The text of `tokenizer.json`, words in order of id.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the tokenizer cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(failed)
    }

    /// Words, specials included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The words of a text before they are looked up: what a vocabulary counts.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule fails on the text, which no text is known to cause.
    pub fn pre_tokenize(&self, text: &str) -> Result<Vec<String>> {
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut normalized).map_err(failed)?;
        }
        let mut words = PreTokenizedString::from(normalized);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut words).map_err(failed)?;
        }
        let splits = words.get_splits(OffsetReferential::Normalized, OffsetType::None);
        Ok(splits.into_iter().map(|(word, ..)| word.to_string()).filter(|word| !word.is_empty()).collect())
    }

    /// The ids of a text's words, `<unk>` for unknown ones; neither `<sos>` nor `<eos>` is added.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule fails on the text, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// [`encode`](Self::encode) for many texts, on all cores.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        let encodings = self.inner.encode_batch_fast(texts.to_vec(), false).map_err(failed)?;
        Ok(encodings.iter().map(|encoding| encoding.get_ids().to_vec()).collect())
    }

    /// The sentence of these ids: specials are left out, punctuation and clitics join their word
    /// (`a man 's hat .` reads `a man's hat.`).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a rule fails on the words, which none are known to cause.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(failed)
    }

    /// The word of an id, or `None` beyond the vocabulary.
    pub fn id_to_word(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a word as [`pre_tokenize`](Self::pre_tokenize) gives it, or `None` where it is unknown.
    pub fn word_to_id(&self, word: &str) -> Option<u32> {
        self.inner.token_to_id(word)
    }

    /// A tokenizer of these tokens, in order of id, with the rules of every caption tokenizer.
    fn of_tokens(tokens: Vec<String>) -> Result<Self, String> {
        let failed = |error: tokenizers::Error| error.to_string();
        let unknown = SPECIALS[UNK_ID as usize].to_string();
        let vocab = tokens.into_iter().zip(0..).collect();
        let model = WordLevel::builder().vocab(vocab).unk_token(unknown).build().map_err(failed)?;
        let mut inner = Tokenizer::new(model);
        inner.with_decoder(Some(part::<DecoderWrapper>(rules::decoder())?));
        inner.with_normalizer(Some(part::<NormalizerWrapper>(rules::normalizer())?));
        inner.with_pre_tokenizer(Some(part::<PreTokenizerWrapper>(rules::pre_tokenizer())?));
        inner.add_special_tokens(&SPECIALS.map(|token| AddedToken::from(token, true).normalized(false)));
        inner.set_encode_special_tokens(true);
        Ok(Self { inner })
    }
}

fn part<T: serde::de::DeserializeOwned>(json: Value) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

fn failed(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}
