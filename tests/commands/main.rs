//! The commands that the README and the other pages print do what a reader expects of them: they end without an error.
//! Each page has a folder of its own, in which its blocks run in their order, as they are printed.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod pages;
mod sandbox;

use pages::{Block, blocks};
use sandbox::Sandbox;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// What is not run here, by the beginning of the command, and why.
const NOT_RUN: [(&str, &str, &str); 8] = [
    ("CONTRIBUTING.md", "apt install", "needs the network"),
    ("CONTRIBUTING.md", "make test", "is what runs this"),
    ("docs/scale.md", "pip install", "needs the network"),
    ("docs/scale.md", "python -m glimpse.ray", "tests/wheel runs it, in an environment that has Ray"),
    ("docs/web.md", "make web", "builds a program; apps/web/tests/browser/main.rs does the same"),
    ("docs/web.md", "python3 -m http.server", "goes on; apps/web/tests/browser/web.mjs starts it too"),
    ("models/backbones/README.md", "pip install", "needs the network"),
    (
        "models/backbones/README.md",
        "python3 models/backbones/convert.py",
        "needs the package that it converts",
    ),
];
/// A command that goes on until it is stopped.
const SERVER: &str = "make serve";
/// Where the pages expect the server.
const PORT: u16 = 8080;

static ONE_SERVER: Mutex<()> = Mutex::new(());

fn starts_server(blocks: &[Block]) -> bool {
    blocks.iter().flat_map(|block| &block.commands).any(|command| command.starts_with(SERVER))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Runs the blocks of pages, in one folder: a page may go on from where another ends.
fn check(pages: &[&str]) {
    // Two pages that start a server want the same port.
    let serves = pages.iter().any(|page| starts_server(&blocks(page)));
    let _port = serves.then(|| ONE_SERVER.lock().unwrap_or_else(PoisonError::into_inner));
    let mut sandbox = Sandbox::new();
    pages.iter().for_each(|page| check_in(&mut sandbox, page));
}

fn check_in(sandbox: &mut Sandbox, page: &str) {
    let blocks = blocks(page);
    assert!(!blocks.is_empty(), "{page} prints no commands");
    if starts_server(&blocks) && !is_free(PORT) {
        assert!(std::env::var_os("CI").is_none(), "port {PORT} is in use");
        println!("skipped: {page} starts a server on port {PORT}, which is in use");
        return;
    }
    let named: Vec<_> = NOT_RUN.iter().filter(|(of, ..)| *of == page).collect();
    for (_, start, _) in &named {
        let found = blocks.iter().flat_map(|block| &block.commands).any(|command| command.starts_with(start));
        assert!(found, "{page} has no command {start:?} any more: remove it from NOT_RUN");
    }
    for block in blocks {
        let place = format!("{page}:{}", block.line);
        let mut commands = Vec::new();
        for command in block.commands {
            if let Some((_, _, reason)) = named.iter().find(|(_, start, _)| command.starts_with(start)) {
                println!("{place}: not run, as it {reason}: {command}");
            } else if command.trim_end_matches(" &") == SERVER {
                sandbox.run(&std::mem::take(&mut commands), &place);
                sandbox.start(SERVER);
            } else {
                commands.push(command);
            }
        }
        sandbox.run(&commands, &place);
    }
}

macro_rules! pages {
    ($($name:ident: $($page:literal)+,)*) => {
        const PAGES: &[&str] = &[$($($page),+),*];
        $(#[test] fn $name() { check(&[$($page),+]); })*
    };
}

pages! {
    readme_and_training: "README.md" "docs/training.md",
    contributing: "CONTRIBUTING.md",
    bundle: "docs/bundle.md",
    evaluation: "docs/evaluation.md",
    generation: "docs/generation.md",
    scale: "docs/scale.md",
    serve: "docs/serve.md",
    web: "docs/web.md",
    backbones: "models/backbones/README.md",
}

#[test]
fn every_page_with_commands_is_here() {
    for page in glimpse_tests::places::pages() {
        let name = page.strip_prefix(glimpse_tests::places::project()).unwrap().to_str().unwrap();
        assert_eq!(!blocks(name).is_empty(), PAGES.contains(&name), "{name}");
    }
}
