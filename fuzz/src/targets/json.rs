//! The JSON files of a bundle.

use super::project_file;
use crate::{Target, check_error, mutate, scratch};
use glimpse_bundle::{
    Bundle, CHECKSUMS, CONFIG, CaptionTokenizer, Detokenizer, GENERATION_CONFIG, GenerationConfig,
    PREPROCESSOR_CONFIG, TOKENIZER, sha256, with_causes,
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Words enough for the rules.
const WORDS: [&str; 14] =
    ["a", "man", "'s", "hat", ".", "do", "n't", ",", "ca", "``", "''", "dog", "犬", "#1"];

fn small_tokenizer() -> CaptionTokenizer {
    CaptionTokenizer::build(WORDS).unwrap_or_else(|error| panic!("{error}"))
}

fn tokenizer_json() -> String {
    small_tokenizer().to_json().unwrap_or_else(|error| panic!("{error}"))
}

/// A file of a bundle; the first line says which.
pub(super) const BUNDLE: Target = Target {
    name: "bundle",
    seeds: || {
        let named = |name: &str, content: Vec<u8>| [name.as_bytes(), b"\n", &content].concat();
        let shipped = |name: &str| named(name, project_file(&format!("models/flickr8k-edge/{name}")));
        let sums = format!("{}  {CONFIG}\n{}  a b\n", "0".repeat(64), "f".repeat(64));
        vec![
            shipped(CONFIG),
            shipped(PREPROCESSOR_CONFIG),
            shipped(GENERATION_CONFIG),
            named(TOKENIZER, tokenizer_json().into()),
            named(CHECKSUMS, sums.into()),
        ]
    },
    mutate: |input, random| {
        let at = input.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        [&input[..at], &mutate::json(&input[at..], random)].concat()
    },
    run: read_bundle,
    // A vocabulary may have 200,000 ids, one of which is enough for all of their places.
    max_heap: 24 << 20,
};

fn read_bundle(input: &[u8]) {
    static WHOLE: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
        let shipped = |name| (name, project_file(&format!("models/flickr8k-edge/{name}")));
        let tokenizer = (TOKENIZER, tokenizer_json().into());
        vec![shipped(CONFIG), shipped(PREPROCESSOR_CONFIG), shipped(GENERATION_CONFIG), tokenizer]
    });
    let at = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (name, content) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let mut sums = String::new();
    for (file, whole) in WHOLE.iter() {
        let bytes = if file.as_bytes() == name { content } else { whole };
        scratch::file(file, bytes);
        sums += &format!("{}  {file}\n", sha256(bytes));
    }
    let sums = if name == CHECKSUMS.as_bytes() { content } else { sums.as_bytes() };
    scratch::file(CHECKSUMS, sums);
    match Bundle::open_unverified(scratch::folder()).and_then(|bundle| bundle.detokenizer().map(|_| bundle)) {
        Ok(bundle) => assert!(bundle.config.architecture.vocab_size <= glimpse_bundle::MAX_VOCAB_SIZE),
        Err(error) => check_error(with_causes(&error)),
    }
}

/// `tokenizer.json`, by both of its readers.
pub(super) const TOKENIZER_JSON: Target = Target {
    name: "tokenizer",
    seeds: || vec![tokenizer_json().into()],
    mutate: mutate::json,
    run: read_tokenizer,
    max_heap: 64 << 20,
};

fn read_tokenizer(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match (CaptionTokenizer::from_json(text), Detokenizer::from_json(text)) {
        (Ok(whole), Ok(half)) => {
            assert_eq!(whole.vocab_size(), half.vocab_size());
            let ids: Vec<u32> = (0..half.vocab_size().min(60) as u32 + 2).collect();
            assert_eq!(whole.decode(&ids).ok(), half.decode(&ids).ok());
        }
        (Err(one), Err(other)) => {
            check_error(one);
            check_error(other);
        }
        (whole, half) => panic!("one reader takes the file: {:?}, {:?}", whole.is_ok(), half.is_ok()),
    }
}

/// A caption, to ids and back.
pub(super) const TEXT: Target = Target {
    name: "text",
    seeds: || {
        let captions =
            ["A man's hat, a man can't ... \"do\" (it)!", "$3.50 -- 犬 cannot 'tis, d'ye gimme #1 'n'"];
        captions.map(|caption| caption.as_bytes().to_vec()).to_vec()
    },
    mutate: punctuation,
    run: read_text,
    max_heap: 64 << 20,
};

/// Marks and clitics, which the rules are about.
fn punctuation(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    use rand::Rng;
    const MARKS: [&str; 16] = [
        "'s", "n't", "``", "''", "\"", "...", "--", "(", " ", ",", "cannot", "'ll", "\u{a0}", "\u{2019}",
        "<eos>", ".",
    ];
    let mut text = String::from_utf8_lossy(input).into_owned();
    for _ in 0..random.random_range(1..20) {
        let places: Vec<usize> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
        let mark = MARKS[random.random_range(0..MARKS.len())];
        text.insert_str(
            places[random.random_range(0..places.len())],
            &mark.repeat(random.random_range(1..4)),
        );
    }
    text.into_bytes()
}

fn read_text(input: &[u8]) {
    static TOKENIZERS: LazyLock<(CaptionTokenizer, Detokenizer)> = LazyLock::new(|| {
        let whole = small_tokenizer();
        let half = Detokenizer::from_json(&tokenizer_json()).unwrap_or_else(|error| panic!("{error}"));
        (whole, half)
    });
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (whole, half) = &*TOKENIZERS;
    // A caption of a data set is a line.
    let text: String = text.chars().take(2000).collect();
    let ids = whole.encode(&text).unwrap_or_else(|error| panic!("{error}"));
    assert!(ids.iter().all(|&id| (id as usize) < whole.vocab_size()));
    assert!(
        ids.iter().all(|&id| id >= glimpse_bundle::UNK_ID),
        "a text is taken for a special token: {ids:?}"
    );
    let words = whole.pre_tokenize(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(words.len(), ids.len());
    assert_eq!(whole.decode(&ids).ok(), half.decode(&ids).ok());
}

/// `generation_config.json`, and the same keys as a request's options.
pub(super) const OPTIONS: Target = Target {
    name: "generation_config",
    seeds: || {
        let all = r#"{"max_new_tokens": 9, "min_length": 2, "num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 0.5,
            "length_penalty": -0.5, "early_stopping": "never", "num_return_sequences": 2, "repetition_penalty": 1.2,
            "no_repeat_ngram_size": 2, "suppress_tokens": [0, 1], "eos_token_id": [2, 3], "bos_token_id": 1,
            "pad_token_id": 0, "transformers_version": "4.52.0"}"#;
        let sampled = r#"{"do_sample": true, "temperature": 0.7, "top_k": 50, "top_p": 0.9, "max_length": 20, "seed": 7}"#;
        let shipped = project_file("models/flickr8k-edge/generation_config.json");
        vec![shipped, all.into(), sampled.into()]
    },
    mutate: mutate::json,
    run: read_options,
    max_heap: 4 << 20,
};

fn read_options(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match GenerationConfig::from_json(text) {
        Err(error) => check_error(error),
        Ok(options) => {
            let written = serde_json::to_string(&options).unwrap_or_else(|error| panic!("{error}"));
            match (options.validate(50), GenerationConfig::from_json(&written)) {
                (Err(error), _) => check_error(error),
                (Ok(()), Ok(again)) => assert_eq!(again, options, "{written}"),
                (Ok(()), Err(error)) => panic!("{error}: {written}"),
            }
        }
    }
    let Ok(options) = serde_json::from_str::<Map<String, Value>>(text) else { return };
    match GenerationConfig::default().with_overrides(&options) {
        Ok(options) => drop(options.validate(50).map_err(check_error)),
        Err(error) => check_error(error),
    }
}
