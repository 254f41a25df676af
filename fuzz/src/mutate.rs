//! Changes to inputs: of bytes, of JSON, of Protocol Buffers, and of what lies inside archives.

use crate::zip;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use glimpse_bundle::wire::{Fields, put_bytes};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Number, Value};
use std::io::{Read, Write};

/// Longest input, in bytes.
const LONGEST: usize = 1 << 17;
/// Bytes that have a meaning somewhere.
const BYTES: [u8; 14] = [0, 1, 0x7f, 0x80, 0xff, 0xfe, b'\n', b'\r', b'"', b'{', b'[', b',', b'\\', b' '];
/// Numbers at which something changes.
const NUMBERS: [u64; 13] = [
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    16_384,
    65_535,
    i32::MAX as u64,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];
const TEXTS: [&str; 12] = [
    "",
    "<eos>",
    "NaN",
    "-0",
    "1e400",
    "a\n\u{1b}[2J",
    "\u{feff}",
    "/dev/zero",
    "../x",
    "犬",
    "\u{0}",
    "image_id",
];

/// Changes some bytes: one to eight changes, now and then dozens.
pub fn bytes(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut out = input.to_vec();
    let changes = if random.random_ratio(1, 20) { 60 } else { random.random_range(1..=8) };
    for _ in 0..changes {
        change(&mut out, random);
    }
    out.truncate(LONGEST);
    out
}

fn change(out: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let length = out.len();
    if length == 0 {
        return out.push(random.random());
    }
    let at = random.random_range(0..length);
    let run = (1 << random.random_range(0..8)).min(length - at);
    match random.random_range(0..11) {
        0 => out[at] ^= 1 << random.random_range(0..8),
        1 => out[at] = random.random(),
        2 => out[at] = BYTES[random.random_range(0..BYTES.len())],
        3 => out[at] = out[at].wrapping_add(if random.random() { 1 } else { 255 }),
        4 => drop(out.drain(at..at + run)),
        5 => {
            let piece = out[at..at + run].to_vec();
            let to = random.random_range(0..=length);
            out.splice(to..to, piece);
        }
        6 => {
            let piece: Vec<u8> = (0..random.random_range(1..9)).map(|_| random.random()).collect();
            out.splice(at..at, piece);
        }
        7 => out.truncate(at),
        8 => {
            let piece = TEXTS[random.random_range(0..TEXTS.len())].bytes();
            out.splice(at..at, piece);
        }
        9 => {
            let value = out[at];
            out[at..at + run].fill(value);
        }
        _ => {
            let width = [2, 4, 8][random.random_range(0..3)].min(length - at);
            let number = NUMBERS[random.random_range(0..NUMBERS.len())];
            let digits: Vec<u8> = match random.random() {
                true => number.to_le_bytes()[..width].to_vec(),
                false => number.to_be_bytes()[8 - width..].to_vec(),
            };
            out[at..at + width].copy_from_slice(&digits);
        }
    }
}

/// Changes a value, a key or the shape of a JSON text; bytes where it is none.
pub fn json(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(input) else { return bytes(input, random) };
    for _ in 0..random.random_range(1..=4) {
        change_value(&mut value, random);
    }
    let mut text = value.to_string();
    if random.random_ratio(1, 10) {
        // A key twice, which no `Value` can say.
        text = text.replacen("{\"", "{\"max_length\":1,\"", 1);
    }
    text.into_bytes()
}

fn change_value(value: &mut Value, random: &mut ChaCha8Rng) {
    let goes_down = random.random_ratio(4, 5);
    match value {
        Value::Object(object) if goes_down && !object.is_empty() => change_object(object, random),
        Value::Array(items) if goes_down && !items.is_empty() => {
            let at = random.random_range(0..items.len());
            match random.random_range(0..5) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                _ => change_value(&mut items[at], random),
            }
        }
        other => *other = another(random, 0),
    }
}

fn change_object(object: &mut Map<String, Value>, random: &mut ChaCha8Rng) {
    let at = random.random_range(0..object.len());
    let Some(key) = object.keys().nth(at).cloned() else { return };
    match random.random_range(0..8) {
        0 => drop(object.remove(&key)),
        1 => {
            let moved = object.remove(&key).unwrap_or_default();
            object.insert(TEXTS[random.random_range(0..TEXTS.len())].into(), moved);
        }
        2 => drop(object.insert(format!("{key}x"), another(random, 0))),
        _ => change_value(&mut object[&key], random),
    }
}

/// Any value.
fn another(random: &mut ChaCha8Rng, depth: usize) -> Value {
    match random.random_range(0..if depth < 3 { 9 } else { 6 }) {
        0 => Value::Null,
        1 => Value::Bool(random.random()),
        2 => NUMBERS[random.random_range(0..NUMBERS.len())].into(),
        3 => (-random.random_range(0..70_000_i64)).into(),
        4 => {
            let float = [0.5, -0.0, 1e300, 1e-300, 1.0, 3.0][random.random_range(0..6)];
            Number::from_f64(float).map_or(Value::Null, Value::Number)
        }
        5 => TEXTS[random.random_range(0..TEXTS.len())].into(),
        6 => (0..random.random_range(0..4)).map(|_| another(random, depth + 1)).collect(),
        7 => (0..random.random_range(1..150)).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
        _ => Value::Object(Map::from_iter([("size".into(), another(random, depth + 1))])),
    }
}

/// Changes a field of a Protocol Buffers message, or of one inside it; lengths stay right. Bytes where it is none.
pub fn wire(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    changed_message(input, random, 0).unwrap_or_else(|| bytes(input, random))
}

fn changed_message(message: &[u8], random: &mut ChaCha8Rng, depth: usize) -> Option<Vec<u8>> {
    let fields = Fields::of(message, 0..message.len()).collect::<Option<Vec<_>>>()?;
    if fields.is_empty() {
        return None;
    }
    let chosen = random.random_range(0..fields.len());
    let mut out = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        let whole = &message[field.whole.clone()];
        if place != chosen {
            out.extend_from_slice(whole);
            continue;
        }
        let Some(content) = field.content.clone() else {
            out.extend(bytes(whole, random));
            continue;
        };
        let content = &message[content];
        match random.random_range(0..10) {
            0 => {}
            1 => out.extend([whole, whole].concat()),
            2 => put_bytes(&mut out, NUMBERS[random.random_range(0..8)].max(1), content),
            // Messages inside each other, as deep as nobody writes them.
            3 => {
                let deep = (0..random.random_range(1..130)).fold(content.to_vec(), |inner, _| {
                    let mut outer = Vec::new();
                    put_bytes(&mut outer, field.number, &inner);
                    outer
                });
                out.extend(deep);
            }
            kind => {
                let inner =
                    if kind < 8 && depth < 12 { changed_message(content, random, depth + 1) } else { None };
                put_bytes(&mut out, field.number, &inner.unwrap_or_else(|| bytes(content, random)));
            }
        }
    }
    out.truncate(LONGEST);
    Some(out)
}

/// Changes bytes of a picture. In a PNG, a chunk is changed, left out or doubled, and lengths and checksums are right, as its
/// reader looks no further otherwise.
pub fn picture(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let Some(mut chunks) = png_chunks(input).filter(|chunks| !chunks.is_empty()) else {
        return bytes(input, random);
    };
    let at = random.random_range(0..chunks.len());
    match random.random_range(0..12) {
        0 => drop(chunks.remove(at)),
        1 => chunks.insert(at, chunks[at].clone()),
        2 => chunks.swap(0, at),
        3 => chunks[at][..4].copy_from_slice(PNG_KINDS[random.random_range(0..PNG_KINDS.len())]),
        _ => {
            let content = bytes(&chunks[at][4..], random);
            chunks[at].splice(4.., content);
        }
    }
    let mut out = PNG.to_vec();
    for chunk in chunks {
        let mut crc = Crc::new();
        crc.update(&chunk);
        // PNG's sum and that of gzip are the same function.
        out.extend(
            [&((chunk.len() - 4) as u32).to_be_bytes()[..], &chunk, &crc.sum().to_be_bytes()].concat(),
        );
    }
    out
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_KINDS: [&[u8; 4]; 10] =
    [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"zTXt", b"iTXt", b"acTL", b"fdAT"];

/// Kind and content of each chunk; `None` where it is no whole PNG.
fn png_chunks(input: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = input.strip_prefix(PNG)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let end = (u32::from_be_bytes(*length) as usize).checked_add(4)?;
        chunks.push(after.get(..end)?.to_vec());
        rest = after.get(end.checked_add(4)?..)?;
    }
    Some(chunks)
}

/// Changes bytes of what gzip packed, or of a zip archive's files; bytes where it is neither.
pub fn packed(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut inside = Vec::new();
    if input.starts_with(&[0x1f, 0x8b]) && MultiGzDecoder::new(input).read_to_end(&mut inside).is_ok() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        let written = packer.write_all(&bytes(&inside, random));
        return written.and_then(|()| packer.finish()).unwrap_or_default();
    }
    let Some(mut entries) = zip::entries(input).filter(|entries| !entries.is_empty()) else {
        return bytes(input, random);
    };
    // Half of the changes are of the pickle, which says what the other files are.
    let pickle = entries.iter().position(|entry| entry.name.ends_with(b"data.pkl"));
    let any = random.random_range(0..entries.len());
    let at = pickle.filter(|_| random.random()).unwrap_or(any);
    match random.random_range(0..12) {
        0 => drop(entries.remove(at)),
        1 => entries[at].name = bytes(&entries[at].name, random),
        2 => entries.push(entries[at].clone()),
        _ => entries[at].content = bytes(&entries[at].content, random),
    }
    zip::archive(&entries)
}

/// Changes the JSON header of a safetensors file, whose length stays right, or bytes.
pub fn safetensors(input: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let header = input.first_chunk::<8>().map(|length| u64::from_le_bytes(*length) as usize);
    let Some((header, rest)) =
        header.and_then(|length| Some((input.get(8..8 + length)?, &input[8 + length..])))
    else {
        return bytes(input, random);
    };
    let header = match random.random() {
        true => json(header, random),
        false => bytes(header, random),
    };
    [&(header.len() as u64).to_le_bytes()[..], &header, rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn random(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[test]
    fn changes_keep_the_structure() {
        let mut message = Vec::new();
        put_bytes(&mut message, 7, &[0x0a, 2, 8, 1]);
        put_bytes(&mut message, 2, b"a producer");
        let (mut changed, mut readable) = (0, 0);
        for seed in 0..200 {
            let text = json(br#"{"num_beams": 5, "eos_token_id": [2]}"#, &mut random(seed));
            readable += u32::from(serde_json::from_slice::<Value>(&text).is_ok());
            let other = wire(&message, &mut random(seed));
            changed += u32::from(other != message);
            assert!(Fields::of(&other, 0..other.len()).filter(Option::is_none).count() <= 1);
        }
        assert!(readable > 150 && changed > 150, "{readable} {changed}");
    }

    #[test]
    fn sums_of_a_png_are_right_again() {
        let chunk =
            |kind: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat();
        let png = [b"\x89PNG\r\n\x1a\n", &chunk(b"IDAT", &[7; 3000])[..], &chunk(b"IEND", b"")].concat();
        let mut right = 0;
        for seed in 0..50 {
            let changed = picture(&png, &mut random(seed));
            assert!(png_chunks(&changed).is_some(), "lengths are right");
            right += u32::from(changed.ends_with(b"IEND\xae\x42\x60\x82"));
        }
        assert!(right > 10, "{right}");
    }

    #[test]
    fn an_input_can_be_made_again() {
        assert_eq!(bytes(b"a man on a bench", &mut random(3)), bytes(b"a man on a bench", &mut random(3)));
    }
}
