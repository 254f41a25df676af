//! The models that `glimpse bundle --triton` writes: their configurations and graph in ordinary tests, and by
//! `make test-triton` on NVIDIA Triton itself.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_tests::places::{project, shipped_bundle};
use glimpse_tests::programs::{Outcome, glimpse, glimpse_path, python};
use glimpse_tests::wheel::{interpreter, run, unpack_wheel};
use std::path::Path;
use std::process::Command;

fn write_repository(repository: &Path, precision: &str) -> Outcome {
    let mut write = glimpse();
    write.args(["bundle", "--precision", precision, "--triton"]).arg(repository);
    Outcome::of(&mut write)
}

#[test]
fn the_configurations_fit_the_graph() {
    let Some(python) = python("numpy, onnx, onnxruntime, PIL, tritonclient") else { return };
    for precision in ["fp32", "int8"] {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("new/repository");
        let outcome = write_repository(&repository, precision);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        let mut check = Command::new(python.get_program());
        check.arg(project().join("tests/triton/check.py")).arg(shipped_bundle()).arg(&repository);
        println!("{}", run(check.arg("--glimpse").arg(glimpse_path()).current_dir(project())));
    }
}

#[test]
fn a_repository_is_added_to_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    std::fs::create_dir_all(repository.join("other/1")).unwrap();
    let outcome = write_repository(&repository, "fp32");
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&repository), ["glimpse", "glimpse_captioner", "other"]);
    assert_eq!(names(&repository.join("glimpse/1")), ["bundle", "model.py"]);
    // What is not of the bundle stays behind, and what is there is a bundle.
    let bundle = glimpse_bundle::Bundle::open(repository.join("glimpse/1/bundle")).unwrap();
    assert!(!bundle.dir().join("README.md").exists());

    std::fs::remove_dir_all(repository.join("glimpse_captioner")).unwrap();
    let outcome = write_repository(&repository, "fp32");
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    assert!(outcome.stderr[0].contains("repository/glimpse exists; remove it"), "{outcome:#?}");
    assert_eq!(names(&repository), ["glimpse", "other"], "nothing is written");

    let outcome = Outcome::of(glimpse().arg("bundle").arg(shipped_bundle()));
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    assert!(outcome.stderr[0].contains("--self-contained <FILE>"), "{outcome:#?}");

    let outcome = write_repository(&shipped_bundle().join("repository"), "fp32");
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
    assert!(outcome.stderr[0].contains("is in the bundle's folder"), "{outcome:#?}");
    assert!(!shipped_bundle().join("repository").exists());
}

/// `make test-triton`.
#[test]
#[ignore = "takes minutes"]
fn triton_says_the_words_of_the_program() {
    let Some(triton) = interpreter("GLIMPSE_TRITON_PYTHON", "test-triton") else { return };
    let Some(python) = interpreter("GLIMPSE_WHEEL_PYTHON", "test-triton") else { return };
    let folder = tempfile::tempdir().unwrap();
    let outcome = write_repository(folder.path(), "fp32");
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    // The backend looks for packages beside model.py too.
    unpack_wheel(&python, &folder.path().join("glimpse/1"));
    let mut serve = Command::new(triton);
    serve.arg(project().join("tests/triton/over_http.py")).arg(folder.path());
    // The library is to be found as a user's is.
    serve.env_remove("ORT_DYLIB_PATH").arg("--glimpse").arg(glimpse_path()).current_dir(project());
    println!("{}", run(&mut serve));
}
