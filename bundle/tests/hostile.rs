//! Bundles made to do harm: each row says what is wrong, how the bundle is made, and what the refusal says.
//!
//! The JSON files are those of the shipped bundle; the graphs are a few bytes each. `tests/programs/hostile.rs` runs the
//! program on such bundles.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use glimpse_bundle::wire::put_bytes;
use glimpse_bundle::{Bundle, MAX_VOCAB_SIZE, Precision, Result, seal};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ENCODER: &str = "encoder_model.onnx";
const DECODER: &str = "decoder_model.onnx";

/// A bundle that can be opened, to be made hostile.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/flickr8k-edge");
        for name in ["config.json", "preprocessor_config.json", "generation_config.json", "tokenizer.json"] {
            fs::copy(shipped.join(name), folder.path().join(name)).unwrap();
        }
        let copy = Self(folder);
        copy.write(ENCODER, message(&[(7, message(&[(1, node("MatMul", &[]))]))]));
        copy.write(DECODER, message(&[(7, message(&[(1, node("TopK", &[]))]))]));
        copy.seal();
        copy
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.at(name), bytes).unwrap();
    }

    fn seal(&self) {
        seal(self.0.path()).unwrap();
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut content = serde_json::from_slice(&fs::read(self.at(name)).unwrap()).unwrap();
        change(&mut content);
        self.write(name, content.to_string());
        self.seal();
    }

    fn add_line(&self, line: &str) {
        let sums = fs::read_to_string(self.at("SHA256SUMS")).unwrap();
        self.write("SHA256SUMS", sums + line + "\n");
    }

    /// The encoder keeps weights in a file of this name.
    fn external(&self, location: &str) {
        let entry = message(&[(1, "location".into()), (2, location.into())]);
        let graph = message(&[(5, message(&[(13, entry)]))]);
        self.write(ENCODER, message(&[(7, graph)]));
    }

    fn node_in_encoder(&self, node: Vec<u8>) {
        self.write(ENCODER, message(&[(7, message(&[(1, node)]))]));
        self.seal();
    }
}

fn message(fields: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, content)| put_bytes(&mut message, *number, content));
    message
}

/// A node with attributes.
fn node(operator: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.iter().map(|attribute| (5, attribute.clone()));
    message(&[vec![(4, operator.into())], attributes.collect()].concat())
}

/// All that a program does with the bundle before it opens a graph.
fn open(dir: &Path) -> Result<()> {
    let bundle = Bundle::open(dir)?;
    bundle.detokenizer()?;
    #[cfg(feature = "tokenizers")]
    bundle.tokenizer()?;
    for stem in ["encoder_model", "decoder_model"] {
        bundle.model_path(stem, Precision::Fp32)?;
    }
    Ok(())
}

/// What is wrong, how the bundle is made, and what the refusal says.
type Row = (&'static str, fn(&Copy), &'static [&'static str]);

#[track_caller]
fn assert_refused(rows: &[Row]) {
    for (kind, make, words) in rows {
        let copy = Copy::new();
        make(&copy);
        let start = Instant::now();
        let refusal = open(copy.0.path()).expect_err(kind).to_string();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "{kind}: {took:?}");
        assert_eq!(refusal.lines().count(), 1, "{kind}: {refusal}");
        assert!(refusal.len() < 2000, "{kind}: {} bytes", refusal.len());
        for word in *words {
            assert!(refusal.contains(word), "{kind}: {refusal:?} does not say {word:?}");
        }
    }
}

#[test]
fn the_copy_is_sound_as_it_is() {
    open(Copy::new().0.path()).unwrap();
}

fn foreign_decoder(copy: &Copy, decoder: Value) {
    copy.edit("tokenizer.json", |file| file["decoder"] = decoder);
}

/// A vocabulary of so many words after the special ones.
fn vocabulary(words: usize) -> Value {
    let specials = ["<pad>", "<sos>", "<eos>", "<unk>"].map(String::from);
    let words = (0..words).map(|word| format!("w{word}"));
    specials
        .into_iter()
        .chain(words)
        .zip(0..)
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

#[test]
fn tokenizers_that_no_export_writes() {
    const STRIP: u32 = u32::MAX;
    assert_refused(&[
        (
            "a decoder that strips more than there is aborts",
            |copy| {
                foreign_decoder(copy, json!({"type": "Strip", "content": "a", "start": STRIP, "stop": STRIP}))
            },
            &["tokenizer.json", "`decoder`"],
        ),
        (
            "a decoder that expands takes all memory",
            |copy| {
                let grow = json!({"type": "Replace", "pattern": {"Regex": "."}, "content": "aaaaaaaaaa"});
                foreign_decoder(copy, json!({"type": "Sequence", "decoders": vec![grow; 12]}));
            },
            &["tokenizer.json", "`decoder`"],
        ),
        ("no decoder", |copy| foreign_decoder(copy, Value::Null), &["`decoder`"]),
        (
            "a normalizer that expands",
            |copy| {
                copy.edit("tokenizer.json", |file| {
                    let grow = json!({"type": "Replace", "pattern": {"Regex": "."}, "content": "aaaaaaaaaa"});
                    file["normalizer"]["normalizers"].as_array_mut().unwrap().extend(vec![grow; 12]);
                });
            },
            &["`normalizer`"],
        ),
        (
            "a pattern that takes for ever",
            |copy| {
                copy.edit("tokenizer.json", |file| {
                    file["pre_tokenizer"]["pattern"] = json!({"Regex": "(a|a)*b\\1"});
                });
            },
            &["`pre_tokenizer`"],
        ),
        (
            "a post-processor",
            |copy| {
                copy.edit("tokenizer.json", |file| {
                    file["post_processor"] =
                        json!({"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}});
                });
            },
            &["`post_processor`"],
        ),
        (
            "padding to a huge length",
            |copy| {
                copy.edit("tokenizer.json", |file| {
                    file["padding"] = json!({"strategy": {"Fixed": 1_000_000_000u64}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"});
                });
            },
            &["`padding`"],
        ),
        (
            "another model",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["type"] = json!("BPE")),
            &["BPE"],
        ),
        (
            "a key that the model does not have",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["merges"] = json!([])),
            &["merges"],
        ),
        (
            "an added token that eats its neighbours",
            |copy| copy.edit("tokenizer.json", |file| file["added_tokens"][0]["lstrip"] = json!(true)),
            &["`added_tokens`"],
        ),
    ]);
}

#[test]
fn vocabularies_that_are_too_large_or_do_not_count() {
    assert_refused(&[
        (
            "more tokens than a vocabulary may have",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["vocab"] = vocabulary(MAX_VOCAB_SIZE)),
            &["tokenizer.json", "at most 200000 tokens"],
        ),
        (
            "millions of words",
            |copy| {
                // Refused by its size, whatever it holds.
                copy.write("tokenizer.json", "\"word\": 4, ".repeat(1_600_000));
                copy.seal();
            },
            &["tokenizer.json", "at most 16777216"],
        ),
        (
            "an id beyond any vocabulary",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["vocab"]["a"] = json!(u64::MAX)),
            &["\"a\" has id 18446744073709551615"],
        ),
        (
            "two tokens with one id",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["vocab"]["twice"] = json!(9)),
            &["same id, 9"],
        ),
        (
            "a gap",
            |copy| copy.edit("tokenizer.json", |file| file["model"]["vocab"]["far"] = json!(100_000)),
            &["gaps"],
        ),
        (
            "a token of a megabyte",
            |copy| {
                copy.edit("tokenizer.json", |file| file["model"]["vocab"]["a".repeat(1 << 20)] = json!(5261))
            },
            &["1024 bytes"],
        ),
        (
            "not JSON",
            |copy| {
                copy.write("tokenizer.json", "[");
                copy.seal()
            },
            &["tokenizer.json"],
        ),
        (
            "arrays without an end",
            |copy| {
                copy.write("tokenizer.json", "[".repeat(1 << 20));
                copy.seal()
            },
            &["tokenizer.json"],
        ),
    ]);
}

#[test]
fn sizes_without_a_bound() {
    fn config(copy: &Copy, name: &str, value: u64) {
        copy.edit("config.json", |config| config[name] = json!(value));
    }
    fn preprocessor(copy: &Copy, name: &str, value: Value) {
        copy.edit("preprocessor_config.json", |config| config[name] = value);
    }
    assert_refused(&[
        (
            "feature_dim",
            |copy| config(copy, "feature_dim", 1_000_000_000),
            &["feature_dim is 1000000000", "32768"],
        ),
        ("embed_dim", |copy| config(copy, "embed_dim", 1_000_000_000), &["embed_dim is 1000000000", "32768"]),
        ("attention_dim", |copy| config(copy, "attention_dim", u64::MAX), &["attention_dim", "32768"]),
        ("decoder_dim", |copy| config(copy, "decoder_dim", 0), &["decoder_dim is 0"]),
        ("vocab_size", |copy| config(copy, "vocab_size", 1 << 40), &["vocab_size", "200000"]),
        (
            "photos of 16384 x 16384",
            |copy| preprocessor(copy, "size", json!({"height": 16384, "width": 16384})),
            &["preprocessor size", "16384x16384", "1024"],
        ),
        (
            "a crop as large",
            |copy| {
                preprocessor(copy, "do_center_crop", json!(true));
                preprocessor(copy, "crop_size", json!({"height": 224, "width": 16384}));
            },
            &["crop_size", "224x16384", "1024"],
        ),
        (
            "a deviation of 0",
            |copy| preprocessor(copy, "image_std", json!([0.5, 0.0, 0.5])),
            &["image_std", "0"],
        ),
        (
            "a scale beyond f32",
            |copy| preprocessor(copy, "rescale_factor", json!(1e300)),
            &["rescale_factor"],
        ),
        ("a mean beyond f32", |copy| preprocessor(copy, "image_mean", json!([1e300, 0, 0])), &["image_mean"]),
        (
            "a config of two megabytes",
            |copy| copy.edit("config.json", |config| config["recipe"] = json!("x".repeat(2 << 20))),
            &["config.json", "at most 1048576"],
        ),
    ]);
}

#[test]
fn lists_that_lead_out_of_the_folder() {
    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    fn listed(copy: &Copy, name: &str) {
        copy.add_line(&format!("{SUM}  {name}"));
    }
    assert_refused(&[
        ("a file of the system", |copy| listed(copy, "/proc/kmsg"), &["SHA256SUMS", "/proc/kmsg"]),
        ("a folder above", |copy| listed(copy, "../other.bin"), &["SHA256SUMS", "../other.bin"]),
        (
            "a folder below",
            |copy| listed(copy, "optimized/model.onnx"),
            &["SHA256SUMS", "optimized/model.onnx"],
        ),
        ("the folder itself", |copy| listed(copy, ".."), &["SHA256SUMS", "\"..\""]),
        ("a backslash", |copy| listed(copy, "..\\other.bin"), &["SHA256SUMS"]),
        ("a terminal escape", |copy| listed(copy, "\u{1b}[2Jx"), &["SHA256SUMS", "\\u{1b}[2J"]),
        ("a file twice", |copy| listed(copy, ENCODER), &["lists encoder_model.onnx twice"]),
        ("no sum", |copy| copy.add_line("abc  file"), &["a line that sha256sum would not write"]),
        ("a missing file", |copy| listed(copy, "w.bin"), &["w.bin is missing"]),
        ("an endless list", |copy| copy.add_line(&"x".repeat(2 << 20)), &["SHA256SUMS", "at most 1048576"]),
    ]);
}

#[cfg(unix)]
#[test]
fn what_is_not_a_file() {
    use std::os::unix::fs::symlink;
    fn fifo(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    fn replaced(copy: &Copy, name: &str, by: &str) {
        fs::remove_file(copy.at(name)).unwrap();
        symlink(by, copy.at(name)).unwrap();
    }
    assert_refused(&[
        ("a pipe beside the files", |copy| fifo(&copy.at("pipe")), &["pipe is a pipe, not a file"]),
        (
            "a pipe in place of a file",
            |copy| {
                fs::remove_file(copy.at("config.json")).unwrap();
                fifo(&copy.at("config.json"));
            },
            &["config.json is a pipe"],
        ),
        (
            "a link to a device",
            |copy| replaced(copy, "config.json", "/dev/zero"),
            &["config.json is a device"],
        ),
        (
            "a list that never ends",
            |copy| replaced(copy, "SHA256SUMS", "/dev/zero"),
            &["SHA256SUMS is a device"],
        ),
        (
            "a pipe among kept graphs",
            |copy| {
                fs::create_dir_all(copy.at("optimized/decoder_model-0123456789abcdef")).unwrap();
                fifo(&copy.at("optimized/decoder_model-0123456789abcdef/record.json"));
            },
            &["record.json is a pipe"],
        ),
        // To `stat`, a file of /proc is a regular one of no bytes.
        (
            "a link into /proc",
            |copy| replaced(copy, "config.json", "/proc/kmsg"),
            &["config.json", "SHA256SUMS"],
        ),
        (
            "a folder in place of a file",
            |copy| {
                fs::remove_file(copy.at("config.json")).unwrap();
                fs::create_dir(copy.at("config.json")).unwrap();
            },
            &["config.json"],
        ),
    ]);
}

#[test]
fn graphs_that_open_other_files() {
    fn sealed(copy: &Copy, location: &str) {
        copy.external(location);
        copy.seal();
    }
    assert_refused(&[
        ("a file that is not listed", |copy| sealed(copy, "w.bin"), &[ENCODER, "\"w.bin\"", "does not list"]),
        ("a file of the system", |copy| sealed(copy, "/etc/passwd"), &[ENCODER, "/etc/passwd"]),
        ("an endless file", |copy| sealed(copy, "/proc/kmsg"), &[ENCODER, "/proc/kmsg"]),
        ("a file above", |copy| sealed(copy, "../w.bin"), &[ENCODER, "../w.bin"]),
        ("an address in memory", |copy| sealed(copy, "*/_ORT_MEM_ADDR_/*"), &[ENCODER, "_ORT_MEM_ADDR_"]),
        ("no file", |copy| sealed(copy, ""), &[ENCODER, "\"\""]),
        (
            "a listed file that was changed afterwards",
            |copy| {
                copy.write("w.bin", [1; 64]);
                sealed(copy, "w.bin");
                copy.write("w.bin", [2; 64]);
            },
            &["w.bin does not match SHA256SUMS"],
        ),
        (
            "a reference from a constant inside a branch",
            |copy| {
                let entry = message(&[(1, "location".into()), (2, "/etc/passwd".into())]);
                let constant = node("Constant", &[message(&[(5, message(&[(13, entry)]))])]);
                copy.node_in_encoder(node("If", &[message(&[(6, message(&[(1, constant)]))])]));
            },
            &[ENCODER, "/etc/passwd"],
        ),
        (
            "a reference behind a group, which rare parsers read",
            |copy| {
                let entry = message(&[(1, "location".into()), (2, "/etc/passwd".into())]);
                let mut model = vec![99 << 3 & 0x7f | 0x80 | 3, 99 >> 4, 99 << 3 & 0x7f | 0x80 | 4, 99 >> 4];
                model.extend(message(&[(7, message(&[(5, message(&[(13, entry)]))]))]));
                copy.write(ENCODER, model);
                copy.seal();
            },
            &[ENCODER, "/etc/passwd"],
        ),
    ]);
}

#[test]
fn graphs_that_run_for_ever() {
    assert_refused(&[
        (
            "a loop",
            |copy| copy.node_in_encoder(node("Loop", &[message(&[(6, Vec::new())])])),
            &[ENCODER, "\"Loop\"", "for ever"],
        ),
        (
            "a loop inside a branch",
            |copy| {
                let repeated = node("Scan", &[message(&[(6, Vec::new())])]);
                copy.node_in_encoder(node("If", &[message(&[(6, message(&[(1, repeated)]))])]));
            },
            &[ENCODER, "\"Scan\""],
        ),
        (
            "functions",
            |copy| {
                copy.write(ENCODER, message(&[(7, Vec::new()), (25, Vec::new())]));
                copy.seal();
            },
            &[ENCODER, "functions"],
        ),
    ]);
}

/// Weights in another file that is listed and unchanged are fine, and a change is found when the graph is verified.
#[test]
fn listed_external_weights_are_verified_with_their_graph() {
    let copy = Copy::new();
    copy.write("w.bin", [1; 64]);
    copy.external("w.bin");
    copy.seal();
    let bundle = Bundle::open(copy.0.path()).unwrap();
    bundle.verify(ENCODER).unwrap();
    copy.write("w.bin", [2; 64]);
    let refusal = bundle.verify(ENCODER).unwrap_err().to_string();
    assert!(refusal.contains("w.bin does not match"), "{refusal}");
    bundle.verify(DECODER).unwrap();
}

/// Hugging Face's cache is made of links to files elsewhere.
#[cfg(unix)]
#[test]
fn links_to_files_are_read() {
    let copy = Copy::new();
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["config.json", ENCODER] {
        fs::rename(copy.at(name), elsewhere.path().join(name)).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join(name), copy.at(name)).unwrap();
    }
    open(copy.0.path()).unwrap();
}
