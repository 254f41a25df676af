//! The program: how it starts, and how it ends.

#![cfg(unix)]

use crate::client::{captioner, get, library, photo, project, try_post};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SLOW: &str = "/v1/captions?num_beams=32&max_length=60&min_length=50";

struct Program {
    process: Child,
    address: SocketAddr,
}

/// What becomes of the program's standard error after its first lines.
#[derive(PartialEq)]
enum Log {
    Read,
    Closed,
}

impl Program {
    fn start() -> Option<Self> {
        Self::start_with_log(Log::Read)
    }

    fn start_with_log(log: Log) -> Option<Self> {
        // Says whether there is an ONNX Runtime.
        captioner()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-serve"));
        command.current_dir(project()).stderr(Stdio::piped()).args(["--port", "0", "--device", "cpu"]);
        command.envs(library().map(|library| ("GLIMPSE_ORT_LIB", library)));
        let mut process = command.env("GLIMPSE_BATCH_SIZE", "1").spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address =
            lines.find_map(|line| Some(line.split("http://").nth(1)?.split(' ').next()?.parse().unwrap()));
        let address = address.unwrap();
        if log == Log::Read {
            thread::spawn(move || lines.for_each(drop));
        }
        Some(Self { process, address })
    }

    fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            if start.elapsed() > Duration::from_secs(60) {
                panic!("the program does not end");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until so many photos are admitted.
    fn wait_for_photos(&self, photos: usize) {
        let line = format!("glimpse_queue_photos {photos}");
        let start = Instant::now();
        while !get(self.address, "/metrics").text.lines().any(|found| found == line) {
            assert!(start.elapsed() < Duration::from_secs(10), "{photos} photos are not admitted");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A log that nobody reads does not keep the server from ending.
#[test]
fn it_ends_although_its_log_is_closed() {
    let Some(mut program) = Program::start_with_log(Log::Closed) else { return };
    assert_eq!(get(program.address, "/health/live").status, 200);
    program.terminate();
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn what_is_here_is_answered_before_the_end() {
    let Some(mut program) = Program::start() else { return };
    let address = program.address;
    let beach = photo("beach.jpg");
    assert_eq!(get(address, "/health/ready").status, 200);
    let statuses: Vec<_> = thread::scope(|scope| {
        let ask = || try_post(address, SLOW, "image/jpeg", &beach).unwrap().status;
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        program.wait_for_photos(8);
        program.terminate();
        let start = Instant::now();
        while get(address, "/health/ready").status != 503 {
            assert!(start.elapsed() < Duration::from_secs(5), "readiness stays");
        }
        assert_eq!(get(address, "/health/live").status, 200);
        let late = try_post(address, SLOW, "image/jpeg", &beach).unwrap();
        assert_eq!((late.status, late.headers.contains_key("retry-after")), (503, true));
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 8]);
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let Some(mut program) = Program::start() else { return };
    let address = program.address;
    let beach = photo("beach.jpg");
    let unanswered = thread::scope(|scope| {
        let ask = || try_post(address, SLOW, "image/jpeg", &beach).is_err();
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        program.wait_for_photos(8);
        program.terminate();
        while get(address, "/health/ready").status != 503 {}
        program.terminate();
        clients.into_iter().map(|client| client.join().unwrap()).filter(|unanswered| *unanswered).count()
    });
    assert!(unanswered > 0);
    assert_eq!(program.end().code(), Some(130));
}

#[test]
fn wrong_use_is_exit_code_2() {
    let serve = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-serve"));
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, says) in [
        (&["--model", "nowhere"][..], "nowhere is not a bundle"),
        (&["--queue-size", "0"], "not a whole number from 1"),
        (&["--header-timeout", "soon"], "not a number of seconds"),
        (&["--host", "example.org"], "--host"),
    ] {
        let (code, stderr) = serve(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(says), "{arguments:?}: {stderr}");
    }
}
