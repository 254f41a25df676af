//! A fixed number of inputs, each made from its number, on stable Rust.

use crate::{Target, heap, mutate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time that reading one input may take. Programs without optimisation are slower.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });
/// A busy machine makes one run slow, hardly three in a row.
const TRIES: usize = 3;

/// The inputs of a target, by number.
#[derive(Debug)]
pub struct Inputs {
    target: &'static Target,
    seeds: Vec<Vec<u8>>,
    seed: u64,
}

impl Inputs {
    /// The inputs of `target` that follow from `seed`.
    ///
    /// # Panics
    /// Where a file of the seeds is missing.
    pub fn new(target: &'static Target, seed: u64) -> Self {
        Self { target, seeds: (target.seeds)(), seed }
    }

    /// Valid inputs, unchanged.
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// The input of this number: the first ones are the seeds themselves.
    pub fn get(&self, number: u64) -> Vec<u8> {
        if let Some(seed) = usize::try_from(number).ok().and_then(|number| self.seeds.get(number)) {
            return seed.clone();
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number);
        let random = &mut random;
        let mut input = self.seeds[random.random_range(0..self.seeds.len())].clone();
        if random.random_ratio(1, 20) {
            // The beginning of one, the end of another.
            let other = &self.seeds[random.random_range(0..self.seeds.len())];
            input.truncate(random.random_range(0..=input.len()));
            input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
        }
        match random.random_range(0..10) {
            0..3 => mutate::bytes(&input, random),
            3..9 => (self.target.mutate)(&input, random),
            _ => mutate::bytes(&(self.target.mutate)(&input, random), random),
        }
    }
}

/// Something that a reader must not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Number of the input.
    pub number: u64,
    /// What happened, and where in the code.
    pub what: String,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Inputs that were read.
    pub executions: u64,
    /// The longest time that one took.
    pub slowest: Duration,
    /// The most heap that one took, in bytes.
    pub most_heap: usize,
    /// One for each place in the code.
    pub findings: Vec<Finding>,
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what a panic says, and where it happened, and prints nothing.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let what = format!("{message}{}", place.unwrap_or_default());
        PANIC.with_borrow_mut(|kept| *kept = what);
    }));
}

/// Reads one input; the error says what the reader did that it must not.
fn read(target: &Target, input: &[u8], outcome: &mut Outcome) -> Result<(), String> {
    let mut shortest = Duration::MAX;
    for _ in 0..TRIES {
        let (before, start) = (heap::start(), Instant::now());
        let run = catch_unwind(AssertUnwindSafe(|| {
            (target.run)(input);
            outcome.most_heap = outcome.most_heap.max(heap::taken(before));
            heap::check(target, before);
        }));
        run.map_err(|_| PANIC.with_borrow(Clone::clone))?;
        shortest = shortest.min(start.elapsed());
        if shortest <= LONGEST {
            break;
        }
    }
    outcome.slowest = outcome.slowest.max(shortest);
    if shortest > LONGEST {
        return Err(format!("it took {:.1} s", shortest.as_secs_f32()));
    }
    Ok(())
}

/// Reads the inputs with these numbers. The number of each is written to `position` before it is read, so that whoever
/// watches knows which one ended the process.
///
/// # Errors
/// `position` cannot be written.
pub fn run(
    inputs: &Inputs,
    numbers: std::ops::Range<u64>,
    position: Option<&File>,
) -> std::io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut known = BTreeSet::new();
    for number in numbers {
        if let Some(position) = position {
            position.write_all_at(&number.to_le_bytes(), 0)?;
        }
        outcome.executions += 1;
        let Err(what) = read(inputs.target, &inputs.get(number), &mut outcome) else { continue };
        // Messages differ in their numbers; the place in the code does not.
        let place = what.rsplit(" at ").next().unwrap_or(&what).to_string();
        if known.insert(place) {
            outcome.findings.push(Finding { number, what });
        }
    }
    Ok(outcome)
}

/// Reads a file that was found before.
///
/// # Errors
/// What the reader did that it must not.
///
/// # Panics
/// The file is missing.
pub fn read_file(target: &'static Target, file: &Path) -> Result<(), String> {
    let input = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    read(target, &input, &mut Outcome::default())
}
