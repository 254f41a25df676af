//! From JSON to options, key by key: what is not obeyed is refused by name.

use super::{GenerationConfig, InvalidOption};
use serde_json::{Map, Value};

/// Keys of Hugging Face's that change no caption here.
const HARMLESS: [&str; 7] = [
    "transformers_version",
    "_from_model_config",
    "return_dict_in_generate",
    "output_scores",
    "output_logits",
    "output_hidden_states",
    "use_cache",
];

/// Keys of Hugging Face's that are not obeyed, with the value that asks for nothing.
const UNSUPPORTED: [(&str, &str); 22] = [
    ("bad_words_ids", "[]"),
    ("begin_suppress_tokens", "[]"),
    ("constraints", "[]"),
    ("encoder_no_repeat_ngram_size", "0"),
    ("encoder_repetition_penalty", "1"),
    ("epsilon_cutoff", "0"),
    ("eta_cutoff", "0"),
    ("exponential_decay_length_penalty", "[]"),
    ("force_words_ids", "[]"),
    ("forced_bos_token_id", "[]"),
    ("forced_decoder_ids", "[]"),
    ("forced_eos_token_id", "[]"),
    ("guidance_scale", "1"),
    ("max_time", "[]"),
    ("min_new_tokens", "0"),
    ("min_p", "0"),
    ("penalty_alpha", "0"),
    ("remove_invalid_values", "false"),
    ("renormalize_logits", "false"),
    ("sequence_bias", "{}"),
    ("stop_strings", "[]"),
    ("typical_p", "1"),
];

/// What each key holds, in a user's words.
fn expected(key: &str) -> &'static str {
    match key {
        "suppress_tokens" => "a list of token ids",
        "eos_token_id" => "a token id or a list of them",
        "early_stopping" => "true, false or \"never\"",
        "do_sample" | "output_attentions" => "true or false",
        "length_penalty" | "repetition_penalty" | "diversity_penalty" | "temperature" | "top_p" => "a number",
        _ => "a whole number from 0",
    }
}

impl GenerationConfig {
    /// Reads the text of a `generation_config.json`.
    ///
    /// # Errors
    /// Text that is not a JSON object, and what [`from_object`](Self::from_object) refuses.
    pub fn from_json(text: &str) -> Result<Self, InvalidOption> {
        match serde_json::from_str(text) {
            Ok(Value::Object(options)) => Self::from_object(options),
            Ok(_) => {
                Err(InvalidOption::new("generation_config", "the JSON is not an object of options".into()))
            }
            Err(error) => Err(InvalidOption::new("generation_config", format!("not JSON: {error}"))),
        }
    }

    /// Reads options by their keys. A key that is absent or null has Hugging Face's default.
    ///
    /// # Errors
    /// A key that is not obeyed and would change captions, an unknown key, or a value of another type, each by its
    /// name.
    pub fn from_object(mut options: Map<String, Value>) -> Result<Self, InvalidOption> {
        options.retain(|_, value| !value.is_null());
        for (key, value) in &options {
            check_key(key, value)?;
        }
        options.retain(|key, _| Self::KEYS.contains(&key.as_str()));
        for (key, value) in &options {
            let alone = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
            if serde_json::from_value::<Self>(alone).is_err() {
                return Err(InvalidOption::new(key, format!("{value} is not {}", expected(key))));
            }
        }
        serde_json::from_value(Value::Object(options))
            .map_err(|error| InvalidOption::new("generation_config", error.to_string()))
    }

    /// The options by their keys, all of them.
    pub(super) fn to_object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(options)) => options,
            // A struct of numbers and flags always becomes an object.
            _ => Map::new(),
        }
    }
}

fn check_key(key: &str, value: &Value) -> Result<(), InvalidOption> {
    if GenerationConfig::KEYS.contains(&key) || HARMLESS.contains(&key) {
        return Ok(());
    }
    let Some((_, neutral)) = UNSUPPORTED.iter().find(|(unsupported, _)| *unsupported == key) else {
        let near = nearest(key).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(InvalidOption::new(key, format!("unknown option{near}")));
    };
    let is_neutral = match value {
        Value::Number(number) => neutral.parse().is_ok_and(|neutral: f64| number.as_f64() == Some(neutral)),
        value => serde_json::from_str::<Value>(neutral).is_ok_and(|neutral| neutral == *value),
    };
    if is_neutral {
        return Ok(());
    }
    Err(InvalidOption::new(
        key,
        format!("{value} would change captions, and this option is not supported: remove it"),
    ))
}

/// A key that differs in at most a third of its letters.
fn nearest(key: &str) -> Option<&'static str> {
    let distance = |known: &&&str| edit_distance(known, key);
    let near = GenerationConfig::KEYS.iter().min_by_key(distance)?;
    (3 * edit_distance(near, key) <= near.len()).then_some(near)
}

/// Levenshtein's distance over bytes.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        GenerationConfig::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn hugging_faces_other_keys_pass_where_they_ask_for_nothing() {
        let json = r#"{"transformers_version": "5.1.0", "typical_p": 1.0, "bad_words_ids": null, "use_cache": true,
            "min_new_tokens": null, "num_beams": 4, "max_new_tokens": 12, "eos_token_id": [2, 7, 2]}"#;
        let config = GenerationConfig::from_json(json).unwrap();
        assert_eq!((config.num_beams, config.max_sequence_length()), (4, 13));
        assert_eq!(config.eos_token_id.as_slice(), [2, 7]);
    }

    #[test]
    fn what_is_not_obeyed_is_refused_by_name() {
        for (json, says) in [
            (r#"{"bad_words_ids": [[5]]}"#, "bad_words_ids: [[5]] would change captions"),
            (r#"{"typical_p": 0.9}"#, "typical_p: 0.9 would change"),
            (r#"{"forced_bos_token_id": 1}"#, "forced_bos_token_id"),
            (r#"{"num_beam": 3}"#, "num_beam: unknown option; did you mean num_beams?"),
            (r#"{"frobnicate": 3}"#, "frobnicate: unknown option"),
            (r#"{"num_beams": "three"}"#, "num_beams: \"three\" is not a whole number from 0"),
            (r#"{"num_beams": -1}"#, "num_beams: -1 is not a whole number from 0"),
            (r#"{"eos_token_id": []}"#, "eos_token_id: [] is not a token id or a list of them"),
            (r#"{"early_stopping": "always"}"#, "early_stopping: \"always\" is not true, false or \"never\""),
            ("[]", "not an object"),
            ("{", "not JSON"),
        ] {
            assert!(refusal(json).contains(says), "{json}: {}", refusal(json));
        }
    }
}
