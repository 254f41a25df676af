//! `/openapi.json`, and `/docs`, a page that shows it.

use crate::schema::{
    Alternative, Caption, Captioned, Failed, Fate, FormPhotos, Health, JsonPhoto, JsonPhotos, Milliseconds,
    PhotoResult, Refused, Results, Trace, TraceNode, TraceRow,
};
use axum::Json;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use glimpse_runtime::GenerationConfig;
use utoipa::openapi::path::{HttpMethod, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{self, RefOr, Required};
use utoipa::{Modify, OpenApi};

/// The page asks nothing of other hosts.
const PAGE_POLICY: &str =
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'";

#[derive(OpenApi)]
#[openapi(
    info(title = "Glimpse", description = "Captions photos. Decoding options are those of a bundle's \
        `generation_config.json`, under Hugging Face's names."),
    paths(
        crate::captions::caption, crate::info::info, crate::health::live, crate::health::ready,
        crate::router::print_metrics
    ),
    components(schemas(
        Alternative, Caption, Captioned, Failed, Fate, FormPhotos, Health, JsonPhoto, JsonPhotos, Milliseconds,
        PhotoResult, Refused, Results, Trace, TraceNode, TraceRow
    )),
    modifiers(&Options, &OtherPaths, &Bearer)
)]
struct Api;

/// The description.
pub async fn json() -> Json<openapi::OpenApi> {
    Json(Api::openapi())
}

/// The page.
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(include_str!("docs.html")))
}

/// What an option takes, and what it does.
fn option(key: &str) -> Option<(Schema, &'static str)> {
    let of = |kind: Type| Schema::Object(ObjectBuilder::new().schema_type(kind).build());
    let whole = |least: usize| {
        Schema::Object(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).build())
    };
    let list = |least: usize| Schema::Array(ArrayBuilder::new().items(RefOr::T(whole(least))).build());
    let either =
        |one: Schema, other: Schema| Schema::OneOf(OneOfBuilder::new().item(one).item(other).build());
    let (number, flag) = (of(Type::Number), of(Type::Boolean));
    Some(match key {
        "num_beams" => (
            either(whole(1), list(1)),
            "Hypotheses kept at each step; 1 is greedy search. A list asks for a search with each number; the photo is \
             encoded once. In a query and in a form: 1,5",
        ),
        "length_penalty" => (number, "Captions score sum of log-probabilities / length^length_penalty"),
        "max_length" => (whole(2), "Longest sequence in tokens, <sos> and <eos> counted"),
        "max_new_tokens" => (whole(1), "Most tokens after <sos>; in the place of max_length"),
        "min_length" => (whole(0), "No <eos> before the sequence has this many tokens, <sos> counted"),
        "no_repeat_ngram_size" => {
            (whole(0), "N-grams of this size never repeat within a caption; 0 allows all")
        }
        "num_return_sequences" => {
            (whole(1), "Captions for each photo; at most num_beams unless they are drawn")
        }
        "early_stopping" => {
            let never = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["never"]));
            (either(flag, Schema::Object(never.build())), "When a beam search is done")
        }
        "repetition_penalty" => (number, "Above 1, tokens that the caption has already become rarer"),
        "num_beam_groups" => (whole(1), "Diverse beam search: the beams search in this many groups"),
        "diversity_penalty" => {
            (number, "Taken off a token's log-probability for each beam of an earlier group that takes it")
        }
        "do_sample" => (flag, "Draw tokens instead of searching the best"),
        "temperature" => (number, "With do_sample: below 1 bolder, above 1 wilder"),
        "top_k" => (whole(0), "With do_sample: draw from this many of the best tokens; 0 draws from all"),
        "top_p" => {
            (number, "With do_sample: draw from the fewest tokens that have this probability together")
        }
        "seed" => (whole(0), "With do_sample: the same seed draws the same captions for a photo"),
        "output_attentions" => (flag, "Answer where the decoder looked for each token"),
        "suppress_tokens" => (list(0), "Ids that are never generated"),
        "eos_token_id" => (either(whole(0), list(0)), "The ids that end a caption"),
        "bos_token_id" | "pad_token_id" => (whole(0), "A special token of the bundle"),
        "trace" => {
            (flag, "Answer the beam tree: all that the search considered, with the model's best tokens")
        }
        "timings" => (flag, "Answer how many milliseconds encoder and search took"),
        "decoder_start_token_id" => (whole(0), "The id that decoding starts from"),
        _ => return None,
    })
}

/// The keys of a request: decoding options and the service's own.
fn keys() -> impl Iterator<Item = &'static str> {
    GenerationConfig::KEYS.iter().copied().chain(["trace", "timings"])
}

/// Adds the decoding options to the query, the JSON and the form.
struct Options;

impl Modify for Options {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let options = || keys().filter_map(|key| Some((key, option(key)?)));
        if let Some(components) = &mut api.components {
            for name in ["JsonPhotos", "FormPhotos"] {
                let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(name) else {
                    continue;
                };
                for (key, (value, _)) in options() {
                    schema.properties.insert(key.into(), RefOr::T(value));
                }
            }
        }
        let captions = api.paths.paths.get_mut("/v1/captions").and_then(|path| path.post.as_mut());
        let Some(captions) = captions else { return };
        captions.parameters = Some(
            options()
                .map(|(key, (schema, description))| {
                    let parameter = ParameterBuilder::new()
                        .name(key)
                        .parameter_in(ParameterIn::Query)
                        .required(Required::False)
                        .description(Some(description))
                        .schema(Some(schema))
                        .explode(Some(false));
                    RefOr::T(parameter.build())
                })
                .collect(),
        );
    }
}

/// Paths that answer as others do.
struct OtherPaths;

impl Modify for OtherPaths {
    fn modify(&self, api: &mut openapi::OpenApi) {
        for state in ["live", "ready"] {
            let health = api.paths.get_path_operation(format!("/health/{state}"), HttpMethod::Get).cloned();
            if let Some(mut health) = health {
                health.operation_id = Some(format!("{state}_v2"));
                api.paths.add_path_operation(format!("/v2/health/{state}"), vec![HttpMethod::Get], health);
            }
        }
    }
}

/// Describes the token, which a server may ask for.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("bearer", scheme);
        let none = SecurityRequirement::default();
        api.security = Some(vec![none, SecurityRequirement::new("bearer", Vec::<String>::new())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new option without a description here would be missing.
    #[test]
    fn every_option_is_described() {
        for key in keys() {
            assert!(option(key).is_some(), "{key}");
        }
        let json = serde_json::to_value(Api::openapi()).unwrap();
        let parameters = json["paths"]["/v1/captions"]["post"]["parameters"].as_array().unwrap();
        assert_eq!(parameters.len(), keys().count());
        let properties = json["components"]["schemas"]["JsonPhotos"]["properties"].as_object().unwrap();
        assert_eq!(properties.len(), keys().count() + 2);
        let paths: Vec<_> = json["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        for path in ["/v1/captions", "/info", "/metrics", "/health/live", "/v2/health/ready"] {
            assert!(paths.contains(&path), "{path}");
        }
    }
}
