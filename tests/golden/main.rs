//! The captions of the example photos by the shipped bundle. After a new model, look at the captions
//! before they become the expected ones:
//!
//! ```sh
//! for n in 1 3; do
//!     target/release/glimpse caption --device cpu --json --num-beams $n examples > tests/golden/num-beams-$n.jsonl
//! done
//! ```
//!
//! That other programs give these captions too is tested in `python` and `parity`.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::shipped_bundle;
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Another processor or ONNX Runtime rounds differently.
const TOLERANCE: f64 = 1e-3;

#[test]
fn the_example_photos_get_the_captions_that_they_got() {
    for num_beams in ["1", "3"] {
        let file = format!("golden/num-beams-{num_beams}.jsonl");
        let golden = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let golden: Vec<Value> = golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut command = glimpse();
        command.args(["caption", "--device", "cpu", "--json", "--num-beams", num_beams, "--model"]);
        let found = Outcome::of(command.arg(shipped_bundle()).arg("assets/photos")).json(0);
        assert_eq!((found.len(), golden.len()), (5, 5));
        for (found, expected) in found.iter().zip(&golden) {
            assert_eq!(found["image"], expected["image"]);
            let (found, expected) = (&found["captions"][0], &expected["captions"][0]);
            assert_eq!(found["generated_text"], expected["generated_text"]);
            assert_eq!(found["token_ids"], expected["token_ids"]);
            let [found, expected] = [found, expected].map(numbers);
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < TOLERANCE;
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(&expected).all(near), "{found:?}, they were {expected:?}");
        }
    }
}

/// The score and the log-probability of each word.
fn numbers(caption: &Value) -> Vec<f64> {
    let log_probs = caption["token_logprobs"].as_array().unwrap();
    [&caption["score"]].into_iter().chain(log_probs).map(|number| number.as_f64().unwrap()).collect()
}
