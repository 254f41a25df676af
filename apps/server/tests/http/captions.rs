//! The words are those of `glimpse caption`, however the photos come.

use crate::client::{FORM, PHOTOS, Server, answer, form, photo};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;

/// Another processor or ONNX Runtime rounds differently.
const TOLERANCE: f64 = 1e-3;

/// The line of `glimpse caption --json` for each photo.
fn golden(num_beams: usize) -> Vec<Value> {
    let file = format!("../../tests/golden/num-beams-{num_beams}.jsonl");
    let lines = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let lines: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), PHOTOS.len());
    lines
}

fn assert_same(found: &Value, expected: &Value) {
    let (found, expected) = (&found["captions"][0], &expected["captions"][0]);
    assert_eq!(found["generated_text"], expected["generated_text"]);
    assert_eq!(found["token_ids"], expected["token_ids"]);
    let keys = |caption: &Value| caption.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected));
    let numbers = |caption: &Value| -> Vec<f64> {
        let logprobs = caption["token_logprobs"].as_array().unwrap();
        [&caption["score"]].into_iter().chain(logprobs).map(|number| number.as_f64().unwrap()).collect()
    };
    let (found, expected) = (numbers(found), numbers(expected));
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < TOLERANCE), "{found:?}, {expected:?}");
}

#[test]
fn a_photo_as_it_is() {
    let Some(server) = Server::shared() else { return };
    for num_beams in [1, 3] {
        for (name, expected) in PHOTOS.iter().zip(golden(num_beams)) {
            let found = server.caption(&format!("?num_beams={num_beams}"), &photo(name));
            let results = found.results();
            assert_eq!((results.len(), &results[0]["image"]), (1, &json!("-")));
            assert_same(&results[0], &expected);
        }
    }
    // What curl writes by itself with --data-binary.
    let path = "/v1/captions?num_beams=1";
    let found = server.post(path, "application/x-www-form-urlencoded", &photo("beach.jpg"));
    assert_same(&found.results()[0], &golden(1)[0]);
}

#[test]
fn a_form_of_photos() {
    let Some(server) = Server::shared() else { return };
    let photos = PHOTOS.map(photo);
    let parts: Vec<_> = PHOTOS.into_iter().zip(photos.iter().map(Vec::as_slice)).collect();
    let found = server.post("/v1/captions", FORM, &form(&parts, &[("num_beams", "3")]));
    let results = found.results();
    assert_eq!(results.len(), PHOTOS.len());
    for ((name, found), expected) in PHOTOS.iter().zip(&results).zip(golden(3)) {
        assert_eq!(found["image"], *name);
        assert_same(found, &expected);
    }
}

/// Greedy search and beams of one call.
#[test]
fn json_with_a_list_of_beams() {
    let Some(server) = Server::shared() else { return };
    let images: Vec<_> =
        PHOTOS.iter().map(|name| json!({"name": name, "data": STANDARD.encode(photo(name))})).collect();
    let body = json!({"images": images, "num_beams": [1, 3]}).to_string();
    let found = server.post("/v1/captions", "application/json", body.as_bytes());
    let results = found.results();
    assert_eq!(results.len(), 2 * PHOTOS.len());
    let expected = golden(1).into_iter().zip(golden(3));
    for ((name, found), (greedy, beams)) in PHOTOS.iter().zip(results.chunks(2)).zip(expected) {
        for (found, (num_beams, expected)) in found.iter().zip([(1, greedy), (3, beams)]) {
            assert_eq!((&found["image"], &found["num_beams"]), (&json!(name), &json!(num_beams)));
            assert_same(found, &expected);
        }
    }
    let one = json!({"image": STANDARD.encode(photo("beach.jpg")), "num_beams": 1}).to_string();
    let found = server.post("/v1/captions", "application/json", one.as_bytes());
    assert_same(&found.results()[0], &golden(1)[0]);
}

#[test]
fn lines_of_json_for_those_who_ask() {
    let Some(server) = Server::shared() else { return };
    let photos = PHOTOS.map(photo);
    let parts: Vec<_> = PHOTOS.into_iter().zip(photos.iter().map(Vec::as_slice)).collect();
    let url = format!("http://{}/v1/captions?num_beams=1", server.address);
    let request = crate::client::agent().post(url).header("Content-Type", FORM);
    let found =
        answer(request.header("Accept", "application/x-ndjson").send(&form(&parts, &[])[..]).unwrap());
    assert_eq!(
        (found.status, found.headers["content-type"].to_str().unwrap()),
        (200, "application/x-ndjson")
    );
    let lines: Vec<Value> = found.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), PHOTOS.len());
    lines.iter().zip(golden(1)).for_each(|(found, expected)| assert_same(found, &expected));
}

#[test]
fn several_captions_and_where_they_look() {
    let Some(server) = Server::shared() else { return };
    let query = "?num_beams=3&num_return_sequences=3&output_attentions=true";
    let results = server.caption(query, &photo("two-dogs.jpg")).results();
    let captions = results[0]["captions"].as_array().unwrap();
    assert_eq!(captions.len(), 3);
    let score = |caption: &Value| caption["score"].as_f64().unwrap();
    assert!(captions.windows(2).all(|pair| score(&pair[0]) >= score(&pair[1])));
    for caption in captions {
        let rows = caption["attentions"].as_array().unwrap();
        assert_eq!(rows.len(), caption["token_ids"].as_array().unwrap().len());
        for row in rows {
            let cells: Vec<_> = row.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect();
            assert_eq!(cells.len(), 49);
            assert!((cells.iter().sum::<f64>() - 1.0).abs() < 1e-3);
        }
    }
}

/// A photo that fails says so in its place, and the others are captioned.
#[test]
fn one_broken_photo_among_others() {
    let Some(server) = Server::shared() else { return };
    let beach = photo("beach.jpg");
    let parts = [("a.jpg", &beach[..]), ("cut.jpg", &beach[..beach.len() / 2]), ("c.jpg", &beach[..])];
    let results = server.post("/v1/captions?num_beams=1,3", FORM, &form(&parts, &[])).results();
    let names: Vec<_> = results.iter().map(|result| result["image"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.jpg", "a.jpg", "cut.jpg", "c.jpg", "c.jpg"]);
    assert!(results[2]["error"].as_str().unwrap().contains("cut short"), "{results:?}");
    assert_same(&results[3], &golden(1)[0]);
}

/// The caption is a path through the beam tree, with the same log-probabilities and attention.
#[test]
fn the_beam_tree_holds_the_caption() {
    let Some(server) = Server::shared() else { return };
    let query = "?num_beams=1,3&output_attentions=true&trace=true&timings=true";
    for result in server.caption(query, &photo("two-dogs.jpg")).results() {
        assert!(result["milliseconds"]["search"].as_f64().unwrap() > 0.0);
        let [rows, nodes] = ["rows", "nodes"].map(|key| result["trace"][key].as_array().unwrap());
        let caption = &result["captions"][0];
        let mut last = Value::Null;
        for (place, id) in caption["token_ids"].as_array().unwrap().iter().enumerate() {
            let row = |node: &Value| &rows[node["row"].as_u64().unwrap() as usize];
            let found = nodes.iter().position(|node| node["token_id"] == *id && row(node)["node"] == last);
            let node = &nodes[found.unwrap()];
            assert_eq!(node["token_logprob"], caption["token_logprobs"][place]);
            assert_eq!(row(node)["attention"], caption["attentions"][place]);
            assert_eq!(row(node)["alternatives"].as_array().unwrap().len(), 6);
            last = json!(found);
        }
        let end = &nodes[last.as_u64().unwrap() as usize];
        assert_eq!((&end["fate"], &end["score"]), (&json!("finished"), &caption["score"]));
        let pruned = nodes.iter().filter(|node| node["fate"] == "pruned").count();
        assert_eq!(pruned > 0, result["num_beams"] == 3, "{pruned} pruned");
    }
    let plain = server.caption("?num_beams=3", &photo("two-dogs.jpg")).results();
    assert!(plain[0].get("trace").is_none() && plain[0].get("milliseconds").is_none());
}
