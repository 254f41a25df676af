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
    let query = "?num_beams=1,3&output_attentions=true&trace=true&timings=true";
    let results = server.caption(query, &photo("beach.jpg")).results();
    let result = &results[1];
    let trace = &result["trace"];
    for (value, name) in [
        (result, "Captioned"),
        (&result["captions"][0], "Caption"),
        (&result["milliseconds"], "Milliseconds"),
        (trace, "Trace"),
        (&trace["rows"][0], "TraceRow"),
        (&trace["rows"][0]["alternatives"][0], "Alternative"),
        (&trace["nodes"][0], "TraceNode"),
    ] {
        assert_described(value, name);
        assert_eq!(value.as_object().unwrap().len(), schema(name).as_object().unwrap().len(), "{name}");
    }
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

/// The page runs its own script and style alone, and needs no token.
#[test]
fn the_page_is_one_file() {
    let Some(server) = Server::start(glimpse_server::Limits::default(), Some("swordfish")) else { return };
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for tag in ["<link rel=\"stylesheet\"", "<script src", "@import"] {
        assert!(!page.text.contains(tag), "{tag}");
    }
    assert_eq!(server.get("/examples/nowhere.jpg").status, 404);
    let url = format!("http://{}/examples/beach.jpg", server.address);
    let mut example = crate::client::agent().get(url).call().unwrap();
    assert_eq!(example.body_mut().read_to_vec().unwrap(), photo("beach.jpg"));
}
