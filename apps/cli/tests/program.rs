//! Wrong use of `glimpse` that needs no bundle to be refused, and variables of the environment. Tests of other uses are
//! in the crate `tests`.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `glimpse` in an empty folder, where it finds no bundle.
fn glimpse(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_glimpse");
    let command = Command::new(program).args(arguments).current_dir(folder).env_clear().output();
    let Output { status, stdout, stderr } = command.expect("glimpse starts");
    assert!(stdout.is_empty(), "wrong use writes nothing to stdout");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

#[test]
fn wrong_use_is_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, message) in [
        (&["caption"][..], "PHOTO"),
        (&["caption", "x.jpg", "--device", "gpu"], "use auto, cpu, cuda or cuda:INDEX"),
        (&["caption", "x.jpg", "--threads", "0"], "from 1 to 1024"),
        (&["caption", "x.jpg", "--batch-size", "0"], "from 1 to 100000"),
        (&["caption", "-", "-"], "give it once"),
        (&["caption", "x.jpg", "--num-beams", "-1"], "-1: a negative number is not possible here"),
        (&["caption", "x.jpg", "--early-stopping", "perhaps"], "false, true, never"),
        (&["caption", "x.jpg", "--do-sample=perhaps"], "--do-sample"),
        (&["caption", "x.jpg", "--top-k", "all"], "--top-k"),
        (&["caption", "x.jpg", "--model", "nowhere"], "nowhere is not a bundle"),
        (&["inspect", "nowhere"], "nowhere is not a bundle"),
        (&["inspect", ".", "--atol", "1"], "--reference"),
    ] {
        let (code, stderr) = glimpse(folder.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message) && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_flag_may_also_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
    command.args(["caption", "x.jpg"]).current_dir(folder.path()).env("GLIMPSE_MODEL", "elsewhere");
    let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert_eq!(stderr.trim_end(), "error: elsewhere is not a bundle: no such folder");
    // A flag wins over the variable of an option that takes its place.
    command.args(["--max-length", "9"]).env("GLIMPSE_MAX_NEW_TOKENS", "3");
    let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert_eq!(stderr.trim_end(), "error: elsewhere is not a bundle: no such folder");
}

/// `glimpse caption` with greedy search, the shipped bundle and an example photo.
fn caption(flags: &[&str], variables: &[(&str, &str)]) -> Output {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GLIMPSE_") {
            command.env_remove(name);
        }
    }
    let library = project.join(".deps/onnxruntime/capi");
    if std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir() {
        command.env("ORT_DYLIB_PATH", library);
    }
    command.args(["caption", "--json", "--device", "cpu", "--num-beams", "1"]).args(flags);
    command.arg("--model").arg(project.join("models/flickr8k-edge"));
    command.arg(project.join("assets/photos/beach.jpg")).envs(variables.iter().copied());
    command.output().unwrap()
}

/// These options have no effect on greedy search. As variables they are for other calls; as flags they are a mistake.
#[test]
fn options_without_effect_are_ignored_as_variables_and_refused_as_flags() {
    let options = [
        ("top-p", "0.9"),
        ("temperature", "0.7"),
        ("seed", "7"),
        ("diversity-penalty", "0.5"),
        ("early-stopping", "true"),
    ];
    for (option, value) in options {
        let flag = format!("--{option}");
        let output = caption(&[&flag, value], &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.lines().count() == 1, "{flag}: {output:?}");
        assert!(stderr.contains(option) || stderr.contains(&option.replace('-', "_")), "{flag}: {stderr}");
    }

    let expected = caption(&[], &[]);
    if String::from_utf8_lossy(&expected.stderr).contains("no ONNX Runtime found") {
        println!("skipped: there is no ONNX Runtime (make deps)");
        return;
    }
    assert_eq!(expected.status.code(), Some(0), "{expected:?}");
    assert!(!expected.stdout.is_empty());
    for (option, value) in options {
        let variable = format!("GLIMPSE_{}", option.to_uppercase().replace('-', "_"));
        let found = caption(&[], &[(&variable, value)]);
        assert_eq!(found.status.code(), Some(0), "{variable}: {found:?}");
        assert_eq!(found.stdout, expected.stdout, "{variable}");
        assert!(found.stderr.is_empty(), "{variable}: {found:?}");
    }
}
