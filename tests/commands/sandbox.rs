//! A folder that looks like the project's after a build, with the photos and data sets that the pages speak of.

use glimpse_tests::photos::CAPTIONS;
use glimpse_tests::places::{examples, project, shipped_bundle};
use glimpse_tests::programs::{
    cargo_variables, glimpse_path, glimpse_quantize_path, glimpse_serve_path, glimpse_train_path,
};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};
use tempfile::TempDir;

/// The official lists of Flickr8k, and what is before the names in this copy.
const LISTS: [(&str, &str); 3] = [
    ("Flickr_8k.trainImages.txt", "train"),
    ("Flickr_8k.devImages.txt", "dev"),
    ("Flickr_8k.testImages.txt", "test"),
];
const LIMIT: Duration = Duration::from_secs(300);

pub struct Sandbox {
    folder: TempDir,
    background: Vec<Child>,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for name in ["Makefile", "requirements", "assets", ".deps"] {
            symlink(project().join(name), at.join(name)).unwrap();
        }
        copy_folder(&shipped_bundle(), &at.join("models/flickr8k-edge"));
        symlink(project().join("models/backbones"), at.join("models/backbones")).unwrap();
        for (place, program) in [
            ("release", glimpse_path()),
            ("release", glimpse_train_path()),
            ("release", glimpse_quantize_path()),
            ("serve", glimpse_serve_path()),
        ] {
            // Not a link by name: a program looks for others beside itself.
            let folder = at.join("target").join(place);
            fs::create_dir_all(&folder).unwrap();
            let name = folder.join(program.file_name().unwrap());
            fs::hard_link(program, &name).or_else(|_| fs::copy(program, &name).map(drop)).unwrap();
        }
        write_photos(at);
        write_flickr8k(&at.join("flickr8k"));
        Self { folder, background: Vec::new() }
    }

    /// Runs commands as one script, in the folder.
    ///
    /// # Panics
    /// With what they printed, when one fails or they take longer than five minutes.
    pub fn run(&self, commands: &[String], place: &str) {
        let log = self.folder.path().join("log.txt");
        let mut child = self.bash(commands, &log);
        let start = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > LIMIT => {
                    kill(&child);
                    panic!("{place}: no end after {LIMIT:?}\n{}", fs::read_to_string(&log).unwrap());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        let printed = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        assert!(status.success(), "{place}: {status}\n{}\n---\n{printed}", commands.join("\n"));
        println!("{place}: {:.1} s", start.elapsed().as_secs_f64());
    }

    /// Starts a server, and waits until it answers.
    pub fn start(&mut self, command: &str) {
        let log = self.folder.path().join("server.txt");
        self.background.push(self.bash(&[command.to_string()], &log));
        let ready = "curl -sf --retry 600 --retry-connrefused --retry-delay 1 --retry-max-time 60 http://127.0.0.1:8080/health/ready";
        self.run(&[ready.to_string()], command);
    }

    fn bash(&self, commands: &[String], log: &Path) -> Child {
        let script = format!("set -euo pipefail\n{}", commands.join("\n"));
        let output = File::create(log).unwrap();
        let mut bash = Command::new("bash");
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("GLIMPSE_") || name.to_string_lossy().starts_with("MAKE") {
                bash.env_remove(name);
            }
        }
        for name in cargo_variables() {
            bash.env_remove(name);
        }
        let programs = [self.folder.path().join("bin"), self.folder.path().join("target/release")];
        let path = env::var_os("PATH").unwrap_or_default();
        bash.args(["-c", &script])
            .current_dir(self.folder.path())
            .env("PATH", env::join_paths(programs.into_iter().chain(env::split_paths(&path))).unwrap())
            .env("CARGO", "cargo")
            .env("CARGO_TARGET_DIR", "target")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0);
        bash.spawn().unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for child in &mut self.background {
            kill(child);
            let _ = child.wait();
        }
    }
}

/// Ends the command with all that it has started.
fn kill(child: &Child) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Photos under the names that the pages use.
fn write_photos(at: &Path) {
    let photo = |name: &str| examples().join(format!("{name}.jpg"));
    for (name, place) in [
        ("beach", "photo.jpg"),
        ("beach", "cat.jpg"),
        ("two-dogs", "dog.jpg"),
        ("beach", "photos/beach.jpg"),
        ("two-dogs", "photos/two-dogs.jpg"),
        ("canyon", "holiday/canyon.jpg"),
        ("two-dogs", "holiday/two-dogs.jpg"),
    ] {
        fs::create_dir_all(at.join(place).parent().unwrap()).unwrap();
        fs::copy(photo(name), at.join(place)).unwrap();
    }
    fs::create_dir(at.join("scans")).unwrap();
    image::open(photo("canyon")).unwrap().save(at.join("scans/canyon.png")).unwrap();
    // A page elsewhere, to which no test opens a connection.
    write_program(
        &at.join("bin/curl"),
        "case \"$*\" in *example.org*) cat photo.jpg ;; *) PATH=${PATH#*:} exec curl \"$@\" ;; esac",
    );
    // All that it would build is built.
    write_program(&at.join("bin/cargo"), "exit 0");
}

fn write_program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A small data set with Flickr8k's names.
fn write_flickr8k(at: &Path) {
    fs::create_dir_all(at.join("images")).unwrap();
    let (mut kaggle, mut tokens) = (String::from("image,caption\n"), String::new());
    for (list, prefix) in LISTS {
        let mut names = String::new();
        for (photo, caption) in CAPTIONS {
            let name = format!("{prefix}-{photo}.jpg");
            fs::copy(examples().join(format!("{photo}.jpg")), at.join("images").join(&name)).unwrap();
            for number in 0..5 {
                kaggle += &format!("{name},{caption} .\n");
                tokens += &format!("{name}#{number}\t{caption} .\n");
            }
            names += &format!("{name}\n");
        }
        fs::write(at.join(list), names).unwrap();
    }
    fs::write(at.join("captions.txt"), kaggle).unwrap();
    fs::write(at.join("Flickr8k.token.txt"), tokens).unwrap();
}
