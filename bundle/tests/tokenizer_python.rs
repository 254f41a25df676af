//! Python's `tokenizers` gives the same ids and the same decoded text from the same file.
//!
//! Runs `python3`, or what `GLIMPSE_PYTHON` names; skips with a line where that has no `tokenizers`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::{CaptionTokenizer, WordCounts};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Strings that a small generator puts together from pieces that the word rules care for.
fn awkward_texts(count: usize) -> Vec<String> {
    let pieces = [
        " ", " ", " ", "a", "dog", "'", "\"", "`", ".", "..", ",", ":", "s", "'ll", "n't", "N'T", "cannot",
        "gonna", "wanna", "'tis", "d'ye", "(", ")", "[", "<", ">", "-", "--", "“", "”", "‘", "’", "—", "…",
        "?", "$", "3", "٣", "²", "É", "\u{301}", "\t", "\n", "\u{a0}", "\u{85}", "\u{1c}", "<eos>", "<unk>",
        "犬", "🐶",
    ];
    let mut state = 1u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    (0..count).map(|_| (0..next(16)).map(|_| pieces[next(pieces.len())]).collect()).collect()
}

fn python(tokenizer: &Path, texts: &[String]) -> Option<Vec<(Vec<u32>, String)>> {
    let python = std::env::var("GLIMPSE_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", "import tokenizers"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: {python} has no tokenizers; `pip install tokenizers==0.22.2` or set GLIMPSE_PYTHON"
        );
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizer/encode.py");
    let mut child = Command::new(python)
        .arg(script)
        .arg(tokenizer)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(texts).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn python_gives_the_same_ids_and_text_from_the_same_file() {
    let golden =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizer/awkward.json"));
    let golden: Value = serde_json::from_str(&golden.unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let mut texts: Vec<_> = cases.iter().map(|case| case["text"].as_str().unwrap().to_string()).collect();
    let words = WordCounts::from_captions(&texts).unwrap().vocabulary(1).unwrap();
    let tokenizer = CaptionTokenizer::build(words).unwrap();
    texts.extend(awkward_texts(3_000));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_json().unwrap()).unwrap();
    let Some(answers) = python(&path, &texts) else { return };
    assert_eq!(answers.len(), texts.len());
    for (text, (ids, decoded)) in texts.iter().zip(answers) {
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.decode(&ids).unwrap(), decoded, "{text:?}");
    }
}
