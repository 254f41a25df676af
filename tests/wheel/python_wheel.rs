//! The Python wheel, built as `pip install` would get it, unpacked, and tested by pytest; its types and style checked by
//! mypy and ruff. Runs in the environment that `GLIMPSE_WHEEL_PYTHON` names (`make test` installs it).

use glimpse_tests::places::project;
use glimpse_tests::programs::glimpse_path;
use glimpse_tests::wheel::{interpreter, run, unpack_wheel};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

fn python() -> Option<PathBuf> {
    interpreter("GLIMPSE_WHEEL_PYTHON", "test")
}

/// The unpacked wheel, which tests that run at the same time share.
fn wheel(python: &Path) -> Arc<TempDir> {
    static WHEEL: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut shared = WHEEL.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        unpack_wheel(python, folder.path());
        *shared = Arc::downgrade(&folder);
        folder
    })
}

/// Runs those tests of `apps/python/tests` that `marker` chooses.
fn pytest(marker: &str) {
    let Some(python) = python() else { return };
    let (wheel, package) = (wheel(&python), project().join("apps/python"));
    let mut pytest = Command::new(&python);
    // Not in the folder of the sources, which Python would take for the package.
    let engines = env::var_os("GLIMPSE_ENGINES").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let packages = env::join_paths(std::iter::once(wheel.path().to_path_buf()).chain(engines)).unwrap();
    pytest.current_dir(wheel.path()).env("PYTHONPATH", packages).env("GLIMPSE_PROGRAM", glimpse_path());
    // The library is to be found as a user's is.
    pytest.env_remove("ORT_DYLIB_PATH").env_remove("ORT_DISABLE_TELEMETRY");
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marker, "-c"]);
    pytest.arg(package.join("pyproject.toml")).arg("--rootdir").arg(&package).arg(package.join("tests"));
    println!("{}", run(&mut pytest));
}

#[test]
fn passes_its_tests() {
    pytest("not slow and not engines and not ray");
}

/// Mostly waits for processes that start: beside the others it costs little time.
#[test]
fn loses_nothing_when_processes_of_ray_are_killed() {
    pytest("ray and not slow");
}

/// `make test-ray`.
#[test]
#[ignore = "takes minutes"]
fn passes_its_slow_tests() {
    pytest("slow");
}

/// `make test-engines`.
#[test]
#[ignore = "needs Daft, PySpark and Java"]
fn runs_the_snippets_for_other_engines() {
    pytest("engines");
}

#[test]
fn is_typed_and_clean() {
    let Some(python) = python() else { return };
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
