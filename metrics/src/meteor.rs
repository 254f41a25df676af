//! METEOR, by the program that defines it.
//!
//! Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target Language", 2014.
//! Its numbers depend on a stemmer, WordNet's synonyms and a table of paraphrases, so only the program itself, in
//! version 1.5, gives them. This module talks to it over its `-stdio` protocol, with the options of `pycocoevalcap`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::{Caption, Error, Metric, ReferenceCaptions, Scorer};

/// Separates the fields of a line of the protocol.
const SEPARATOR: &str = " ||| ";

/// `METEOR`, in 0..=1, by a running METEOR 1.5.
///
/// The program ends when the last metric, set of references and evaluation that use it are dropped.
#[derive(Debug, Clone)]
pub struct Meteor {
    process: Arc<Mutex<Process>>,
}

impl Meteor {
    /// Starts `jar` (meteor-1.5.jar, with its `data` folder beside it) with the program `java`.
    ///
    /// # Errors
    /// [`Error::MeteorJar`] if there is no such file, [`Error::Java`] if Java does not start.
    pub fn start(jar: &Path, java: &Path) -> Result<Self, Error> {
        Ok(Self { process: Arc::new(Mutex::new(Process::start(jar, java)?)) })
    }

    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metric for Meteor {
    fn keys(&self) -> &'static [&'static str] {
        &["METEOR"]
    }

    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
        let (meteor, references) = (self.clone(), Arc::clone(references));
        Ok(Box::new(move |image, caption| meteor.lock().count(caption, &references[image])))
    }

    fn scores(&self, sum: &[f64], _num_images: usize) -> Result<Vec<f64>, Error> {
        Ok(vec![self.lock().score(sum)?])
    }
}

/// Positions in the counts of METEOR 1.5: tokens of the caption and of the reference, chunks, matched tokens of both.
const CAPTION_LENGTH: usize = 0;
const REFERENCE_LENGTH: usize = 1;
/// Runs of matched tokens that are adjacent and in the same order in caption and reference.
const CHUNKS: usize = 20;
const CAPTION_MATCHES: usize = 21;
const REFERENCE_MATCHES: usize = 22;

/// Whether a caption matches its reference fully and in order. METEOR has no penalty for its single chunk: where it adds
/// up counts itself, it leaves that chunk out. Counts without it add up, and have the same score.
fn is_one_full_chunk(counts: &[f64]) -> bool {
    counts.len() > REFERENCE_MATCHES
        && counts[CHUNKS] == 1.0
        && counts[CAPTION_MATCHES] == counts[CAPTION_LENGTH]
        && counts[REFERENCE_MATCHES] == counts[REFERENCE_LENGTH]
}

/// The program and the ends of its streams.
#[derive(Debug)]
struct Process {
    child: Child,
    /// `None` only while it is being shut down.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// Collects Java's messages, so that an error can show them.
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    fn start(jar: &Path, java: &Path) -> Result<Self, Error> {
        if !jar.is_file() {
            return Err(Error::MeteorJar { path: jar.to_owned() });
        }
        let java_error = |source| Error::Java { java: java.to_owned(), source };
        let mut child = Command::new(java)
            .args(["-Xmx2G", "-Dfile.encoding=UTF-8", "-jar"])
            .arg(std::path::absolute(jar).map_err(java_error)?)
            .args(["-", "-", "-stdio", "-l", "en", "-norm"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(java_error)?;
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three streams are piped");
        };
        let stderr = std::thread::spawn(move || {
            let mut messages = String::new();
            // A message that cannot be read cannot be shown either.
            let _ = stderr.read_to_string(&mut messages);
            messages
        });
        Ok(Self { child, stdin: Some(stdin), stdout: BufReader::new(stdout), stderr: Some(stderr) })
    }

    /// Compares a caption with its references; the counts of several captions add up.
    fn count(&mut self, hypothesis: &Caption, references: &[Caption]) -> Result<Vec<f64>, Error> {
        // As pycocoevalcap does it: the separator must not occur in a field.
        let hypothesis = hypothesis.text().replace("|||", "").replace("  ", " ");
        let mut line = String::from("SCORE");
        for field in references.iter().map(Caption::text).chain([hypothesis.as_str()]) {
            line.push_str(SEPARATOR);
            line.push_str(field);
        }
        self.send(&line)?;
        let mut counts = self.receive()?;
        if is_one_full_chunk(&counts) {
            counts[CHUNKS] = 0.0;
        }
        Ok(counts)
    }

    /// The score that belongs to counts.
    fn score(&mut self, counts: &[f64]) -> Result<f64, Error> {
        let counts: Vec<String> = counts.iter().map(f64::to_string).collect();
        self.send(&format!("EVAL{SEPARATOR}{}", counts.join(" ")))?;
        // It answers with the score of each image, then with that of the set. Here the set is one image.
        self.receive_one()?;
        self.receive_one()
    }

    fn send(&mut self, line: &str) -> Result<(), Error> {
        let Some(stdin) = &mut self.stdin else { return Err(self.failure("it was shut down")) };
        match writeln!(stdin, "{line}").and_then(|()| stdin.flush()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(&error.to_string())),
        }
    }

    /// Reads a line of numbers.
    fn receive(&mut self) -> Result<Vec<f64>, Error> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(0) => return Err(self.failure("it stopped")),
            Ok(_) => {}
            Err(error) => return Err(self.failure(&error.to_string())),
        }
        line.split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| Error::Meteor { message: format!("it wrote {:?}", line.trim_end()) })
    }

    fn receive_one(&mut self) -> Result<f64, Error> {
        match self.receive()?[..] {
            [score] => Ok(score),
            ref other => {
                Err(Error::Meteor { message: format!("it wrote {} numbers for one score", other.len()) })
            }
        }
    }

    /// An error with the first message that Java wrote, if there is one.
    fn failure(&mut self, what: &str) -> Error {
        self.shut_down();
        let messages = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        let message = match messages.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{what}; Java's message: {line}"),
            None => what.to_owned(),
        };
        Error::Meteor { message }
    }

    fn shut_down(&mut self) {
        self.stdin = None;
        // Both fail only if the program has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_jar_is_named() {
        let error = Meteor::start(Path::new("no-such.jar"), Path::new("java")).unwrap_err();
        assert!(error.to_string().contains("no-such.jar"), "{error}");
    }

    #[test]
    fn a_missing_java_is_named() {
        let jar = std::env::current_exe().unwrap();
        let error = Meteor::start(&jar, Path::new("no-such-java")).unwrap_err();
        assert!(error.to_string().contains("no-such-java"), "{error}");
    }

    #[test]
    fn only_a_full_match_in_one_chunk_has_no_penalty() {
        let counts = |caption: f64, reference: f64, chunks: f64, matches: f64| {
            let mut counts = vec![0.0; 23];
            counts[0] = caption;
            counts[1] = reference;
            counts[20] = chunks;
            counts[21..].fill(matches);
            counts
        };
        assert!(is_one_full_chunk(&counts(5.0, 5.0, 1.0, 5.0)));
        assert!(!is_one_full_chunk(&counts(5.0, 5.0, 2.0, 5.0)));
        assert!(!is_one_full_chunk(&counts(5.0, 6.0, 1.0, 5.0)));
        assert!(!is_one_full_chunk(&[1.0, 1.0]));
    }

    #[test]
    #[cfg(unix)]
    fn the_message_of_a_program_that_fails_is_shown() {
        // `ls` refuses the options of Java with a message of its own.
        let meteor = Meteor::start(&std::env::current_exe().unwrap(), Path::new("ls")).unwrap();
        let error = meteor.scores(&[1.0], 1).unwrap_err();
        assert!(error.to_string().contains("Java's message: ls: "), "{error}");
    }
}
