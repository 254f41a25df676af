//! `application/json`: `image` or `images` in base64, and options beside them.

use super::{UNNAMED, Upload, Uploads, too_many};
use crate::refusal::Refusal;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use serde_json::{Map, Value};

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn read(body: &[u8], max_photos: usize) -> Result<Uploads, Refusal> {
    let mut options: Map<String, Value> = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(Refusal::unprocessable("the JSON is not an object with image or images")),
        Err(error) => return Err(Refusal::malformed(format!("the body is not JSON: {error}"))),
    };
    let given = match (options.remove("image"), options.remove("images")) {
        (Some(image), None) => vec![image],
        (None, Some(Value::Array(images))) => images,
        (None, Some(_)) => return Err(Refusal::unprocessable("images: not a list")),
        (Some(_), Some(_)) => return Err(Refusal::unprocessable("image and images: give one of them")),
        (None, None) => return Err(Refusal::unprocessable("image: the photo in base64 is missing")),
    };
    if given.len() > max_photos {
        return Err(too_many(max_photos));
    }
    let is_one = given.len() == 1;
    let number = |place: usize| if is_one { UNNAMED.into() } else { (place + 1).to_string() };
    let photos = given.into_iter().enumerate().map(|(place, image)| upload(image, number(place)));
    Ok(Uploads { photos: photos.collect::<Result<_, _>>()?, options })
}

/// Base64, or an object of it with a name.
fn upload(image: Value, unnamed: String) -> Result<Upload, Refusal> {
    let wrong = |what: &str| Refusal::unprocessable(format!("image {unnamed:?}: {what}"));
    let (name, data) = match image {
        Value::String(data) => (None, data),
        Value::Object(mut object) => {
            let name = match object.remove("name") {
                None => None,
                Some(Value::String(name)) => Some(name),
                Some(_) => return Err(wrong("name is not text")),
            };
            let Some(Value::String(data)) = object.remove("data") else {
                return Err(wrong("data, the photo in base64, is missing"));
            };
            if let Some(key) = object.keys().next() {
                return Err(wrong(&format!("unknown key {key:?}; it has name and data")));
            }
            (name, data)
        }
        _ => return Err(wrong("neither base64 nor an object with name and data")),
    };
    let bytes = decode(&data).map_err(|reason| wrong(&reason))?;
    Ok(Upload { name: name.unwrap_or(unnamed), bytes: bytes.into() })
}

fn decode(data: &str) -> Result<Vec<u8>, String> {
    if data.starts_with("http://") || data.starts_with("https://") {
        return Err("this server fetches no URLs: send the photo itself in base64".into());
    }
    // Browsers write data:image/jpeg;base64, in front.
    let data = match data.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,").ok_or("a data URI without base64")?.1,
        None => data,
    };
    // `base64` of the command line breaks lines.
    let data: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(data).map_err(|error| format!("not base64: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(json: Value) -> String {
        format!("{:?}", read(json.to_string().as_bytes(), 2).unwrap_err())
    }

    #[test]
    fn photos_are_base64_with_or_without_a_name() {
        let json = json!({"images": ["AAEC", {"name": "b.jpg", "data": "data:image/png;base64,AwQ="}], "num_beams": 3});
        let found = read(json.to_string().as_bytes(), 2).unwrap();
        let photo = |name: &str, bytes: &[u8]| Upload { name: name.into(), bytes: bytes.to_vec().into() };
        assert_eq!(found.photos, [photo("1", &[0, 1, 2]), photo("b.jpg", &[3, 4])]);
        assert_eq!(Value::Object(found.options), json!({"num_beams": 3}));
        let one = read(br#"{"image": "AwQ\n"}"#, 2).unwrap();
        assert_eq!(one.photos, [photo("-", &[3, 4])]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(format!("{:?}", read(b"{", 2).unwrap_err()).contains("status: 400"));
        for (json, says) in [
            (json!([]), "not an object"),
            (json!({}), "is missing"),
            (json!({"image": "AAEC", "images": []}), "give one of them"),
            (json!({"images": "AAEC"}), "not a list"),
            (json!({"images": ["A", "A", "A"]}), "more than 2 photos"),
            (json!({"image": "?"}), "not base64"),
            (json!({"image": "https://example.org/a.jpg"}), "fetches no URLs"),
            (json!({"image": 5}), "neither base64"),
            (json!({"image": {"url": "x"}}), "data, the photo in base64, is missing"),
        ] {
            assert!(refusal(json.clone()).contains(says), "{json}: {}", refusal(json.clone()));
        }
    }
}
