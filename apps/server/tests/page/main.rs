//! The page of a running server in a browser.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

#[path = "../../../page/tests/browser/mod.rs"]
mod browser;

use browser::{Browser, missing, project};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
    let Some(browser) = Browser::find("page") else { return };
    let Some(server) = Server::start() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.mjs");
    let (photos, bundle) = (project().join("assets/photos"), project().join("models/flickr8k-edge"));
    let mut arguments: Vec<&OsStr> = vec![server.url.as_ref(), photos.as_ref()];
    // The whole workspace's tests build it beside the server.
    let glimpse = Path::new(env!("CARGO_BIN_EXE_glimpse-serve")).with_file_name("glimpse");
    if glimpse.is_file() {
        arguments.extend([glimpse.as_os_str(), bundle.as_os_str()]);
    } else {
        missing("the line of the program is not run: cargo build -p glimpse-cli");
    }
    browser.run(&script, &arguments);
}
