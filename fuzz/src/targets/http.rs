use crate::{Target, check_error, mutate};
use glimpse_bundle::GenerationConfig;
use glimpse_server::fuzzing::read_request;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A request to caption photos: a line with its content type, one with its query, and its body.
pub(super) const REQUEST: Target = Target { name: "request", seeds, mutate: change, run, max_heap: 16 << 20 };

fn seeds() -> Vec<Vec<u8>> {
    let form = "multipart/form-data; boundary=parting\nnum_beams=1,5\n\
        --parting\r\nContent-Disposition: form-data; name=\"max_length\"\r\n\r\n12\r\n\
        --parting\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\
        \u{ff}\u{d8}\r\n--parting--\r\n";
    let json = "application/json; charset=utf-8\ntrace=true&length_penalty=0.5\n\
        {\"images\": [\"AAEC\", {\"name\": \"b.jpg\", \"data\": \"data:image/png;base64,AwQ=\"}], \"num_beams\": [1, 3], \
        \"timings\": true}";
    let one = "application/json\n\n{\"image\": \"AwQ\\n\"}";
    let photo = "image/jpeg\nnum_beams=5&num_return_sequences=2&early_stopping=never\n\u{ff}\u{d8}\u{ff}";
    [form, json, one, photo].map(|seed| seed.as_bytes().to_vec()).to_vec()
}

fn lines(input: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let mut parts = input.splitn(3, |&byte| byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// Changes one of the three.
fn change(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let (content_type, query, body) = lines(input);
    let (mut content_type, mut query, mut body) = (content_type.to_vec(), query.to_vec(), body.to_vec());
    match random.random_range(0..6) {
        0 => content_type = mutate::bytes(&content_type, random),
        1 => query = mutate::bytes(&query, random),
        2 => body = mutate::bytes(&body, random),
        _ => body = mutate::json(&body, random),
    }
    [&content_type[..], &query, &body].join(&b'\n')
}

fn run(input: &[u8]) {
    let (content_type, query, body) = lines(input);
    // What the HTTP library refuses before the server sees it.
    let Ok(content_type) = content_type.try_into() else { return };
    let uri = [b"/v1/captions?", query].concat();
    let Ok(uri) = uri.try_into() else { return };
    match read_request(content_type, &uri, body.to_vec().into(), &GenerationConfig::default(), 50) {
        Ok((photos, searches)) => assert!(photos > 0 && searches > 0),
        Err(message) => check_error(message),
    }
}
