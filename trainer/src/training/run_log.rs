use super::curves;
use super::epoch_metrics::{EpochMetrics, Phase};
use super::event_file::EventFile;
use crate::{Error, Result};
use glimpse_bundle::write_whole;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The record of a run's epochs: `metrics.jsonl`, `curves.svg`, `curves.png` and TensorBoard's
/// `events.out.tfevents.glimpse`, all made from the first.
#[derive(Debug)]
pub struct RunLog {
    dir: PathBuf,
    lines: Vec<EpochMetrics>,
    events: EventFile,
}

impl RunLog {
    /// Continues after `epoch` epochs; lines of later epochs are removed.
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
        ("vocabulary/validation", line.validation_vocabulary as f64),
        ("speed/captions_per_second", line.captions_per_second),
    ];
    events.add(line.time, line.epoch as i64, &scalars)
}
