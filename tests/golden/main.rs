//! The captions of the example photos by the shipped bundle. `captions.jsonl` was written by
//! `portable.py`, which shares no code with the runtime:
//!
//! ```sh
//! cd examples && ../.deps/python/bin/python3 ../tests/python/portable.py caption \
//!     ../models/flickr8k-edge *.jpg > ../tests/golden/captions.jsonl
//! ```

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::{examples, shipped_bundle};
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Another processor rounds differently, and PIL's resize differs by a grey level here and there.
const TOLERANCE: f64 = 1e-3;

#[test]
fn the_example_photos_get_the_captions_that_they_got() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/captions.jsonl");
    let golden = fs::read_to_string(golden).unwrap();
    let golden: Vec<Value> = golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(golden.len(), 10, "five photos, greedy and with three beams");
    for expected in golden {
        let num_beams = expected["num_beams"].to_string();
        let mut command = glimpse();
        command.args(["caption", "--device", "cpu", "--json", "--num-beams", &num_beams]);
        command
            .arg("--model")
            .arg(shipped_bundle())
            .arg(examples().join(expected["image"].as_str().unwrap()));
        let found = Outcome::of(&mut command).json(0);
        let (found, expected) = (&found[0]["captions"][0], &expected["captions"][0]);
        assert_eq!(found["generated_text"], expected["generated_text"]);
        assert_eq!(found["token_ids"], expected["token_ids"]);
        let [found, expected] = [found, expected].map(|caption| caption["score"].as_f64().unwrap());
        assert!((found - expected).abs() < TOLERANCE, "the score is {found}, it was {expected}");
    }
}
