//! What drives a browser in tests: Debian's Chromium by playwright-core. `make deps-browser` fetches both.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Prints a line where something is not installed, and fails where nothing may be skipped.
pub fn missing(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
    println!("skipped: {what}");
}

/// A browser, and what drives it.
pub struct Browser {
    chromium: String,
    modules: PathBuf,
    screenshots: PathBuf,
}

impl Browser {
    /// `None`, with a line, where one of them is not installed. Screenshots go to a folder of the tests' own.
    pub fn find(screenshots: &str) -> Option<Self> {
        let modules = project().join(".deps/node");
        if !modules.join("node_modules/playwright-core").is_dir() {
            missing("playwright-core is not there: make deps-browser");
            return None;
        }
        let Some(chromium) = chromium() else {
            missing("there is no Chromium: make deps-browser, or apt install chromium");
            return None;
        };
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join(screenshots);
        std::fs::create_dir_all(&screenshots).unwrap();
        println!("screenshots are in {}", screenshots.display());
        Some(Self { chromium, modules, screenshots })
    }

    /// Runs a script with the browser's path, the folder of its modules, that of screenshots, and `arguments`.
    pub fn run(&self, script: &Path, arguments: &[&OsStr]) {
        let Self { chromium, modules, screenshots } = self;
        let mut command = Command::new("node");
        command.arg(script).arg(chromium).args([modules, screenshots]).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        println!("{}", text(&output.stdout));
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

fn chromium() -> Option<String> {
    let works = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let name = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(works)?;
    let path = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap().stdout;
    Some(String::from_utf8(path).unwrap().trim().to_owned())
}
