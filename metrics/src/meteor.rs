//! METEOR, by the program that defines it.
//!
//! Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target Language", 2014.
//! Its numbers rest on stemming, WordNet synonyms and a paraphrase table, so nothing but version 1.5 of the program
//! itself gives them. This module talks to it over its `-stdio` protocol, with the options of `pycocoevalcap`.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use crate::{Error, Scored};

/// Separates the fields of a line of the protocol.
const SEPARATOR: &str = " ||| ";

/// What METEOR counted for one hypothesis; the counts of several add up to those of the set.
#[derive(Debug, Clone, PartialEq)]
pub struct MeteorCounts(Vec<f64>);

impl MeteorCounts {
    /// The counts of a set in which the image of `counts[i]` occurs `times[i]` times.
    pub(crate) fn weighted_sum(counts: &[Self], times: &[u32]) -> Self {
        let mut sum = vec![0.0; counts.first().map_or(0, |one| one.0.len())];
        for (one, &times) in counts.iter().zip(times) {
            for (total, count) in sum.iter_mut().zip(&one.0) {
                *total += f64::from(times) * count;
            }
        }
        Self(sum)
    }

    fn to_field(&self) -> String {
        self.0.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// A running METEOR 1.5.
#[derive(Debug)]
pub struct Meteor {
    child: Child,
    /// `None` only while it is being shut down.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// Collects what Java has to say, so that a failure can be told.
    stderr: Option<JoinHandle<String>>,
}

impl Meteor {
    /// Starts `jar` (meteor-1.5.jar, with its `data` folder beside it) with the program `java`.
    ///
    /// # Errors
    /// [`Error::MeteorJar`] if there is no such file, [`Error::Java`] if Java does not start.
    pub fn start(jar: &Path, java: &Path) -> Result<Self, Error> {
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
            let mut said = String::new();
            // What cannot be read cannot be reported either.
            let _ = stderr.read_to_string(&mut said);
            said
        });
        Ok(Self { child, stdin: Some(stdin), stdout: BufReader::new(stdout), stderr: Some(stderr) })
    }

    /// Compares tokenised hypotheses with the tokenised references of their images, one hypothesis per image.
    ///
    /// # Errors
    /// [`Error::HypothesisCount`] if there are not as many of both, [`Error::Meteor`] if the program fails.
    pub fn counts<R: AsRef<[String]>>(
        &mut self,
        hypotheses: &[String],
        references: &[R],
    ) -> Result<Vec<MeteorCounts>, Error> {
        if hypotheses.len() != references.len() {
            return Err(Error::HypothesisCount { expected: references.len(), actual: hypotheses.len() });
        }
        std::iter::zip(hypotheses, references)
            .map(|(hypothesis, references)| {
                // As pycocoevalcap does it; the separator cannot be left in.
                let hypothesis = hypothesis.replace("|||", "").replace("  ", " ");
                let mut line = String::from("SCORE");
                for field in references.as_ref().iter().chain([&hypothesis]) {
                    line.push_str(SEPARATOR);
                    line.push_str(field);
                }
                self.send(&line)?;
                Ok(MeteorCounts(self.receive()?))
            })
            .collect()
    }

    /// The scores of the images that were counted, and that of the set.
    ///
    /// # Errors
    /// [`Error::Meteor`] if the program fails.
    pub fn scores(&mut self, counts: &[MeteorCounts]) -> Result<Scored, Error> {
        let mut line = String::from("EVAL");
        for one in counts {
            line.push_str(SEPARATOR);
            line.push_str(&one.to_field());
        }
        self.send(&line)?;
        let per_image = counts.iter().map(|_| self.receive_one()).collect::<Result<_, _>>()?;
        Ok(Scored { corpus: self.receive_one()?, per_image })
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

    /// An error with what Java said last, if anything.
    fn failure(&mut self, what: &str) -> Error {
        self.shut_down();
        let said = self.stderr.take().and_then(|stderr| stderr.join().ok()).unwrap_or_default();
        let message = match said.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{what}; Java says: {line}"),
            None => what.to_owned(),
        };
        Error::Meteor { message }
    }

    fn shut_down(&mut self) {
        self.stdin = None;
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Meteor {
    fn drop(&mut self) {
        self.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let counts = [MeteorCounts(vec![1.0, 2.5]), MeteorCounts(vec![10.0, 0.0])];
        assert_eq!(MeteorCounts::weighted_sum(&counts, &[2, 1]), MeteorCounts(vec![12.0, 5.0]));
        assert_eq!(counts[0].to_field(), "1 2.5");
    }

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
}
