//! Rounds in which the engines take turns, and statistics of the times.

use crate::engine::{Engine, Job};
use anyhow::Result;
use serde::Serialize;
use std::thread;
use std::time::Duration;

/// How long threads of an engine may go on spinning after its run.
const SETTLE: Duration = Duration::from_millis(40);

/// Times of one row.
#[derive(Debug, Clone, Serialize)]
pub struct Times {
    pub median_ms: f64,
    pub min_ms: f64,
    pub runs: usize,
}

impl Times {
    /// # Panics
    /// Without a time.
    pub fn of(mut seconds: Vec<f64>) -> Self {
        assert!(!seconds.is_empty(), "nothing was timed");
        seconds.sort_by(f64::total_cmp);
        let middle = seconds.len() / 2;
        let median = if seconds.len() % 2 == 1 {
            seconds[middle]
        } else {
            seconds[middle - 1..=middle].iter().sum::<f64>() / 2.0
        };
        Self { median_ms: 1e3 * median, min_ms: 1e3 * seconds[0], runs: seconds.len() }
    }
}

/// What one engine made of a job.
pub struct Outcome {
    pub times: Times,
    /// The text of each photo's caption.
    pub token_ids: Vec<Vec<u32>>,
}

/// Runs a job `rounds` times on every engine, one after the other in each round, after one run that
/// does not count. Every round begins with another engine.
pub fn take_turns(
    engines: &mut [&mut Box<dyn Engine + '_>],
    job: Job,
    rounds: usize,
) -> Result<Vec<Outcome>> {
    let mut seconds = vec![Vec::with_capacity(rounds); engines.len()];
    let mut token_ids = Vec::with_capacity(engines.len());
    for engine in engines.iter_mut() {
        token_ids.push(engine.run(job)?.token_ids);
    }
    for round in 0..rounds {
        for turn in 0..engines.len() {
            let index = (round + turn) % engines.len();
            thread::sleep(SETTLE);
            // Caches hold what the engine before left: a short job is run once to fill them.
            if job.photos == 1 {
                engines[index].run(job)?;
            }
            seconds[index].push(engines[index].run(job)?.seconds);
        }
    }
    let outcomes = seconds.into_iter().zip(token_ids);
    Ok(outcomes.map(|(seconds, token_ids)| Outcome { times: Times::of(seconds), token_ids }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Times::of(vec![0.003, 0.001, 0.002]).median_ms, 2.0);
        let even = Times::of(vec![0.004, 0.001, 0.002, 0.003]);
        assert_eq!((even.median_ms, even.min_ms, even.runs), (2.5, 1.0, 4));
    }
}
