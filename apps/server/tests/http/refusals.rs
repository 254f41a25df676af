//! Each thing that is wrong has a status of its own, and one line that says what to do.

use crate::client::{FORM, Server, agent, answer, form, photo};
use glimpse_bundle::image::RgbImage;
use glimpse_server::Limits;
use image::ImageFormat;
use serde_json::json;
use std::io::Read;

fn one_pixel(format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    RgbImage::new(1, 1).write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn options_are_refused_by_name() {
    let Some(server) = Server::shared() else { return };
    let beach = photo("beach.jpg");
    for (query, option, says) in [
        ("?num_beam=3", "num_beam", "did you mean num_beams"),
        ("?num_beams=three", "num_beams", "not a whole number"),
        ("?num_beams=0", "num_beams", "at least 1"),
        ("?num_beams=33", "num_beams", "allows 32"),
        ("?num_beams=30,3", "num_beams", "allows 32"),
        ("?num_beams=3,3", "num_beams", "twice"),
        ("?num_beams=1&num_beams=2", "num_beams", "given twice"),
        ("?max_length=5000", "max_length", "allows 100"),
        ("?top_p=0.5", "top_p", "do_sample is off"),
        ("?bad_words_ids=[[5]]", "bad_words_ids", "not supported"),
        ("?num_beams=2&num_return_sequences=3", "num_return_sequences", "at least as many beams"),
    ] {
        let found = server.caption(query, &beach);
        let json = found.json();
        assert_eq!((found.status, &json["option"]), (422, &json!(option)), "{query}: {json}");
        assert!(json["error"].as_str().unwrap().contains(says), "{query}: {json}");
    }
    let body = json!({"image": "AAEC", "num_beams": 3}).to_string();
    let found = server.post("/v1/captions?num_beams=2", "application/json", body.as_bytes());
    assert_eq!((found.status, &found.json()["option"]), (422, &json!("num_beams")));
}

#[test]
fn each_reason_has_its_status() {
    let Some(server) = Server::shared() else { return };
    let beach = photo("beach.jpg");
    let truncated_form = &form(&[("a.jpg", &beach[..])], &[])[..5000];
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1 and more of it to be long enough for a head of 64 bytes";
    // A header that promises 20,000 x 20,000 pixels.
    let mut huge = one_pixel(ImageFormat::Bmp);
    huge[18..26].copy_from_slice(&[0x20, 0x4e, 0, 0, 0x20, 0x4e, 0, 0]);
    let path = "/v1/captions";
    for (path, content_type, body, status, says) in [
        (path, "image/jpeg", &b""[..], 400, "empty"),
        (path, "application/json", b"{", 400, "not JSON"),
        (path, "application/json", b"[]", 422, "not an object"),
        (path, "application/json", b"{\"image\": \"???\"}", 422, "not base64"),
        (path, "application/json", b"{\"image\": \"http://169.254.169.254/\"}", 422, "fetches no URLs"),
        (path, "multipart/form-data", &beach, 400, "boundary"),
        (path, FORM, truncated_form, 400, "form"),
        (path, FORM, &form(&[], &[("num_beams", "3")]), 400, "no photo"),
        (path, FORM, &form(&[("a.jpg", &b"x"[..]); 33], &[]), 413, "more than 32 photos"),
        (path, "text/html", &beach, 415, "Content-Type"),
        (path, "image/jpeg", b"these are words", 415, "not a picture"),
        (path, "image/heic", heic, 415, "only JPEG"),
        (path, "image/jpeg", &beach[..beach.len() / 2], 422, "cut short"),
        (path, "image/png", &one_pixel(ImageFormat::Png), 422, "too few to caption"),
        (path, "image/bmp", &huge, 413, "too large"),
        ("/v1/caption", "image/jpeg", &beach, 404, "no such path"),
        ("/info", "image/jpeg", &beach, 405, "another method"),
    ] {
        let found = server.post(path, content_type, body);
        let error = found.json()["error"].as_str().unwrap().to_string();
        assert_eq!(found.status, status, "{content_type}: {error}");
        assert!(error.contains(says) && error.lines().count() == 1, "{status}: {error}");
    }
    // Nothing of it has harmed the server.
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.caption("?num_beams=1", &beach).results().len(), 1);
}

/// Photos of a request that all fail: the status says why, and each has its line.
#[test]
fn a_request_without_a_single_caption_fails() {
    let Some(server) = Server::shared() else { return };
    let parts = [("a.txt", &b"these are words"[..]), ("b.txt", &b"and so are these"[..])];
    let found = server.post("/v1/captions", FORM, &form(&parts, &[]));
    assert_eq!(found.status, 415);
    assert_eq!(found.json()["results"].as_array().unwrap().len(), 2);
    let parts = [("a.txt", &b"these are words"[..]), ("b.png", &one_pixel(ImageFormat::Png))];
    assert_eq!(server.post("/v1/captions", FORM, &form(&parts, &[])).status, 422);
}

#[test]
fn a_body_that_is_too_long_is_not_kept() {
    let mut limits = Limits::default();
    limits.max_body_bytes = 1 << 20;
    let Some(server) = Server::start(limits, None) else { return };
    let long = vec![0; 200 << 20];
    let found = server.caption("", &long);
    assert_eq!(found.status, 413, "{found:?}");
    assert!(found.json()["error"].as_str().unwrap().contains("1048576 bytes"));
    // Chunks announce no length.
    let url = format!("http://{}/v1/captions", server.address);
    let mut endless = std::io::repeat(7).take(4 << 20);
    let found = agent().post(url).send(ureq::SendBody::from_reader(&mut endless)).unwrap();
    assert_eq!(found.status().as_u16(), 413);
    let _ = answer(found);
}

#[test]
fn the_token_is_asked_for_and_health_is_not() {
    let Some(server) = Server::start(Limits::default(), Some("swordfish")) else { return };
    let beach = photo("beach.jpg");
    let refused = server.caption("?num_beams=1", &beach);
    assert_eq!((refused.status, refused.headers["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    for path in ["/info", "/metrics", "/nowhere"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    for path in ["/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    for (token, status) in [("swordfish", 200), ("swordfis", 401)] {
        let url = format!("http://{}/v1/captions?num_beams=1", server.address);
        let request = agent().post(url).header("Authorization", format!("Bearer {token}"));
        assert_eq!(request.send(&beach[..]).unwrap().status().as_u16(), status);
    }
}
