//! From a request's options to one or more searches.

use crate::config::Limits;
use crate::refusal::Refusal;
use axum::extract::Query;
use axum::http::Uri;
use glimpse_runtime::GenerationConfig;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Keys of the service itself, which no bundle has: what an answer holds beside captions.
const TRACE: &str = "trace";
const TIMINGS: &str = "timings";
/// The key that may hold a list.
const NUM_BEAMS: &str = "num_beams";

/// The options in the query of a request.
pub fn query(uri: &Uri) -> Result<Map<String, Value>, Refusal> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Refusal::malformed(format!("the query cannot be read: {error}")))?;
    from_text(pairs)
}

/// Options of a query or a form: each value is JSON, or a plain word. `num_beams=1,5` is a list.
pub fn from_text(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Map<String, Value>, Refusal> {
    let mut options = Map::new();
    for (key, text) in pairs {
        let is_list = key == NUM_BEAMS && text.contains(',') && !text.starts_with('[');
        let json = if is_list { format!("[{text}]") } else { text.clone() };
        let value = serde_json::from_str(&json).unwrap_or(Value::String(text));
        add(&mut options, key, value)?;
    }
    Ok(options)
}

/// Adds an option, which must not be there yet.
pub fn add(options: &mut Map<String, Value>, key: String, value: Value) -> Result<(), Refusal> {
    if options.contains_key(&key) {
        return Err(Refusal::option(&key, "is given twice: give it once"));
    }
    options.insert(key, value);
    Ok(())
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// One search for each number of beams.
    pub searches: Vec<GenerationConfig>,
    /// Whether `num_beams` was a list, so that answers say which search they are of.
    pub is_list: bool,
    /// Whether answers have the beam tree.
    pub trace: bool,
    /// Whether answers say how long they took.
    pub timings: bool,
}

impl Asked {
    /// Whether photos of both can run through the network together.
    pub fn runs_like(&self, other: &Self) -> bool {
        self.searches == other.searches && self.trace == other.trace
    }
}

/// Takes a key of the service out of the options.
fn take_flag(options: &mut Map<String, Value>, key: &str) -> Result<bool, Refusal> {
    match options.remove(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(other) => Err(Refusal::option(key, format!("{other} is neither true nor false"))),
    }
}

/// The bundle's options with those of the request in their place.
pub fn searches(
    bundle: &GenerationConfig,
    vocab_size: usize,
    options: &Map<String, Value>,
    limits: &Limits,
) -> Result<Asked, Refusal> {
    let mut options = options.clone();
    let trace = take_flag(&mut options, TRACE)?;
    let timings = take_flag(&mut options, TIMINGS)?;
    let options = &options;
    let (searches, is_list) = match options.get(NUM_BEAMS) {
        Some(Value::Array(widths)) => (several(bundle, options, widths)?, true),
        _ => (vec![bundle.with_overrides(options)?], false),
    };
    let mut rows = 0;
    for search in &searches {
        search.validate(vocab_size)?;
        rows += search.num_beams.max(search.num_return_sequences);
        let (tokens, most) = (search.max_sequence_length(), limits.max_tokens);
        if tokens > most {
            let option = if search.max_new_tokens.is_some() { "max_new_tokens" } else { "max_length" };
            return Err(Refusal::option(
                option,
                format!("{tokens} tokens with <sos>, where this server allows {most}"),
            ));
        }
    }
    if rows > limits.max_beams {
        let most = limits.max_beams;
        let sampled = searches.iter().any(|search| search.do_sample);
        let (option, what) =
            if sampled { ("num_return_sequences", "captions") } else { (NUM_BEAMS, "beams") };
        return Err(Refusal::option(
            option,
            format!("{rows} {what} of a photo, where this server allows {most}"),
        ));
    }
    Ok(Asked { searches, is_list, trace, timings })
}

/// A search for each number of beams. An option that has an effect in one of them is passed over in the others.
fn several(
    bundle: &GenerationConfig,
    options: &Map<String, Value>,
    widths: &[Value],
) -> Result<Vec<GenerationConfig>, Refusal> {
    let mut others = options.clone();
    others.remove(NUM_BEAMS);
    let alone = |width: &Value| Map::from_iter([(NUM_BEAMS.to_string(), width.clone())]);
    let mut refused = None;
    let mut searches = Vec::new();
    for width in widths {
        let mut all = others.clone();
        all.extend(alone(width));
        let search = match bundle.with_overrides(&all) {
            Ok(search) => search,
            Err(error) => {
                refused.get_or_insert(error);
                bundle.with_overrides_and_defaults(&alone(width), &others)?
            }
        };
        searches.push((search, all));
    }
    let obeyed = searches.iter().any(|(_, all)| bundle.with_overrides(all).is_ok());
    if let (Some(error), false) = (refused, obeyed) {
        return Err(error.into());
    }
    let distinct: BTreeSet<_> = searches.iter().map(|(search, _)| search.num_beams).collect();
    if searches.is_empty() || distinct.len() < searches.len() {
        return Err(Refusal::option(NUM_BEAMS, "the list is empty or holds a number twice"));
    }
    Ok(searches.into_iter().map(|(search, _)| search).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, Refusal> {
        let pairs = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        searches(&GenerationConfig::default(), 10, &from_text(pairs)?, &Limits::default())
    }

    fn refusal(pairs: &[(&str, &str)]) -> String {
        format!("{:?}", asked(pairs).unwrap_err())
    }

    #[test]
    fn a_query_is_the_bundles_schema() {
        let found =
            asked(&[("num_beams", "4"), ("early_stopping", "never"), ("length_penalty", "-0.5")]).unwrap();
        let expected = GenerationConfig::default()
            .with_num_beams(4)
            .with_early_stopping(glimpse_bundle::EarlyStopping::Never)
            .with_length_penalty(-0.5);
        assert_eq!(found, Asked { searches: vec![expected], is_list: false, trace: false, timings: false });
    }

    #[test]
    fn a_list_of_beams_is_a_search_for_each() {
        for list in ["1,5", "[1, 5]"] {
            let found = asked(&[("num_beams", list), ("early_stopping", "true")]).unwrap();
            let widths: Vec<_> = found.searches.iter().map(|search| search.num_beams).collect();
            assert!(found.is_list);
            assert_eq!(widths, [1, 5]);
        }
        assert!(refusal(&[("num_beams", "1,5"), ("top_p", "0.5")]).contains("do_sample is off"));
        assert!(refusal(&[("num_beams", "5,5")]).contains("twice"));
        assert!(refusal(&[("num_beams", "[]")]).contains("empty"));
        assert!(refusal(&[("num_beams", "1,x")]).contains("num_beams"));
    }

    #[test]
    fn the_services_own_keys_are_no_decoding_options() {
        let found = asked(&[("trace", "true"), ("timings", "false")]).unwrap();
        assert!(found.trace && !found.timings);
        assert_eq!(found.searches, [GenerationConfig::default()]);
        assert!(refusal(&[("trace", "yes")]).contains("neither true nor false"));
    }

    #[test]
    fn limits_are_named() {
        assert!(refusal(&[("num_beams", "33")]).contains("num_beams: 33 beams"));
        assert!(refusal(&[("num_beams", "16,17")]).contains("num_beams: 33 beams"));
        assert!(refusal(&[("max_length", "101")]).contains("max_length: 101 tokens"));
        assert!(refusal(&[("max_new_tokens", "100")]).contains("max_new_tokens: 101 tokens"));
        let drawn = [("do_sample", "true"), ("num_return_sequences", "40")];
        assert!(refusal(&drawn).contains("num_return_sequences: 40 captions"));
        assert!(refusal(&[("num_beams", "1"), ("num_beams", "2")]).contains("given twice"));
        assert!(refusal(&[("num_beam", "3")]).contains("did you mean num_beams"));
    }
}
