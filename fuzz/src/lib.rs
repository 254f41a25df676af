//! Damaged input for everything that reads files and requests.
//!
//! A [`Target`] is one reader: a few valid inputs, a way to change them, and a function that reads one and panics where
//! something is wrong. [`TARGETS`] lists them. Two programs run them:
//!
//! - `glimpse-fuzz` (`src/main.rs`), on stable Rust: a fixed number of changed inputs, each of which can be made again
//!   from its number. CI runs it.
//! - the programs of `fuzz_targets/`, for `cargo fuzz`, which looks for inputs that reach new code.
//!
//! What a reader must not do, whatever it is given: panic, take more heap than the target allows, take more than
//! seconds, or fail with an error of more than one line.

pub mod harness;
pub mod heap;
pub mod mutate;
mod scratch;
mod targets;
mod zip;

pub use targets::TARGETS;

use rand_chacha::ChaCha8Rng;
use std::fmt::Display;

/// A reader of input from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line and in `fuzz_targets/`.
    pub name: &'static str,
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// A change that keeps some of the input's structure; bytes are changed besides.
    pub mutate: fn(&[u8], &mut ChaCha8Rng) -> Vec<u8>,
    /// Reads an input. Panics where the reader does what it must not.
    pub run: fn(&[u8]),
    /// Heap that reading one input may take, in bytes.
    pub max_heap: usize,
}

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs the target of this name on an input of libFuzzer's.
///
/// # Panics
/// Where the reader does what it must not, or no target has this name.
pub fn run(name: &str, input: &[u8]) {
    let target = target(name).unwrap_or_else(|| panic!("no target is called {name}"));
    let before = heap::start();
    (target.run)(input);
    heap::check(target, before);
}

/// Longest message that a person still reads.
const MAX_MESSAGE: usize = 1000;

/// Refuses an error that is not one line of a bearable length.
fn check_error(error: impl Display) {
    let message = error.to_string();
    assert!(!message.is_empty(), "an error without a message");
    assert!(!message.contains(['\n', '\r']), "an error of several lines: {message:?}");
    assert!(message.len() <= MAX_MESSAGE, "an error of {} bytes: {message:.200}", message.len());
}
