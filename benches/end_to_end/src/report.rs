//! The tables, and `summary.json`.

use crate::measure::Times;
use anyhow::Result;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that one run of the bench found.
#[derive(Serialize)]
pub struct Summary {
    machine: String,
    cores: usize,
    /// UTC, year-month-day.
    date: String,
    /// ONNX Runtime's version in Glimpse.
    pub onnxruntime: String,
    pub rows: Vec<Row>,
    pub single: Vec<Single>,
}

/// One engine on one batch.
#[derive(Serialize)]
pub struct Row {
    pub model: &'static str,
    pub engine: String,
    pub task: String,
    pub photos: usize,
    #[serde(flatten)]
    pub times: Times,
    pub images_per_s: f64,
    /// Photos whose caption is that of Glimpse's f32 graphs.
    pub same_words: Option<usize>,
}

/// Something measured by itself.
#[derive(Serialize)]
pub struct Single {
    pub model: String,
    pub what: String,
    #[serde(flatten)]
    pub times: Times,
    pub peak_memory_mb: Option<f64>,
}

impl Summary {
    pub fn new() -> Self {
        Self {
            machine: processor(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            date: today(),
            onnxruntime: String::new(),
            rows: Vec::new(),
            single: Vec::new(),
        }
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, format!("{}\n", serde_json::to_string_pretty(self)?))?)
    }

    /// Prints a table for each model and batch, then what was measured by itself.
    pub fn print(&self) {
        println!("{}, {} cores, {}; median (minimum) in ms", self.machine, self.cores, self.date);
        let mut printed = Vec::new();
        for row in &self.rows {
            let key = (row.model, row.photos);
            if !printed.contains(&key) {
                printed.push(key);
                self.print_table(row.model, row.photos);
            }
        }
        if !self.single.is_empty() {
            println!("\n| | median (minimum) | peak memory |\n|---|---|---|");
        }
        for single in &self.single {
            let Single { model, what, times, peak_memory_mb } = single;
            let memory = peak_memory_mb.map_or(String::new(), |memory| format!("{memory:.0} MB"));
            println!("| {model}: {what} | {} | {memory} |", cell(times));
        }
    }

    /// A line an engine, a column a task; ratios are to Glimpse's own encoder.
    fn print_table(&self, model: &str, photos: usize) {
        let rows: Vec<_> =
            self.rows.iter().filter(|row| row.model == model && row.photos == photos).collect();
        let unique = |name: fn(&Row) -> &str| {
            let mut names: Vec<&str> = Vec::new();
            for row in &rows {
                if !names.contains(&name(row)) {
                    names.push(name(row));
                }
            }
            names
        };
        let (engines, tasks) = (unique(|row| &row.engine), unique(|row| &row.task));
        let encoder = rows.first().map_or(1.0, |row| row.times.median_ms);
        println!("\n{model}, batch {photos} (x: times Glimpse's encoder)\n");
        println!("| | {} |\n|---|{}", tasks.join(" | "), "---|".repeat(tasks.len()));
        for engine in engines {
            print!("| {engine} |");
            for task in &tasks {
                let row = rows.iter().find(|row| row.engine == engine && row.task == *task);
                let text = row.map_or(String::new(), |row| {
                    let other = row
                        .same_words
                        .filter(|same| *same < photos)
                        .map_or(String::new(), |same| format!(", {same}/{photos} same words"));
                    format!("{} {:.2}x{other}", cell(&row.times), row.times.median_ms / encoder)
                });
                print!(" {text} |");
            }
            println!();
        }
    }
}

fn cell(times: &Times) -> String {
    format!("{:.1} ({:.1})", times.median_ms, times.min_ms)
}

/// The processor's name, where the system reports it.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.into(), |(_, name)| name.to_string())
}

/// Days since 1970 to a date, as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{}-{month:02}-{day:02}", era * 400 + year + u64::from(month <= 2))
}
