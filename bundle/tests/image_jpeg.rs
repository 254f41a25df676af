//! JPEGs of every kind against libjpeg-turbo: samplings x scans x restarts, component ids x Adobe and JFIF
//! markers, grey, RGB, CMYK, YCCK.
//!
//! Pictures and goldens: `python bundle/tests/image/make_jpegs.py`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::image::decode;
use std::collections::BTreeMap;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image/jpeg");

/// Pictures and the number of their golden; none where a picture has to be refused.
fn pictures() -> BTreeMap<String, Option<u32>> {
    let text = std::fs::read_to_string(format!("{FOLDER}/goldens.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}.jpg")).unwrap()
}

/// Two right decoders differ where they round, and where chroma is spread out over luma.
#[test]
fn every_kind_equals_libjpeg() {
    let (mut kinds, mut worst) = (0, 0.0_f64);
    for (name, golden) in pictures() {
        let Some(golden) = golden else { continue };
        let ours = decode(&read(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = ::image::open(format!("{FOLDER}/{golden}.png")).unwrap().into_rgb8();
        assert_eq!(ours.dimensions(), golden.dimensions(), "{name}");
        let differences = ours.iter().zip(golden.iter()).map(|(a, b)| a.abs_diff(*b));
        let sum: f64 = differences.clone().map(f64::from).sum();
        let (max, mean) = (differences.max().unwrap(), sum / golden.as_raw().len() as f64);
        assert!(max <= 3 && mean <= 0.5, "{name}: max {max} mean {mean:.3}");
        kinds += 1;
        worst = worst.max(mean);
    }
    println!("{kinds} kinds, mean difference at most {worst:.3} grey levels");
    assert_eq!(kinds, 296);
}

#[test]
fn what_no_decoder_reads_is_named() {
    let refused: Vec<_> =
        pictures().into_iter().filter(|(_, golden)| golden.is_none()).map(|(name, _)| name).collect();
    let reasons = [
        ("refused-12-bit", "12 bits a channel"),
        ("refused-arithmetic", "it is compressed by arithmetic coding"),
        ("refused-arithmetic-progressive", "it is compressed by arithmetic coding"),
        ("refused-fractional", "its channels are sampled at ratios such as 2 to 3"),
        ("refused-lossless", "it is compressed without loss"),
        ("refused-two-components", "2 channels"),
    ];
    assert_eq!(refused, reasons.map(|(name, _)| name));
    for (name, reason) in reasons {
        assert_eq!(
            decode(&read(name)).unwrap_err().to_string(),
            format!("this kind of JPEG is not supported: {reason}; save the picture as JPEG or PNG")
        );
    }
}

/// Cut anywhere, a picture of several scans is refused as well.
#[test]
fn a_file_cut_short_is_refused() {
    for name in ["420-progressive", "420-scans-0-1-2-restart", "3x3-scans-0-1-2", "cmyk-adobe2"] {
        let bytes = read(name);
        for length in (20..bytes.len() - 1).step_by(7) {
            let error = decode(&bytes[..length]).unwrap_err().to_string();
            assert_eq!(error, "the JPEG file is cut short: its end is missing; fetch it again", "{name}");
        }
    }
}
