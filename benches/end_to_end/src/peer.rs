//! Engines in Python: `peers.py`, a process each, asked over its standard input.

use crate::engine::{Engine, Job, Run, Task};
use crate::fixtures::{Model, PixelValues, WORDS};
use anyhow::{Context, Result, bail};
use glimpse_runtime::Device;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py");

/// A process that answers each line of JSON with one.
pub struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub fn start(python: &Path, script: &str, arguments: &[OsString]) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be run; `make bench` sets it up", python.display()))?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("the peer has no output")?);
        Ok(Self { child, questions, answers })
    }

    pub fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the peer ended early; what it said stands above");
        }
        serde_json::from_str(&line).with_context(|| format!("no answer of a peer: {line}"))
    }

    pub fn ask<T: DeserializeOwned>(&mut self, question: &serde_json::Value) -> Result<T> {
        let questions = self.questions.as_mut().context("the peer is gone")?;
        writeln!(questions, "{question}")?;
        questions.flush()?;
        self.answer()
    }
}

impl Drop for Process {
    /// The end of its input ends the process.
    fn drop(&mut self) {
        drop(self.questions.take());
        // Nothing more can be done about a peer that cannot be waited for.
        let _ = self.child.wait();
    }
}

#[derive(Deserialize)]
struct Hello {
    version: String,
}

#[derive(Deserialize)]
struct Answer {
    seconds: f64,
    token_ids: Option<Vec<Vec<u32>>>,
}

pub struct Peer {
    name: String,
    /// Whether it can run the encoder alone.
    encodes: bool,
    process: Process,
}

impl Peer {
    /// Eager PyTorch, on the CPU with its default of a thread a core.
    pub fn pytorch(
        python: &Path,
        model: &Model,
        pixel_values: &PixelValues,
        device: Device,
        half: bool,
    ) -> Result<Self> {
        let mut arguments: Vec<OsString> =
            vec!["pytorch".into(), (&model.bundle).into(), (&pixel_values.file).into()];
        arguments.extend(["--checkpoint".into(), (&model.checkpoint).into()]);
        arguments.extend(["--backbone-weights".into(), (&model.backbone_weights).into()]);
        arguments.extend(["--device".into(), device.to_string().into()]);
        arguments.extend(half.then(|| "--half".into()));
        let precision = if half { "f16" } else { "f32" };
        Self::start(python, &arguments, |version| format!("{version}, eager, {precision}"))
    }

    /// Two ONNX Runtime sessions in Python, with more flags of `peers.py`.
    pub fn onnxruntime(
        python: &Path,
        model: &Model,
        pixel_values: &PixelValues,
        flags: &[&str],
        note: &str,
    ) -> Result<Self> {
        let mut arguments: Vec<OsString> =
            vec!["onnxruntime".into(), (&model.bundle).into(), (&pixel_values.file).into()];
        arguments.extend(flags.iter().map(OsString::from));
        Self::start(python, &arguments, |version| format!("{version} in Python, {note}"))
    }

    /// The graph that holds the search, in Python.
    pub fn captioner(python: &Path, model: &Model, pixel_values: &PixelValues) -> Result<Self> {
        let arguments = ["captioner".into(), (&model.bundle).into(), (&pixel_values.file).into()];
        let name = |version: &str| format!("{version} in Python, captioner_model.onnx");
        Ok(Self { encodes: false, ..Self::start(python, &arguments, name)? })
    }

    /// PIL preparing one photo; a draft is scaled by the JPEG decoder. Every job is the same to it.
    pub fn pillow(python: &Path, model: &Model, photo: &Path, draft: bool) -> Result<Self> {
        let mut arguments: Vec<OsString> = vec!["pillow".into(), (&model.bundle).into(), photo.into()];
        arguments.extend(draft.then(|| "--draft".into()));
        Self::start(
            python,
            &arguments,
            |version| {
                if draft { format!("{version} with draft") } else { version.into() }
            },
        )
    }

    fn start(python: &Path, arguments: &[OsString], name: impl Fn(&str) -> String) -> Result<Self> {
        let mut process = Process::start(python, SCRIPT, arguments)?;
        let hello: Hello = process.answer()?;
        Ok(Self { name: name(&hello.version), encodes: true, process })
    }
}

impl Engine for Peer {
    fn name(&self) -> &str {
        &self.name
    }

    fn does(&self, task: Task) -> bool {
        self.encodes || task != Task::Encode
    }

    fn run(&mut self, job: Job) -> Result<Run> {
        let num_beams = match job.task {
            Task::Encode => 0,
            Task::Caption { num_beams } => num_beams,
        };
        let question = json!({"photos": job.photos, "num_beams": num_beams, "words": WORDS});
        let Answer { seconds, token_ids } = self.process.ask(&question)?;
        Ok(Run { seconds, token_ids: token_ids.unwrap_or_default() })
    }
}
