//! Scores a results file against a references file, both as JSON: `score RESULTS REFERENCES`.
//!
//! Results are `[{"image_id": ..., "caption": "..."}]`, references `{"image_id": ["...", ...]}`. Prints one JSON
//! object: the scores by name, and the seconds that tokenising and scoring took (reading excluded).

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use glimpse_metrics::evaluate;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct CaptionResult {
    image_id: Value,
    caption: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let [results, references] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: score RESULTS REFERENCES")?;
    let results: Vec<CaptionResult> = serde_json::from_str(&std::fs::read_to_string(results)?)?;
    let references: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&std::fs::read_to_string(references)?)?;
    let hypotheses = results.into_iter().map(|result| {
        let image = result.image_id.as_str().map_or_else(|| result.image_id.to_string(), str::to_owned);
        (image, result.caption)
    });

    let start = Instant::now();
    let evaluation = evaluate(hypotheses, references)?;
    let seconds = start.elapsed().as_secs_f64();

    let scores: BTreeMap<&str, f64> =
        evaluation.scores().iter().map(|(key, score)| (*key, score.corpus)).collect();
    println!("{}", json!({ "scores": scores, "seconds": seconds }));
    Ok(())
}
