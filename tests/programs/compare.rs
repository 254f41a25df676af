//! `glimpse compare` on the example photos.

use crate::{DONE, SOME_FAILED, WRONG_USE, bundle};
use glimpse_tests::programs::{Outcome, glimpse};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn compare() -> Command {
    let mut command = glimpse();
    command.args(["compare", "--device", "cpu", "--model"]).arg(bundle());
    command
}

/// What `glimpse caption` says with these flags: one photo a line.
fn captions(flags: &[&str]) -> Vec<Value> {
    Outcome::of(crate::caption().arg("--json").args(flags).arg("assets/photos")).json(DONE)
}

#[test]
fn photos_get_side_by_side_what_each_search_gives_alone() {
    let flags = ["--json", "--num-beams", "1,4", "--num-return-sequences", "3", "assets/photos"];
    let found = Outcome::of(compare().args(flags)).json(DONE);
    let greedy = captions(&["--num-beams", "1"]);
    let beams = captions(&["--num-beams", "4", "--num-return-sequences", "3"]);
    assert_eq!(found.len(), 5);
    for ((found, greedy), beams) in found.iter().zip(&greedy).zip(&beams) {
        assert_eq!(found["image"], greedy["image"]);
        for (setting, alone) in found["settings"].as_array().unwrap().iter().zip([greedy, beams]) {
            let [setting_captions, alone] = [setting, alone].map(|of| of["captions"].as_array().unwrap());
            assert_eq!(setting_captions.len(), alone.len());
            for (a, b) in setting_captions.iter().zip(alone) {
                assert_eq!((&a["token_ids"], &a["generated_text"]), (&b["token_ids"], &b["generated_text"]));
            }
            assert!(setting["words_per_second"].as_f64().unwrap() > 0.0);
        }
        let [first, second] =
            [0, 1].map(|at| found["settings"][at]["captions"][0]["token_ids"].as_array().unwrap());
        let differs = (0..first.len().max(second.len())).find(|&at| first.get(at) != second.get(at));
        let expected = differs.map_or(Value::Null, |at| (at + 1).into());
        assert_eq!(found["settings"][1]["parts_at"], expected);
    }
}

#[test]
fn a_data_set_is_scored_by_every_search() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let references: String = captions(&["--num-beams", "1"])
        .iter()
        .map(|line| {
            let name = line["image"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{name}#0\t{}\n", line["captions"][0]["generated_text"].as_str().unwrap())
        })
        .collect();
    fs::write(file("captions.txt"), references).unwrap();
    let mut command = compare();
    command.args(["--json", "--num-beams", "1,3", "--length-penalty", "0,1", "--examples", "2"]);
    command.args(["--images", "assets/photos", "--captions"]).arg(file("captions.txt"));
    for (flag, name) in [("--csv", "t.csv"), ("--plot", "t.svg"), ("--html", "t.html"), ("--attention", "a")]
    {
        command.arg(flag).arg(file(name));
    }
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    let table: Value = serde_json::from_str(&outcome.stdout.join("\n")).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let settings: Vec<_> =
        rows.iter().map(|row| (row["num_beams"].as_u64(), row["length_penalty"].as_f64())).collect();
    assert_eq!(settings, [(Some(1), None), (Some(3), Some(0.0)), (Some(3), Some(1.0))]);
    // The references are what greedy search says.
    assert!((rows[0]["Bleu_1"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{table:#}");
    assert!(rows.iter().all(|row| row["decoder_ms"].as_f64().unwrap() > 0.0));

    let csv = fs::read_to_string(file("t.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.starts_with("num_beams,length_penalty,Bleu_1,Bleu_4,ROUGE_L,CIDEr,"), "{csv}");
    let svg = fs::read_to_string(file("t.svg")).unwrap();
    assert!(svg.contains("length penalty 0") && svg.matches("<circle").count() == 8, "{svg}");

    let html = fs::read_to_string(file("t.html")).unwrap();
    assert_eq!(html.matches("<section>").count(), 2);
    let pictures = html.matches("src=\"").count();
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), pictures, "nothing is fetched");
    assert!(pictures > 2 + 2 * 3 && !html.contains("<script") && !html.contains("<link"), "{pictures}");
    for setting in ["greedy", "3-beams-length-penalty-0", "3-beams-length-penalty-1"] {
        for photo in ["beach", "canyon"] {
            assert!(file("a").join(setting).join(format!("{photo}.1.npy")).is_file(), "{setting} {photo}");
        }
    }
}

#[test]
fn what_is_no_photo_is_named_and_the_others_are_compared() {
    let photos = ["assets/photos/beach.jpg", "absent*.jpg", "absent.jpg"];
    let lines = Outcome::of(compare().args(["--json", "--num-beams", "1,2"]).args(photos)).json(SOME_FAILED);
    assert_eq!(lines.iter().map(|line| line["image"].as_str().unwrap()).collect::<Vec<_>>(), photos);
    assert_eq!(lines[0]["settings"].as_array().unwrap().len(), 2);
    assert!(lines[1..].iter().all(|line| line["error"].is_string()), "{lines:?}");
    let lines = Outcome::of(compare().arg("--json").args(&photos[2..])).json(SOME_FAILED);
    assert!(lines.len() == 1 && lines[0]["error"].is_string(), "{lines:?}");
    let outcome = Outcome::of(compare().args(&photos[1..]));
    assert_eq!((outcome.code, outcome.stderr.len()), (Some(SOME_FAILED), 2), "{outcome:#?}");
}

#[test]
fn no_output_replaces_what_is_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("beach.jpg");
    fs::copy(crate::example("beach.jpg"), &photo).unwrap();
    let before = fs::read(&photo).unwrap();
    let refused = |command: &mut Command, word: &str| {
        let outcome = Outcome::of(command.arg(&photo));
        assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
        assert!(outcome.stderr[0].contains(word), "{outcome:#?}");
        assert!(fs::read(&photo).unwrap() == before);
    };
    refused(compare().arg("--html").arg(&photo), "is also an input");
    refused(compare().arg("--html").arg(folder.path()), "is a folder");
}

#[test]
fn comparisons_that_make_no_sense_are_refused() {
    for (flags, word) in [
        (&["--do-sample"][..], "--do-sample"),
        (&["--num-beams", "0"], "num_beams"),
        (&["--num-beams", "3,3"], "twice"),
        (&["--plot", "x.svg"], "--images"),
        (&["--num-beams", "1", "--early-stopping", "true"], "--early-stopping"),
        (&["--num-beams", "1", "--length-penalty", "0.5,1"], "--length-penalty"),
        (&["--num-beams", "2", "--num-return-sequences", "3"], "--num-return-sequences"),
        (&["--html", "no/such/folder/x.html"], "--html"),
        (&["--examples", "2"], "of a data set"),
        (&["-"], "glimpse caption"),
        (&["--images", "assets/photos"], "cannot be used with"),
    ] {
        let outcome = Outcome::of(compare().args(flags).arg("assets/photos"));
        assert_eq!(outcome.code, Some(WRONG_USE), "{flags:?}: {outcome:#?}");
        assert!(outcome.stderr.join(" ").contains(word), "{flags:?}: {outcome:#?}");
    }
    let outcome = Outcome::of(compare().args(["--captions", "captions.txt"]));
    assert_eq!(outcome.code, Some(WRONG_USE), "{outcome:#?}");
    assert!(outcome.stderr.len() == 1 && outcome.stderr[0].contains("--images"), "{outcome:#?}");
}

/// A picture of a page, or `None` with a line that says so where there is no Chromium.
fn screenshot(page: &Path, picture: &Path) -> Option<image::RgbImage> {
    for browser in ["chromium", "chromium-browser", "google-chrome"] {
        let mut command = Command::new(browser);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,1600",
        ]);
        command.arg(format!("--screenshot={}", picture.display()));
        if command
            .arg(format!("file://{}", page.display()))
            .output()
            .is_ok_and(|output| output.status.success())
        {
            return Some(image::open(picture).unwrap().to_rgb8());
        }
    }
    println!("skipped: no Chromium shows the page");
    None
}

#[test]
fn a_browser_shows_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let [page, picture] = ["report.html", "report.png"].map(|name| folder.path().join(name));
    let outcome =
        Outcome::of(compare().args(["--num-beams", "1,3", "assets/photos/beach.jpg", "--html"]).arg(&page));
    assert_eq!(outcome.code, Some(DONE), "{outcome:#?}");
    let Some(shown) = screenshot(&page, &picture) else { return };
    assert_eq!(shown.dimensions(), (1280, 1600));
    let share = |is: fn(&[u8; 3]) -> bool| {
        shown.pixels().filter(|pixel| is(&pixel.0)).count() as f64 / (1280.0 * 1600.0)
    };
    let paper = share(|pixel| *pixel == [255; 3]);
    let colour = share(|[red, green, blue]| red.abs_diff(*green).max(green.abs_diff(*blue)) > 40);
    // The photo alone has 2 % of the page; without pictures there is no colour at all.
    assert!((0.3..0.97).contains(&paper) && colour > 0.03, "{paper} white, {colour} coloured");
}
