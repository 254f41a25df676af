use super::curves;
use super::event_file::EventFile;
use crate::{Error, Result};
use glimpse_bundle::write_whole;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// 1-based, self-critical epochs counted.
    pub epoch: usize,
    /// What was trained on.
    pub phase: Phase,
    /// Mean training loss of a word, or mean reward of a sample.
    pub train: f64,
    /// Mean cross-entropy of a word of the validation split.
    pub validation_loss: f64,
    /// CIDEr-D of greedy captions of the validation split.
    pub validation_cider: f64,
    /// Training captions a second.
    pub captions_per_second: f64,
    /// Of the whole epoch.
    pub seconds: f64,
    /// Seconds from 1970 to the epoch's end.
    #[serde(default)]
    pub time: f64,
}

/// What an epoch learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The words of the references.
    CrossEntropy,
    /// The scores of its own captions.
    SelfCritical,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CrossEntropy => "cross_entropy",
            Self::SelfCritical => "self_critical",
        })
    }
}

/// What a run says of its epochs: `metrics.jsonl`, `curves.svg`, `curves.png` and TensorBoard's
/// `events.out.tfevents.glimpse`, all of which follow from the first.
#[derive(Debug)]
pub struct RunLog {
    dir: PathBuf,
    lines: Vec<EpochMetrics>,
    events: EventFile,
}

impl RunLog {
    /// Goes on after `epoch` epochs; what was logged of later ones is forgotten.
    pub fn open(dir: &Path, epoch: usize) -> Result<Self> {
        let path = dir.join("metrics.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(Error::io(&path))?,
        };
        let whole = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<EpochMetrics> = whole.filter(|line: &EpochMetrics| line.epoch <= epoch).collect();
        let kept: String = lines.iter().map(json_line).collect::<Result<_>>()?;
        write_whole(&path, kept.as_bytes())?;
        let mut events = EventFile::create(&dir.join("events.out.tfevents.glimpse"))?;
        for line in &lines {
            write_events(&mut events, line)?;
        }
        Ok(Self { dir: dir.to_path_buf(), lines, events })
    }

    /// Adds an epoch.
    pub fn add(&mut self, line: EpochMetrics) -> Result<()> {
        let path = self.dir.join("metrics.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).map_err(Error::io(&path))?;
        file.write_all(json_line(&line)?.as_bytes()).map_err(Error::io(&path))?;
        write_events(&mut self.events, &line)?;
        self.lines.push(line);
        Ok(())
    }

    /// Draws the curves of all epochs.
    pub fn draw(&self) -> Result<()> {
        curves::write(&self.dir, &self.lines)
    }
}

fn json_line(line: &EpochMetrics) -> Result<String> {
    Ok(serde_json::to_string(line).map_err(Error::json("(in memory)"))? + "\n")
}

fn write_events(events: &mut EventFile, line: &EpochMetrics) -> Result<()> {
    let train = match line.phase {
        Phase::CrossEntropy => "loss/train",
        Phase::SelfCritical => "reward/train",
    };
    let scalars = [
        (train, line.train),
        ("loss/validation", line.validation_loss),
        ("cider/validation", line.validation_cider),
        ("speed/captions_per_second", line.captions_per_second),
    ];
    events.add(line.time, line.epoch as i64, &scalars)
}
