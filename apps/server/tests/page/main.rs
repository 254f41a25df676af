//! The page in a browser: Debian's Chromium, driven by playwright-core. `make deps-browser` fetches both.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Prints a line where something is not installed, and fails where nothing may be skipped.
fn missing(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
    println!("skipped: {what}");
}

fn chromium() -> Option<&'static str> {
    let found = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(found)
}

struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// `None` where there is no ONNX Runtime.
    fn start() -> Option<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-serve"));
        command.current_dir(project()).args(["--port", "0", "--device", "cpu"]).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut said = String::new();
        let url = lines.by_ref().find_map(|line| {
            said += &line;
            Some(format!("http://{}/", line.split("http://").nth(1)?.split(' ').next()?))
        });
        std::thread::spawn(move || lines.for_each(drop));
        let Some(url) = url else {
            let _ = process.wait();
            assert!(said.contains("ONNX Runtime"), "{said}");
            missing(&said);
            return None;
        };
        Some(Self { process, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_page_is_used_with_mouse_keyboard_and_on_a_phone() {
    let modules = project().join(".deps/node");
    if !modules.join("node_modules/playwright-core").is_dir() {
        return missing("playwright-core is not there: make deps-browser");
    }
    let Some(chromium) = chromium() else {
        return missing("there is no Chromium: make deps-browser, or apt install chromium");
    };
    let path = Command::new("sh").args(["-c", &format!("command -v {chromium}")]).output().unwrap().stdout;
    let path = String::from_utf8(path).unwrap();
    let Some(server) = Server::start() else { return };
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&screenshots).unwrap();
    println!("screenshots are in {}", screenshots.display());
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.mjs"))
        .args([server.url.as_str(), path.trim()])
        .args([&project().join("assets/photos"), &screenshots, &modules])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
