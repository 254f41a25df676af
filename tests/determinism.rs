//! The same photo gets the same caption, however it is run: twice, with other photos in its batch, with more threads.
//! `make other-machines` compares machines.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::photos::photos;
use glimpse_tests::places::shipped_bundle;
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::Value;
use std::path::Path;

/// Threads and batch sizes. The first row is what the others are compared with, and is run twice.
const WAYS: [(&str, &str); 7] =
    [("1", "1"), ("1", "1"), ("1", "32"), ("2", "8"), ("3", "5"), ("8", "32"), ("8", "1")];
/// How far log-probabilities may move: sums of f32 in another order.
const TOLERANCE: f64 = 1e-4;

fn captions(
    folder: &Path,
    precision: &str,
    num_beams: &str,
    (threads, batch_size): (&str, &str),
) -> Vec<Value> {
    let mut command = glimpse();
    command.args(["caption", "--device", "cpu", "--json", "--model"]).arg(shipped_bundle());
    command.args(["--precision", precision, "--num-beams", num_beams]);
    Outcome::of(command.args(["--threads", threads, "--batch-size", batch_size]).arg(folder)).json(0)
}

fn numbers(caption: &Value) -> Vec<f64> {
    let log_probs = caption["token_logprobs"].as_array().unwrap().iter();
    log_probs.chain([&caption["score"]]).map(|number| number.as_f64().unwrap()).collect()
}

/// The captions of 40 photos in each way.
fn check(precision: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (number, photo) in photos(40).iter().enumerate() {
        photo.save(folder.path().join(format!("{number:02}.png"))).unwrap();
    }
    for num_beams in ["1", "5"] {
        let [expected, again, others @ ..] =
            &WAYS.map(|way| captions(folder.path(), precision, num_beams, way))[..]
        else {
            unreachable!("there are more ways")
        };
        assert_eq!(again, expected, "two runs");
        let mut largest = 0f64;
        for (way, found) in WAYS[2..].iter().zip(others) {
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found["image"], expected["image"]);
                let (found, expected) = (&found["captions"][0], &expected["captions"][0]);
                assert_eq!(found["token_ids"], expected["token_ids"], "{way:?} {num_beams} {expected}");
                let apart = numbers(found).into_iter().zip(numbers(expected)).map(|(a, b)| (a - b).abs());
                largest = apart.fold(largest, f64::max);
            }
        }
        println!("{precision}, {num_beams} beams: log-probabilities at most {largest:.1e} apart");
        assert!(largest < TOLERANCE, "{largest}");
    }
}

#[test]
fn f32_captions_depend_on_the_photo_alone() {
    check("fp32");
}

#[test]
fn int8_captions_depend_on_the_photo_alone() {
    check("int8");
}
