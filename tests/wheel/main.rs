//! The Python wheel: built as `pip install` would get it, unpacked, and tested by pytest; its types and style checked by
//! mypy and ruff. Runs in the environment that `GLIMPSE_WHEEL_PYTHON` names (`make test` installs it).

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::project;
use glimpse_tests::programs::{cargo_variables, glimpse_path};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The environment's interpreter, or `None` with a line that says so.
fn interpreter() -> Option<PathBuf> {
    let named = env::var_os("GLIMPSE_WHEEL_PYTHON").filter(|name| !name.is_empty()).map(PathBuf::from);
    let Some(python) = named else {
        println!("skipped: GLIMPSE_WHEEL_PYTHON names no interpreter; `make test` installs one");
        return None;
    };
    assert!(python.is_file(), "there is no {}; `make deps-wheel` installs it", python.display());
    Some(python)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?} failed\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// The folder of the unpacked wheel.
fn wheel(python: &Path) -> &'static Path {
    static WHEEL: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    let packed = WHEEL.path().join("packed");
    // pip puts programs into `bin` beside the packages of this environment.
    let places = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = run(Command::new(python).args(["-c", places]));
    let bin = Path::new(packages.trim()).join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(bin).chain(env::split_paths(&path))).unwrap();
    let mut build = Command::new("maturin");
    for name in cargo_variables() {
        build.env_remove(name);
    }
    build.args(["build", "--profile", "dev", "--compatibility", "linux", "--out"]).arg(&packed);
    run(build.env("PATH", path).current_dir(project().join("apps/python")));
    let file = std::fs::read_dir(&packed).unwrap().next().unwrap().unwrap().path();
    let unpacked = WHEEL.path().join("unpacked");
    run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(file).arg(&unpacked));
    static UNPACKED: LazyLock<PathBuf> = LazyLock::new(|| WHEEL.path().join("unpacked"));
    &UNPACKED
}

/// A module of Python's, run on `apps/python` with the wheel in place of the sources.
fn module(python: &Path, name: &str, wheel: Option<&Path>) -> Command {
    let mut command = Command::new(python);
    command.args(["-P", "-m", name]).current_dir(project().join("apps/python"));
    if let Some(wheel) = wheel {
        command.env("PYTHONPATH", wheel).env("GLIMPSE_PROGRAM", glimpse_path());
        // The library is to be found as a user's is.
        command.env_remove("ORT_DYLIB_PATH").env_remove("ORT_DISABLE_TELEMETRY");
    }
    command
}

#[test]
fn the_wheel_passes_its_tests() {
    let Some(python) = interpreter() else { return };
    let wheel = wheel(&python);
    let mut pytest = module(&python, "pytest", Some(wheel));
    println!("{}", run(pytest.args(["-q", "-p", "no:cacheprovider", "-m", "not slow"])));
}

#[test]
fn the_package_is_typed_and_clean() {
    let Some(python) = interpreter() else { return };
    let folder = tempfile::tempdir().unwrap();
    run(module(&python, "mypy", None).arg("--cache-dir").arg(folder.path()));
    run(module(&python, "ruff", None).args(["check", "--no-cache", "."]));
    run(module(&python, "ruff", None).args(["format", "--no-cache", "--check", "."]));
}
