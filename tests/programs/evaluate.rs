//! `glimpse evaluate` on the example photos.

use crate::{DONE, SOME_FAILED, WRONG_USE, bundle, keys};
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Two references for each photo, in the layout of Flickr8k.token.txt.
const REFERENCES: &str = "beach.jpg#0\tA man spreads his arms in the water .
beach.jpg#1\tPeople wade in shallow water .
canyon.jpg#0\tA man in a hat stands at a railing .
canyon.jpg#1\tA man above a canyon .
dog-in-woods.jpg#0\tA black dog stands on leaves .
dog-in-woods.jpg#1\tA dog in a wood .
";

fn evaluate(captions: &Path) -> Command {
    let mut command = glimpse();
    command.args(["evaluate", "--json", "--captions"]).arg(captions);
    command
}

fn captioning(captions: &Path) -> Command {
    let mut command = evaluate(captions);
    command.args(["--images", "assets/photos", "--device", "cpu", "--model"]).arg(bundle());
    command
}

/// The report, a JSON of many lines.
fn report(command: &mut Command, code: i32) -> Value {
    let outcome = Outcome::of(command);
    assert_eq!(outcome.code, Some(code), "{outcome:#?}");
    serde_json::from_str(&outcome.stdout.join("\n")).unwrap()
}

fn estimate(report: &Value, metric: &str) -> f64 {
    report["scores"][metric]["estimate"].as_f64().unwrap()
}

#[test]
fn captions_are_written_scored_and_scored_again() {
    let folder = tempfile::tempdir().unwrap();
    let [captions, output] = ["captions.txt", "results.json"].map(|name| folder.path().join(name));
    fs::write(&captions, REFERENCES).unwrap();
    let made = report(captioning(&captions).args(["--num-beams", "2", "--output"]).arg(&output), DONE);
    assert_eq!((&made["num_images"], &made["num_references"]), (&json!(3), &json!(6)));
    assert_eq!(
        keys(&made["scores"]),
        ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "CIDEr", "NounRecall", "ROUGE_L"]
    );
    assert!(made["speed"]["photos_per_second"].as_f64().unwrap() > 0.0);

    // What `caption` says, in COCO's format.
    let results: Vec<Value> = serde_json::from_str(&fs::read_to_string(&output).unwrap()).unwrap();
    for result in &results {
        let photo = format!("assets/photos/{}", result["image_id"].as_str().unwrap());
        let said = Outcome::of(crate::caption().args(["--json", "--num-beams", "2"]).arg(photo)).json(DONE);
        assert_eq!(result["caption"], said[0]["captions"][0]["generated_text"]);
    }
    assert_eq!(results.len(), 3);
    assert!(!folder.path().join("results.json.partial").exists());

    let read = report(evaluate(&captions).arg("--results").arg(&output).arg("--baseline").arg(&output), DONE);
    assert_eq!(read["scores"], made["scores"]);
    for (metric, difference) in read["differences"].as_object().unwrap() {
        assert_eq!(difference["estimate"], json!(0.0), "{metric}");
        assert_eq!(difference["p_value"], json!(1.0), "{metric}");
    }
}

#[test]
fn another_systems_captions_get_the_scores_they_earn() {
    let folder = tempfile::tempdir().unwrap();
    let [captions, good, bad, list] =
        ["captions.txt", "good.json", "bad.json", "list.txt"].map(|name| folder.path().join(name));
    fs::write(&captions, REFERENCES).unwrap();
    fs::write(&list, "beach.jpg\ndog-in-woods.jpg\n").unwrap();
    let results = |texts: [&str; 3]| {
        let ids = ["beach.jpg", "canyon.jpg", "dog-in-woods"];
        let results: Vec<_> = std::iter::zip(ids, texts)
            .map(|(image_id, caption)| json!({"image_id": image_id, "caption": caption}))
            .collect();
        serde_json::to_string(&results).unwrap()
    };
    let copied = ["people wade in shallow water", "a man above a canyon", "a black dog stands on leaves"];
    fs::write(&good, results(copied)).unwrap();
    fs::write(&bad, results(["a cat", "two cats", "three cats"])).unwrap();

    let mut command = evaluate(&captions);
    command.arg("--results").arg(&good).arg("--baseline").arg(&bad).arg("--split").arg(&list);
    let found = report(&mut command, DONE);
    assert_eq!(found["num_images"], json!(2), "the split's");
    for metric in ["Bleu_1", "Bleu_4", "ROUGE_L"] {
        assert!((estimate(&found, metric) - 1.0).abs() < 1e-6, "{metric}: {found:#}");
    }
    let difference = &found["differences"]["ROUGE_L"];
    assert!(
        difference["lower"].as_f64().unwrap() > 0.5 && difference["p_value"] == json!(2.0 / 1001.0),
        "{difference}"
    );

    // Captions that are lacking are not scored as empty ones.
    fs::write(&bad, r#"[{"image_id": "beach.jpg", "caption": "a cat"}]"#).unwrap();
    let outcome = Outcome::of(evaluate(&captions).arg("--results").arg(&bad));
    assert_eq!(outcome.code, Some(WRONG_USE));
    assert!(outcome.stderr.last().unwrap().contains("--results"), "{outcome:#?}");
}

#[test]
fn what_a_run_did_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let [captions, output] = ["captions.txt", "results.json"].map(|name| folder.path().join(name));
    fs::write(&captions, format!("{REFERENCES}absent.jpg#0\tNobody knows .\n")).unwrap();
    let run = |num_beams: &str| {
        let mut command = captioning(&captions);
        command.args(["--num-beams", num_beams, "--output"]).arg(&output);
        command
    };
    let first = report(&mut run("2"), SOME_FAILED);
    assert_eq!(first["failed"][0][0], json!("absent.jpg"));
    assert_eq!(first["num_images"], json!(3));
    let again = report(&mut run("2"), SOME_FAILED);
    assert_eq!(again["speed"], Value::Null, "only the absent photo was left");
    assert_eq!(again["scores"], first["scores"]);
    // Words of two searches are not mixed.
    let other = Outcome::of(&mut run("3"));
    assert_eq!(other.code, Some(WRONG_USE));
    assert!(other.stderr.last().unwrap().contains("results.json.partial"), "{other:#?}");
}

#[test]
fn results_of_an_earlier_run_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [captions, output, elsewhere] =
        ["captions.txt", "results.json", "elsewhere"].map(|name| folder.path().join(name));
    fs::write(&captions, REFERENCES).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::write(&output, "[]").unwrap();
    let refused = |command: &mut Command, word: &str| {
        let outcome = Outcome::of(command);
        assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
        assert!(outcome.stderr.last().unwrap().contains(word), "{word}: {outcome:#?}");
        assert_eq!(fs::read_to_string(&captions).unwrap(), REFERENCES);
        assert_eq!(fs::read_to_string(&output).unwrap(), "[]");
    };
    let mut wrong_folder = evaluate(&captions);
    wrong_folder.args(["--device", "cpu", "--model"]).arg(bundle()).arg("--images").arg(&elsewhere);
    refused(wrong_folder.arg("--output").arg(&output), "nothing to score");
    refused(captioning(&captions).arg("--output").arg(&captions), "is also an input");
    refused(captioning(&captions).arg("--output").arg(&elsewhere), "is not a file");
    refused(captioning(&captions).args(["--output", "no/such/folder/results.json"]), "no folder");
    refused(evaluate(&captions).args(["--num-beams", "2", "--results"]).arg(&output), "--num-beams");
    // That of the wrong folder, which captioned nothing, is not in the way of the right one.
    let made = report(captioning(&captions).args(["--num-beams", "1", "--output"]).arg(&output), DONE);
    assert_eq!(made["num_images"], json!(3));

    // A baseline of other photos is told after the scores.
    fs::write(&captions, format!("{REFERENCES}two-dogs.jpg#0\tTwo dogs .\n")).unwrap();
    let mut command = captioning(&captions);
    let outcome = Outcome::of(command.args(["--num-beams", "1", "--baseline"]).arg(&output));
    assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
    assert!(outcome.stderr.last().unwrap().contains("--baseline"), "{outcome:#?}");
    let found: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
    assert_eq!(found["num_images"], json!(4));
}
