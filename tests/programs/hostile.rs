//! Bundles made to do harm: each ends in one line and exit code 2, in little time and memory.
//!
//! `bundle/tests/hostile.rs` has more rows of each kind; here are those that once aborted the program, hung it or took
//! gigabytes. A bundle is a copy of the tests' own, changed and sealed again.

#![cfg(target_os = "linux")] // Memory is read from /proc.

use crate::{DONE, WRONG_USE, copy_of_bundle, example};
use glimpse_bundle::seal;
use glimpse_export::proto::{
    AttributeProto, AttributeType, DataLocation, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
};
use glimpse_tests::programs::{Outcome, glimpse};
use prost::Message;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Processor time that a refusal may take, on all cores together.
const MAX_CPU: Duration = Duration::from_secs(2);
/// Memory that it may take, in kB.
const MAX_KB: u64 = 600_000;
/// A program that runs longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program ended and what it took.
struct Measured {
    outcome: Outcome,
    cpu: Duration,
    peak_kb: u64,
}

/// Runs the command; one that hangs is killed and has no exit code.
fn measure(command: &mut Command) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    let process = PathBuf::from("/proc").join(child.id().to_string());
    let start = Instant::now();
    let (mut cpu, mut peak_kb) = (Duration::ZERO, 0);
    let status = loop {
        // Once it has ended, the last values stand.
        cpu = cpu_of(&process).unwrap_or(cpu);
        peak_kb = peak_of(&process).unwrap_or(0).max(peak_kb);
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let lines = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).lines().map(String::from).collect();
    Measured { outcome: Outcome { code: status, stdout: lines(&out), stderr: lines(&err) }, cpu, peak_kb }
}

fn cpu_of(process: &Path) -> Option<Duration> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // User and system time are fields 14 and 15, in hundredths of a second; field 2 may hold blanks.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let hundredths: u64 = fields.get(11..13)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(hundredths * 10))
}

fn peak_of(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn caption(bundle: &Path) -> Command {
    let mut command = glimpse();
    command.args(["caption", "--device", "cpu", "--json", "--num-beams", "2", "--model"]);
    command.arg(bundle).arg(example("beach.jpg"));
    command
}

fn inspect(bundle: &Path) -> Command {
    let mut command = glimpse();
    command.arg("inspect").arg(bundle);
    command
}

fn edit(bundle: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let path = bundle.join(name);
    let mut content = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut content);
    fs::write(path, content.to_string()).unwrap();
    seal(bundle).unwrap();
}

/// Changes a graph and leaves the sums as they are.
fn edit_graph(path: &Path, change: impl FnOnce(&mut GraphProto)) {
    let mut model = ModelProto::decode(fs::read(path).unwrap().as_slice()).unwrap();
    change(model.graph.as_mut().unwrap());
    fs::write(path, model.encode_to_vec()).unwrap();
}

/// Moves the largest weight of a graph into another file, which the graph calls `location`.
fn externalize(bundle: &Path, location: &str) {
    edit_graph(&bundle.join("decoder_model.onnx"), |graph| {
        let size = |data: &Option<prost::bytes::Bytes>| data.as_ref().map_or(0, |data| data.len());
        let tensor = graph.initializer.iter_mut().max_by_key(|tensor| size(&tensor.raw_data)).unwrap();
        let data = tensor.raw_data.take().unwrap();
        fs::write(bundle.join("w.bin"), &data).unwrap();
        let length = data.len().to_string();
        let entries = [("location", location), ("offset", "0"), ("length", &length)];
        tensor.external_data = entries
            .map(|(key, value)| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) })
            .into();
        tensor.data_location = Some(DataLocation::External.into());
    });
    seal(bundle).unwrap();
}

/// Puts a loop into the encoder; how often it would run is not looked at.
fn endless_loop(bundle: &Path) {
    edit_graph(&bundle.join("encoder_model.onnx"), |graph| {
        let body = AttributeProto {
            name: Some("body".into()),
            g: Some(GraphProto { name: Some("body".into()), ..Default::default() }),
            r#type: Some(AttributeType::Graph.into()),
            ..Default::default()
        };
        graph.node.push(NodeProto {
            op_type: Some("Loop".into()),
            attribute: vec![body],
            ..Default::default()
        });
    });
    seal(bundle).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn optimize(bundle: &Path) -> Vec<PathBuf> {
    let outcome = Outcome::of(glimpse().args(["optimize", "--json"]).arg(bundle));
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    let kept: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
    kept.as_array().unwrap().iter().map(|graph| graph["folder"].as_str().unwrap().into()).collect()
}

/// What is wrong, how the bundle is made, and what the one line says.
type Row = (&'static str, fn(&Path), &'static [&'static str]);

const ROWS: [Row; 14] = [
    (
        "a tokenizer's decoder that strips more than there is",
        |bundle| {
            let strip = json!({"type": "Strip", "content": "a", "start": u32::MAX, "stop": u32::MAX});
            edit(bundle, "tokenizer.json", |file| file["decoder"] = strip);
        },
        &["tokenizer.json", "`decoder`"],
    ),
    (
        "a tokenizer's decoder that expands",
        |bundle| {
            let grow = json!({"type": "Replace", "pattern": {"Regex": "."}, "content": "aaaaaaaaaa"});
            edit(bundle, "tokenizer.json", |file| {
                file["decoder"] = json!({"type": "Sequence", "decoders": vec![grow; 12]});
            });
        },
        &["tokenizer.json", "`decoder`"],
    ),
    (
        "a vocabulary of 200,000 words and more",
        |bundle| {
            edit(bundle, "tokenizer.json", |file| {
                let vocab = file["model"]["vocab"].as_object_mut().unwrap();
                (vocab.len()..=200_000).for_each(|id| {
                    vocab.insert(format!("w{id}"), json!(id));
                });
            });
        },
        &["tokenizer.json", "at most 200000 tokens"],
    ),
    (
        "a vocabulary of millions of words",
        |bundle| {
            // Refused by its size, whatever it holds.
            fs::write(bundle.join("tokenizer.json"), "\"word\": 4, ".repeat(1_600_000)).unwrap();
            seal(bundle).unwrap();
        },
        &["tokenizer.json", "at most 16777216"],
    ),
    (
        "photos of 16384 x 16384",
        |bundle| {
            edit(bundle, "preprocessor_config.json", |config| {
                config["size"] = json!({"height": 16384, "width": 16384});
            });
        },
        &["preprocessor size", "16384x16384", "1024"],
    ),
    (
        "10,000 beams",
        |bundle| edit(bundle, "generation_config.json", |config| config["num_beams"] = json!(10_000)),
        &["num_beams", "10000 is too many", "at most 1000"],
    ),
    (
        "captions without an end",
        |bundle| edit(bundle, "generation_config.json", |config| config["max_length"] = json!(1u64 << 62)),
        &["max_length", "4611686018427387904 is too many"],
    ),
    (
        "features of a thousand million",
        |bundle| edit(bundle, "config.json", |config| config["embed_dim"] = json!(1_000_000_000)),
        &["embed_dim is 1000000000", "32768"],
    ),
    (
        "weights in a listed file that was changed afterwards",
        |bundle| {
            externalize(bundle, "w.bin");
            let path = bundle.join("w.bin");
            let changed: Vec<_> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x80).collect();
            fs::write(path, changed).unwrap();
        },
        &["w.bin does not match SHA256SUMS"],
    ),
    (
        "weights in a file that never ends",
        |bundle| externalize(bundle, "/proc/kmsg"),
        &["decoder_model.onnx", "/proc/kmsg", "SHA256SUMS does not list"],
    ),
    (
        "a list that leads out of the folder",
        |bundle| {
            let path = bundle.join("SHA256SUMS");
            let line = format!("{}  /proc/kmsg\n", "0".repeat(64));
            fs::write(&path, fs::read_to_string(&path).unwrap() + &line).unwrap();
        },
        &["SHA256SUMS lists \"/proc/kmsg\""],
    ),
    (
        "a pipe in place of a file",
        |bundle| {
            fs::remove_file(bundle.join("generation_config.json")).unwrap();
            fifo(&bundle.join("generation_config.json"));
        },
        &["generation_config.json is a pipe"],
    ),
    (
        "a link to a device",
        |bundle| {
            fs::remove_file(bundle.join("tokenizer.json")).unwrap();
            std::os::unix::fs::symlink("/dev/zero", bundle.join("tokenizer.json")).unwrap();
        },
        &["tokenizer.json is a device"],
    ),
    ("a loop in the encoder", endless_loop, &["encoder_model.onnx", "\"Loop\""]),
];

#[track_caller]
fn assert_refused(kind: &str, command: &mut Command, words: &[&str]) {
    let Measured { outcome, cpu, peak_kb } = measure(command);
    assert_eq!(outcome.code, Some(WRONG_USE), "{kind}: {outcome:#?}");
    assert!(outcome.stdout.is_empty(), "{kind}: {outcome:#?}");
    assert_eq!(outcome.stderr.len(), 1, "{kind}: {outcome:#?}");
    for word in words {
        assert!(outcome.stderr[0].contains(word), "{kind}: {:?} does not say {word:?}", outcome.stderr[0]);
    }
    assert!(cpu < MAX_CPU, "{kind}: {cpu:?}");
    assert!(peak_kb < MAX_KB, "{kind}: {peak_kb} kB");
}

#[test]
fn each_kind_ends_in_one_line() {
    for (kind, make, words) in ROWS {
        let copy = copy_of_bundle();
        make(copy.path());
        assert_refused(kind, &mut caption(copy.path()), words);
        assert_refused(kind, &mut inspect(copy.path()), words);
    }
}

#[test]
fn listed_weights_in_another_file_run() {
    let copy = copy_of_bundle();
    let expected = Outcome::of(&mut caption(copy.path()));
    externalize(copy.path(), "w.bin");
    let found = Outcome::of(&mut caption(copy.path()));
    assert_eq!((found.code, found.stdout), (Some(DONE), expected.stdout));
}

/// A kept graph is as hostile as any other file.
#[test]
fn kept_graphs_are_looked_at_before_they_are_opened() {
    let copy = copy_of_bundle();
    let expected = Outcome::of(&mut caption(copy.path())).json(DONE);
    let kept = optimize(copy.path());

    // A record that fits, of a graph that would have another file opened.
    let decoder = &kept[1];
    let record = fs::read_to_string(decoder.join("record.json")).unwrap();
    let sum = |name: &str| glimpse_bundle::sha256_of_file(&decoder.join(name)).unwrap();
    let before = sum("model.onnx");
    edit_graph(&decoder.join("model.onnx"), |graph| {
        for entry in graph.initializer.iter_mut().flat_map(|tensor| &mut tensor.external_data) {
            if entry.key() == "location" {
                entry.value = Some("/proc/kmsg".into());
            }
        }
    });
    assert!(record.contains(&before));
    fs::write(decoder.join("record.json"), record.replace(&before, &sum("model.onnx"))).unwrap();
    assert_eq!(measure(&mut caption(copy.path())).outcome.json(DONE), expected, "the bundle's own graph ran");

    // A record of another graph, of another ONNX Runtime, of another processor, and one that is none.
    assert_eq!(optimize(copy.path()), kept);
    for name in ["sha256", "onnxruntime", "processor"] {
        let mut other: Value = serde_json::from_str(&record).unwrap();
        assert!(other[name].is_string(), "{record}");
        other[name] = json!("another");
        for text in [other.to_string(), "{}".into(), "x".repeat(1 << 20)] {
            fs::write(decoder.join("record.json"), text).unwrap();
            let outcome = Outcome::of(glimpse().args(["inspect", "--json"]).arg(copy.path()));
            let inspection: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
            assert!(inspection["graphs"][1]["optimized"].is_null(), "{name}");
        }
    }
    assert_eq!(Outcome::of(&mut caption(copy.path())).json(DONE), expected);

    fs::remove_file(decoder.join("record.json")).unwrap();
    fifo(&decoder.join("record.json"));
    assert_refused("a pipe among kept graphs", &mut caption(copy.path()), &["record.json is a pipe"]);
}

#[test]
fn what_a_killed_optimize_left_is_removed_by_the_next() {
    let copy = copy_of_bundle();
    let left = ["optimized/.glimpse-aB3dE9", "optimized/decoder_model-0123456789abcdef.partial-4711"];
    for folder in left {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        fs::write(copy.path().join(folder).join("model.data"), [0; 4096]).unwrap();
    }
    let kept = optimize(copy.path());
    let mut found: Vec<_> =
        fs::read_dir(copy.path().join("optimized")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let mut expected = kept;
    expected.sort();
    assert_eq!(found, expected);
}
