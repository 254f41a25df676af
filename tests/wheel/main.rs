//! The Python wheel: built as `pip install` would get it, unpacked, and tested by pytest; its types and style checked by
//! mypy and ruff. Runs in the environment that `GLIMPSE_WHEEL_PYTHON` names (`make test` installs it).

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::project;
use glimpse_tests::programs::{cargo_variables, glimpse_path};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

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

/// A folder with the wheel, unpacked.
fn wheel(python: &Path) -> TempDir {
    let packed = tempfile::tempdir().unwrap();
    // pip puts programs into `bin` beside the packages of this environment.
    let place = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = run(Command::new(python).args(["-c", place]));
    let bin = Path::new(packages.trim()).join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(bin).chain(env::split_paths(&path))).unwrap();
    let mut build = Command::new("maturin");
    for name in cargo_variables() {
        build.env_remove(name);
    }
    build.args(["build", "--profile", "dev", "--compatibility", "linux", "--out"]).arg(packed.path());
    run(build.env("PATH", path).current_dir(project().join("apps/python")));
    let file = std::fs::read_dir(packed.path()).unwrap().next().unwrap().unwrap().path();
    let unpacked = tempfile::tempdir().unwrap();
    run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(file).arg(unpacked.path()));
    unpacked
}

/// Runs those tests of `apps/python/tests` that `marker` chooses.
fn pytest(marker: &str) {
    let Some(python) = interpreter() else { return };
    let (wheel, package) = (wheel(&python), project().join("apps/python"));
    let mut pytest = Command::new(&python);
    // Not in the folder of the sources, which Python would take for the package.
    pytest.current_dir(wheel.path()).env("PYTHONPATH", wheel.path()).env("GLIMPSE_PROGRAM", glimpse_path());
    // The library is to be found as a user's is.
    pytest.env_remove("ORT_DYLIB_PATH").env_remove("ORT_DISABLE_TELEMETRY");
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marker, "-c"]);
    pytest.arg(package.join("pyproject.toml")).arg("--rootdir").arg(&package).arg(package.join("tests"));
    println!("{}", run(&mut pytest));
}

#[test]
fn the_wheel_passes_its_tests() {
    pytest("not slow");
}

/// `make test-ray`.
#[test]
#[ignore = "takes minutes"]
fn the_wheel_passes_its_slow_tests() {
    pytest("slow");
}

#[test]
fn the_package_is_typed_and_clean() {
    let Some(python) = interpreter() else { return };
    let folder = tempfile::tempdir().unwrap();
    let module = |name: &str| {
        let mut command = Command::new(&python);
        command.args(["-m", name]).current_dir(project().join("apps/python"));
        command
    };
    run(module("mypy").arg("--cache-dir").arg(folder.path()));
    run(module("ruff").args(["check", "--no-cache", "."]));
    run(module("ruff").args(["format", "--no-cache", "--check", "."]));
}
