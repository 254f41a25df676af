//! What `glimpse` says to wrong use, as far as that needs no bundle. The rest is in the crate `tests`.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `glimpse` in an empty folder, where no bundle is found by chance.
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
    for (arguments, says) in [
        (&["caption"][..], "PHOTO"),
        (&["caption", "x.jpg", "--device", "gpu"], "use auto, cpu, cuda or cuda:INDEX"),
        (&["caption", "x.jpg", "--threads", "0"], "from 1 to 1024"),
        (&["caption", "x.jpg", "--batch-size", "0"], "from 1 to 100000"),
        (&["caption", "-", "-"], "give it once"),
        (&["caption", "x.jpg", "--early-stopping", "perhaps"], "false, true, never"),
        (&["caption", "x.jpg", "--do-sample=perhaps"], "--do-sample"),
        (&["caption", "x.jpg", "--top-k", "all"], "--top-k"),
        (&["caption", "x.jpg", "--model", "nowhere"], "nowhere is not a bundle"),
        (&["inspect", "nowhere"], "nowhere is not a bundle"),
        (&["inspect", ".", "--atol", "1"], "--reference"),
    ] {
        let (code, stderr) = glimpse(folder.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says) && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_flag_may_also_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse"));
    command.args(["caption", "x.jpg"]).current_dir(folder.path()).env("GLIMPSE_MODEL", "elsewhere");
    let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert_eq!(stderr.trim_end(), "error: elsewhere is not a bundle: no such folder");
}
