//! Long runs in one process: `make soak`. Ends with an error where memory grows, a descriptor is lost or a caption
//! changes.
//!
//! 1. One stream of `--captions` captions: resident memory after the first tenth and at the end, descriptors.
//! 2. Eight threads on one captioner for `--seconds`, each with options of its own in turn: all captions are those that
//!    one thread got.
//!
//! `make thread-sanitizer` runs both under ThreadSanitizer, which needs memory of its own: `--any-memory`.

#![allow(clippy::unwrap_used)] // A bench that cannot go on ends.

use glimpse_bundle::GenerationConfig;
use glimpse_runtime::{Caption, Captioner, CaptionerOptions, Device, StreamOptions, disable_telemetry};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How far resident memory may be from that of the first tenth.
const ALLOWED_GROWTH: f64 = 1.02;
const THREADS: usize = 8;

fn main() {
    // SAFETY: no other thread runs yet.
    unsafe { disable_telemetry() };
    let number = |flag: &str, default: usize| {
        let mut arguments = std::env::args().skip_while(|argument| argument != flag).skip(1);
        arguments.next().map_or(default, |value| value.parse().unwrap())
    };
    let (captions, seconds) = (number("--captions", 20_000), number("--seconds", 600));
    let allowed_growth = if std::env::args().any(|argument| argument == "--any-memory") {
        f64::INFINITY
    } else {
        ALLOWED_GROWTH
    };
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = CaptionerOptions::default().with_device(Device::Cpu);
    let captioner = Captioner::open(project.join("models/flickr8k-edge"), &options).unwrap();
    let entries = fs::read_dir(project.join("assets/photos")).unwrap();
    let mut photos: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    photos.retain(|path| path.extension().is_some_and(|end| end == "jpg"));
    photos.sort();
    stream(&captioner, &photos, captions, allowed_growth);
    threads(&captioner, &photos, Duration::from_secs(seconds as u64));
}

fn stream(captioner: &Captioner, photos: &[PathBuf], captions: usize, allowed_growth: f64) {
    let start = Instant::now();
    let generation = captioner.generation_config().clone();
    let endless = photos.iter().cloned().cycle().take(captions);
    let answers = captioner.stream(endless, &generation, StreamOptions::default().with_threads(2)).unwrap();
    let mut first = (0.0, 0);
    for (number, answer) in answers.enumerate() {
        assert!(!answer.unwrap().captions.is_empty());
        if number + 1 == captions / 10 {
            first = (resident_megabytes(), descriptors());
        }
    }
    let last = (resident_megabytes(), descriptors());
    println!(
        "stream: {captions} captions in {:.0} s; memory {:.1} MB after {}, {:.1} MB at the end; descriptors {} and {}",
        start.elapsed().as_secs_f64(),
        first.0,
        captions / 10,
        last.0,
        first.1,
        last.1
    );
    assert!(last.0 <= first.0 * allowed_growth, "memory grows");
    assert_eq!(last.1, first.1, "descriptors are lost");
}

fn threads(captioner: &Captioner, photos: &[PathBuf], limit: Duration) {
    let settings: Vec<GenerationConfig> = [(1, 0), (3, 0), (5, 2), (2, 2)]
        .map(|(num_beams, size)| {
            captioner.generation_config().clone().with_num_beams(num_beams).with_no_repeat_ngram_size(size)
        })
        .into();
    let ids =
        |captions: Vec<Caption>| captions.into_iter().map(|caption| caption.token_ids).collect::<Vec<_>>();
    let caption = |work: usize| {
        let photo = photos[work % photos.len()].as_path();
        ids(captioner.caption(photo, &settings[work / photos.len() % settings.len()]).unwrap())
    };
    let kinds = photos.len() * settings.len();
    let expected: Vec<_> = (0..kinds).map(caption).collect();
    let done = AtomicUsize::new(0);
    let (start, memory) = (Instant::now(), resident_megabytes());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while start.elapsed() < limit {
                    let work = done.fetch_add(1, Ordering::Relaxed) % kinds;
                    assert_eq!(caption(work), expected[work]);
                }
            });
        }
    });
    println!(
        "{THREADS} threads: {} captions in {:.0} s, all as one thread got them; memory {memory:.1} MB before, {:.1} MB at the end",
        done.into_inner(),
        start.elapsed().as_secs_f64(),
        resident_megabytes()
    );
}

fn resident_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1000.0
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
