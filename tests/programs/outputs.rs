//! What is printed for a photo, and options that cannot be honoured.

use crate::{DONE, WRONG_USE, caption, example, keys};
use glimpse_tests::programs::Outcome;
use serde_json::Value;
use std::path::Path;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn json_has_one_line_a_photo_with_all_captions() {
    let mut command = caption();
    command.args(["--json", "--num-beams", "4", "--num-return-sequences", "3", "--length-penalty", "0.7"]);
    let outcome = Outcome::of(command.arg(example("beach.jpg")).arg(example("canyon.jpg")));
    assert!(outcome.stderr.is_empty(), "{outcome:#?}");
    let lines = outcome.json(DONE);
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(keys(line), ["captions", "image"]);
        let captions = line["captions"].as_array().unwrap();
        assert_eq!(captions.len(), 3);
        let mut last_score = f64::INFINITY;
        for caption in captions {
            assert_eq!(keys(caption), ["generated_text", "score", "token_ids", "token_logprobs"]);
            let ids = caption["token_ids"].as_array().unwrap();
            let log_probs = floats(&caption["token_logprobs"]);
            assert_eq!(ids.len(), log_probs.len());
            assert!(log_probs.iter().all(|log_prob| *log_prob <= 0.0), "{caption}");
            let score = caption["score"].as_f64().unwrap();
            let expected = log_probs.iter().sum::<f64>() / (ids.len() as f64).powf(0.7);
            assert!((score - expected).abs() < 1e-5, "{score} is not {expected}");
            assert!(score <= last_score, "best first");
            last_score = score;
            assert!(caption["generated_text"].is_string());
        }
    }
}

#[test]
fn text_has_a_line_with_the_name_and_one_for_each_caption() {
    let text = |json: &Value| json["generated_text"].as_str().unwrap().to_string();
    let run = |flags: &[&str]| Outcome::of(caption().args(flags).arg("assets/photos/beach.jpg"));
    let several = ["--num-beams", "3", "--num-return-sequences", "2"];
    let best = run(&["--num-beams", "1", "--json"]).json(DONE);
    assert_eq!(
        run(&["--num-beams", "1"]).stdout,
        [
            "assets/photos/beach.jpg".to_string(),
            format!("  {}", text(&best[0]["captions"][0])).trim_end().into()
        ]
    );
    let both = run(&[several.as_slice(), &["--json"]].concat()).json(DONE);
    let lines = run(&several).stdout;
    assert_eq!(lines.len(), 3);
    for (line, caption) in lines[1..].iter().zip(both[0]["captions"].as_array().unwrap()) {
        let (score, words) = line.trim().split_once("  ").unwrap();
        assert!((score.parse::<f64>().unwrap() - caption["score"].as_f64().unwrap()).abs() < 1e-3);
        assert_eq!(words, text(caption));
    }
}

#[test]
fn threads_and_batches_change_nothing() {
    let run = |flags: &[&str]| {
        let mut command = caption();
        Outcome::of(command.args(["--json", "--num-beams", "3"]).args(flags).arg("assets/photos")).json(DONE)
    };
    let plain = run(&[]);
    assert_eq!(plain.len(), 5);
    for flags in [["--threads", "1", "--batch-size", "1"], ["--threads", "3", "--batch-size", "2"]] {
        for (found, expected) in run(&flags).iter().zip(&plain) {
            let (found, expected) = (&found["captions"][0], &expected["captions"][0]);
            assert_eq!(found["token_ids"], expected["token_ids"]);
            for (a, b) in floats(&found["token_logprobs"]).iter().zip(floats(&expected["token_logprobs"])) {
                assert!((a - b).abs() < 1e-5, "{a} is not {b}");
            }
        }
    }
}

#[test]
fn pictures_of_attention_take_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let photo = at("beach.jpg");
    std::fs::copy(example("beach.jpg"), &photo).unwrap();
    let run = |dir: &Path, captions: &str| {
        let mut command = caption();
        command.args(["--num-beams", "2", "--num-return-sequences", captions]).arg("--attention").arg(dir);
        Outcome::of(command.arg(&photo))
    };
    let beside = run(folder.path(), "1");
    assert_eq!(beside.code, Some(WRONG_USE), "{beside:#?}");
    assert!(beside.stderr[0].contains("beach.jpg"), "{beside:#?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    std::fs::create_dir_all(at("pictures/beach.1")).unwrap();
    std::fs::write(at("pictures/beach.1/07.png"), "somebody else's").unwrap();
    let names = || {
        let entries = std::fs::read_dir(at("pictures")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let of = |rank: u8| ["", ".json", ".npy", ".png"].map(|extension| format!("beach.{rank}{extension}"));
    assert_eq!(run(&at("pictures"), "2").code, Some(DONE));
    assert_eq!(names(), [of(1), of(2)].concat());
    assert!(at("pictures/beach.1/07.png").is_file());
    assert_eq!(run(&at("pictures"), "1").code, Some(DONE));
    assert_eq!(names(), of(1), "those of the longer list are gone");
}

/// Nothing is captioned, and one line says why.
#[test]
fn options_that_cannot_be_honoured_are_refused() {
    let refused: [(&[&str], &str); 13] = [
        (&["--num-beams", "0"], "num_beams"),
        (&["--num-beams", "2", "--num-return-sequences", "3"], "num_return_sequences"),
        (&["--max-length", "1"], "max_length"),
        (&["--length-penalty", "nan"], "--length-penalty"),
        (&["--min-length", "99"], "min_length"),
        (&["--top-p", "0.9"], "--top-p"),
        (&["--seed", "1"], "--seed"),
        (&["--do-sample", "--num-beams", "2"], "do_sample"),
        (&["--num-beams", "4", "--num-beam-groups", "3"], "num_beam_groups"),
        (&["--num-beams", "4", "--num-beam-groups", "2"], "diversity_penalty"),
        (&["--num-beams", "1", "--early-stopping", "true"], "--early-stopping"),
        (&["--ort-lib", "no/such/library.so"], "no/such/library.so"),
        (&["--model", "no/such/bundle"], "no/such/bundle"),
    ];
    for (flags, word) in refused {
        let mut command = glimpse_tests::programs::glimpse();
        command.arg("caption").args(flags).arg(example("beach.jpg"));
        if !flags.contains(&"--model") {
            command.arg("--model").arg(crate::bundle());
        }
        let outcome = Outcome::of(&mut command);
        assert_eq!(outcome.code, Some(WRONG_USE), "{flags:?}: {outcome:#?}");
        assert!(outcome.stdout.is_empty(), "{flags:?}: {outcome:#?}");
        assert_eq!(outcome.stderr.len(), 1, "{flags:?}: {outcome:#?}");
        assert!(outcome.stderr[0].contains(word), "{flags:?}: {outcome:#?}");
    }
}

/// Without CUDA in ONNX Runtime `cuda` fails; with it, this test has nothing to say.
#[test]
fn cuda_is_never_replaced_silently() {
    let run = |device: &str| {
        let mut command = glimpse_tests::programs::glimpse();
        command.args(["caption", "--device", device, "--json", "--model"]).arg(crate::bundle());
        Outcome::of(command.arg(example("beach.jpg")))
    };
    let cuda = run("cuda");
    if cuda.code == Some(DONE) {
        println!("skipped: ONNX Runtime has CUDA here");
        return;
    }
    assert_eq!(cuda.code, Some(WRONG_USE), "{cuda:#?}");
    assert!(cuda.stdout.is_empty() && cuda.stderr.len() == 1, "{cuda:#?}");
    assert!(cuda.stderr[0].contains("device cuda:0 cannot be used"), "{cuda:#?}");
    assert_eq!(run("auto").json(DONE).len(), 1);
    let unknown = run("tpu");
    assert_eq!(unknown.code, Some(WRONG_USE));
    assert!(unknown.stderr[0].contains("tpu"), "{unknown:#?}");
}
