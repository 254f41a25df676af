//! What those read who run the server.

use crate::client::{Server, photo};

#[test]
fn info_says_what_runs_here() {
    let Some(server) = Server::shared() else { return };
    let info = server.get("/info").json();
    assert_eq!(info["model"]["name"], "flickr8k-edge");
    assert_eq!(info["model"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(info["precision"]["encoder"], "fp32");
    assert_eq!(info["limits"]["max_photos"], 32);
    assert!(info["generation_config"]["num_beams"].is_u64());
    assert!(info["onnxruntime"]["version"].is_string());
}

#[test]
fn metrics_count_what_happened() {
    let Some(server) = Server::shared() else { return };
    assert_eq!(server.caption("?num_beams=1", &photo("beach.jpg")).status, 200);
    assert_eq!(server.caption("?num_beams=0", &photo("beach.jpg")).status, 422);
    let metrics = server.get("/metrics");
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    for line in [
        "glimpse_request_duration_seconds_count{path=\"/v1/captions\",status=\"200\"}",
        "glimpse_queue_duration_seconds_bucket",
        "glimpse_batch_size_bucket",
        "glimpse_rejected_requests_total{status=\"422\"}",
        "glimpse_photos_total{outcome=\"captioned\"}",
        "glimpse_generated_tokens_total",
        "glimpse_queue_photos",
    ] {
        assert!(metrics.text.contains(line), "{line} in {}", metrics.text);
    }
}

/// The description has the keys that answers have.
#[test]
fn the_description_is_that_of_the_answers() {
    let Some(server) = Server::shared() else { return };
    let api = server.get("/openapi.json").json();
    let schema = |name: &str| &api["components"]["schemas"][name]["properties"];
    let assert_described = |value: &serde_json::Value, name: &str| {
        for key in value.as_object().unwrap().keys() {
            assert!(schema(name).get(key).is_some(), "{name} has no {key}");
        }
    };
    let query = "?num_beams=1,3&output_attentions=true";
    let results = server.caption(query, &photo("beach.jpg")).results();
    assert_described(&results[0], "Captioned");
    assert_eq!(results[0].as_object().unwrap().len(), schema("Captioned").as_object().unwrap().len());
    let caption = &results[0]["captions"][0];
    assert_described(caption, "Caption");
    assert_eq!(caption.as_object().unwrap().len(), schema("Caption").as_object().unwrap().len());
    let refused = server.caption("?num_beams=0", b"words").json();
    assert_described(&refused, "Refused");
    let failed = server.caption("", b"words").json();
    assert_described(&failed, "Refused");
    assert_described(&failed["results"][0], "Failed");
}

/// The page of the description loads nothing from elsewhere.
#[test]
fn the_page_asks_nothing_of_other_hosts() {
    let Some(server) = Server::shared() else { return };
    let page = server.get("/docs");
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(!page.text.contains("://"), "an address of another host");
}
