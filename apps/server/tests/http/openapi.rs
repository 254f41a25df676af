//! schemathesis, which sends what the description allows and what it does not, finds nothing.

use crate::client::Server;
use std::process::Command;

/// Not checked: that all that the schema allows is accepted. No schema says which bytes are a photo, or which options
/// contradict each other.
const LEFT_OUT: &str = "positive_data_acceptance";

#[test]
fn schemathesis_finds_nothing() {
    let Some(server) = Server::shared() else { return };
    let missing = |what: &str| {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
        println!("skipped: {what}");
    };
    let Some(python) = std::env::var_os("GLIMPSE_PYTHON") else {
        return missing("GLIMPSE_PYTHON names no interpreter with schemathesis: make deps-python");
    };
    if !Command::new(&python)
        .args(["-c", "import schemathesis"])
        .output()
        .is_ok_and(|run| run.status.success())
    {
        return missing("schemathesis is not installed (it needs Python 3.11): make deps-python");
    }
    let output = Command::new(&python)
        .args(["-m", "schemathesis.cli", "run", &format!("http://{}/openapi.json", server.address)])
        .args(["--exclude-checks", LEFT_OUT, "--max-examples", "20", "--seed", "1", "--no-color"])
        // It writes what it learned into its working directory.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Tested: 7"), "{text}");
}
