//! Ids of any JSON kind, numbers that JSON does not have, and messages about entries: as pycocotools reads them,
//! or in words that say which entry is wrong.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{Dataset, Error, ImageId, match_results, read_results};
use std::path::{Path, PathBuf};

fn fault(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(name)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn coco(image_id: &str, annotation_id: &str) -> String {
    format!(
        "{{\"images\": [{{\"id\": {image_id}, \"file_name\": \"1.jpg\"}}], \"info\": {{\"x\": NaN}},\n\
         \"annotations\": [{{\"image_id\": {annotation_id}, \"caption\": \"A NaN kite .\", \"area\": -Infinity}}]}}"
    )
}

#[test]
fn the_fault_files_are_read() {
    let dataset = Dataset::read(&fault("coco-string-ids.json"), None).unwrap();
    assert_eq!(dataset.images[0].id, Some(ImageId::Name("f1".into())));
    assert_eq!(dataset.images[1].captions, ["Two dogs are playing in the snow ."]);
    let results = read_results(&fault("results-nan-in-other-key.json")).unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(
        (&results[0].image_id, results[0].caption.as_str()),
        (&ImageId::from(1), "a dog runs in the snow")
    );
}

#[test]
fn ids_of_every_kind_are_read() {
    for (image, annotation) in [
        ("\"f1\"", "\"f1\""),
        ("-5", "-5"),
        ("1.5", "1.5"),
        ("7", "7.0"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let dataset = Dataset::read(file(&coco(image, annotation)).path(), None)
            .unwrap_or_else(|error| panic!("{image}: {error}"));
        assert_eq!(dataset.images[0].captions, ["A NaN kite ."], "{image}");
        let results =
            file(&format!("[{{\"image_id\": {annotation}, \"caption\": \"A kite\", \"p\": Infinity}}]"));
        let results = read_results(results.path()).unwrap();
        assert_eq!(
            match_results(results, &dataset.images).unwrap(),
            (vec!["A kite".to_string()], 0),
            "{image}"
        );
    }
}

#[test]
fn as_in_python_a_text_is_not_the_number_that_it_spells() {
    let error = Dataset::read(file(&coco("7", "\"7\"")).path(), None).unwrap_err();
    assert!(matches!(error, Error::NoCaptions { .. }), "{error}");
}

#[test]
fn a_wrong_entry_is_named_with_what_is_expected() {
    let annotation = "{\"image_id\": 1, \"caption\": \"A kite .\"}";
    let dataset =
        |images: &str, annotations: &str| format!("{{\"images\": {images}, \"annotations\": {annotations}}}");
    let one = "[{\"id\": 1, \"file_name\": \"1.jpg\"}]";
    let cases = [
        (
            dataset(one, &format!("[{annotation}, {{\"caption\": \"x\"}}]")),
            "annotation 2 has no image_id; a number or a text is expected",
        ),
        (
            dataset(one, "[{\"image_id\": [1], \"caption\": \"x\"}]"),
            "annotation 1 has image_id [1]; a number or a text is expected",
        ),
        (
            dataset(one, "[{\"image_id\": true, \"caption\": \"x\"}]"),
            "annotation 1 has image_id true; a number or a text is expected",
        ),
        (dataset(one, "[{\"image_id\": NaN, \"caption\": \"x\"}]"), "annotation 1 has no image_id"),
        (
            dataset(one, "[{\"image_id\": 36893488147419103232, \"caption\": \"x\"}]"),
            "annotation 1 has image_id 36893488147419103232; a number of at most 64 bits or a text is expected",
        ),
        (
            dataset(one, "[{\"image_id\": 1, \"caption\": 5}]"),
            "annotation 1 has caption 5; a text is expected",
        ),
        (dataset(one, "[3]"), "annotation 1 is not an object {...}"),
        (dataset("[{\"file_name\": \"1.jpg\"}]", "[]"), "image 1 has no id; a number or a text is expected"),
        (
            dataset("[{\"id\": 1, \"file_name\": \"1.jpg\"}, {\"id\": 1.0, \"file_name\": \"2.jpg\"}]", "[]"),
            "image 2 is \"2.jpg\" and has the id of \"1.jpg\": an id is of one image",
        ),
        (dataset("3", "[]"), "an object with a list of images and a list of annotations is expected here"),
        ("{\"images\": [], \"annotations\": [".into(), "the file ends too early: it was cut off"),
        ("{\"images\": [], \"annotations\": [,]}".into(), "line 1, column 32: not JSON: expected value"),
        ("{\"images\": [{\"sentences\": []}]}".into(), "image 1 has no filename; a text is expected"),
        (
            "{\"images\": [{\"filename\": \"1.jpg\", \"sentences\": [{\"raw\": \"x\"}, {\"raw\": 3}]}]}"
                .into(),
            "sentence 2 has raw 3; a text is expected",
        ),
        (
            "{\"images\": [{\"filename\": \"1.jpg\", \"sentences\": {}}]}".into(),
            "image 1 has sentences {}; a list [...] is expected",
        ),
    ];
    for (text, expected) in cases {
        plain(&Dataset::read(file(&text).path(), None).unwrap_err(), expected);
    }
    for (text, expected) in [
        (
            "{\"image_id\": 1}",
            "a list of results, [{\"image_id\": 1, \"caption\": \"a dog\"}, ...], is expected",
        ),
        (
            "[{\"image_id\": 1, \"caption\": \"x\"}, {\"image_id\": null, \"caption\": \"x\"}]",
            "result 2 has no image_id",
        ),
        ("[{\"image_id\": 1}]", "result 1 has no caption; a text is expected"),
        ("[{\"image_id\": 1, \"caption\": [\"x\"]}]", "result 1 has caption [\"x\"]; a text is expected"),
        ("[{\"image_id\": 1, \"caption\": nan}]", "not JSON"),
        ("[{\"image_id\": 1, \"caption\": \"x\"}", "cut off"),
    ] {
        plain(&read_results(file(text).path()).unwrap_err(), expected);
    }
}

/// The message says what is expected, in no parser's words.
#[track_caller]
fn plain(error: &Error, expected: &str) {
    let text = error.to_string();
    assert!(text.contains(expected), "{text}\n  expected {expected}");
    for jargon in
        ["untagged", "u64", "i64", "variant", "struct", "sequence", "invalid type", "deserialize", "EOF"]
    {
        assert!(!text.contains(jargon), "{jargon}: {text}");
    }
}
