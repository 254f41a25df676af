//! `glimpse` and Python, run as a user would.

use crate::places::project;
use serde_json::Value;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// `glimpse` as it is deployed, started from the project's root, with no setting of its own in the
/// environment.
pub fn glimpse() -> Command {
    from_project(glimpse_path())
}

/// `glimpse-train` as the tests are built, started in the same way.
pub fn glimpse_train() -> Command {
    from_project(glimpse_train_path())
}

/// `glimpse-train` as the tests are built.
///
/// # Panics
/// When it does not build.
pub fn glimpse_train_path() -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| built_as_tests("--bin", "glimpse-train"));
    &PATH
}

/// `glimpse-quantize` as the tests are built.
///
/// # Panics
/// When it does not build.
pub fn glimpse_quantize_path() -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| built_as_tests("--bin", "glimpse-quantize"));
    &PATH
}

/// `glimpse-serve` as the tests are built.
///
/// # Panics
/// When it does not build.
pub fn glimpse_serve_path() -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| built_as_tests("--bin", "glimpse-serve"));
    &PATH
}

/// The release build of `glimpse`, built or brought up to date on the first call.
///
/// # Panics
/// When it does not build.
pub fn glimpse_path() -> &'static Path {
    static PATH: LazyLock<PathBuf> =
        LazyLock::new(|| built("--bin", "glimpse", &["-p", "glimpse-cli", "--release"]));
    &PATH
}

fn from_project(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project()).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("GLIMPSE_") {
            command.env_remove(name);
        }
    }
    command
}

/// A program (`kind` is `--bin`) or an example (`--example`) of another crate, with the features that the tests of all crates
/// were built with: nothing is compiled anew.
///
/// # Panics
/// When it does not build.
pub fn built_as_tests(kind: &str, name: &str) -> PathBuf {
    // With a test among its targets, cargo takes the features that development dependencies ask for.
    built(kind, name, &["--workspace", "--test", "docs"])
}

/// What cargo builds with these arguments, or brings up to date.
fn built(kind: &str, name: &str, arguments: &[&str]) -> PathBuf {
    // No variable names the programs of another crate, and only cargo knows where it puts them.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for name in cargo_variables() {
        command.env_remove(name);
    }
    let output = command
        .args(["build", kind, name])
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(project())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo build {kind} {name} {arguments:?} failed");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == name).then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executable.expect("cargo says where it put the program")
}

/// What cargo told this test of its own package, by name; build scripts that look at it would run again.
pub fn cargo_variables() -> impl Iterator<Item = OsString> {
    let is_own = |name: &OsString| {
        let name = name.to_string_lossy();
        ["OUT_DIR", "CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.starts_with(own))
    };
    env::vars_os().map(|(name, _)| name).filter(is_own)
}

/// A Python that can import `modules`, or `None` with a line that says so: the one that
/// `GLIMPSE_PYTHON` names (`make test` sets it), else `python3`.
///
/// # Panics
/// When `GLIMPSE_PYTHON` names one that cannot: somebody wanted these tests to run.
pub fn python(modules: &str) -> Option<Command> {
    let named = env::var_os("GLIMPSE_PYTHON").filter(|name| !name.is_empty());
    let program = named.clone().unwrap_or_else(|| "python3".into());
    let probe = Command::new(&program).args(["-c", &format!("import {modules}")]).output();
    if probe.is_ok_and(|probe| probe.status.success()) {
        return Some(Command::new(program));
    }
    let problem = format!("{} cannot import {modules}", program.to_string_lossy());
    assert!(named.is_none(), "{problem}; `make deps-python` installs them");
    println!("skipped: {problem}; `make test` installs them");
    None
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: Option<i32>,
    /// The lines of its standard output.
    pub stdout: Vec<String>,
    /// The lines of its standard error.
    pub stderr: Vec<String>,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(String::from).collect();
        Self { code: output.status.code(), stdout: lines(&output.stdout), stderr: lines(&output.stderr) }
    }
}

impl Outcome {
    /// Runs the command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
    }

    /// Each line of standard output as JSON.
    ///
    /// # Panics
    /// When a line is none, or the exit code is not `code`.
    pub fn json(&self, code: i32) -> Vec<Value> {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let parse = |line: &String| serde_json::from_str(line);
        self.stdout
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
