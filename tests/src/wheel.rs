//! The Python wheel, built as the tests are.

use crate::places::project;
use crate::programs::cargo_variables;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The interpreter that a variable names, or `None` with a line that says so. `target` of the Makefile installs it.
///
/// # Panics
/// When there is no such file: somebody wanted these tests to run.
pub fn interpreter(variable: &str, target: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).filter(|name| !name.is_empty()).map(PathBuf::from);
    let Some(python) = named else {
        println!("skipped: {variable} names no interpreter; `make {target}` installs one");
        return None;
    };
    assert!(python.is_file(), "there is no {}; `make {target}` installs it", python.display());
    Some(python)
}

/// Runs the command to its end and returns what it printed.
///
/// # Panics
/// When it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?} failed\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// Builds the wheel with the maturin of that environment, and unpacks it into `folder`.
///
/// # Panics
/// When it cannot be built.
pub fn unpack_wheel(python: &Path, folder: &Path) {
    let packed = TempDir::new().expect("a temporary folder");
    // pip puts programs into `bin` beside the packages of this environment.
    let place = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = run(Command::new(python).args(["-c", place]));
    let bin = Path::new(packages.trim()).join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(bin).chain(env::split_paths(&path))).expect("a path");
    let mut build = Command::new("maturin");
    for name in cargo_variables() {
        build.env_remove(name);
    }
    build.args(["build", "--profile", "dev", "--compatibility", "linux", "--out"]).arg(packed.path());
    run(build.env("PATH", path).current_dir(project().join("apps/python")));
    let mut files = std::fs::read_dir(packed.path()).expect("maturin made it");
    let file = files.next().expect("maturin writes a wheel").expect("it can be listed").path();
    run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(file).arg(folder));
}
