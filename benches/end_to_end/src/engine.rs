//! What every engine can be asked.

use anyhow::Result;

/// One batch, encoded and captioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Photos in the batch.
    pub photos: usize,
    pub task: Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The encoder alone.
    Encode,
    /// Encoder and search; 1 beam is greedy search.
    Caption { num_beams: usize },
}

impl Task {
    pub const ALL: [Self; 3] = [Self::Encode, Self::Caption { num_beams: 1 }, Self::Caption { num_beams: 5 }];

    pub fn name(self) -> String {
        match self {
            Self::Encode => "encoder".into(),
            Self::Caption { num_beams: 1 } => "greedy".into(),
            Self::Caption { num_beams } => format!("beam {num_beams}"),
        }
    }
}

/// What came of a [`Job`].
pub struct Run {
    pub seconds: f64,
    /// The text of each photo's best caption; none from the encoder alone.
    pub token_ids: Vec<Vec<u32>>,
}

/// Something that captions photos that it was given when it started.
pub trait Engine {
    /// How the tables call it.
    fn name(&self) -> &str;

    /// Whether it can be asked for this.
    fn does(&self, _: Task) -> bool {
        true
    }

    fn run(&mut self, job: Job) -> Result<Run>;
}
