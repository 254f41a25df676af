//! What is written in any layout is read back as it was, and no text makes a reader panic.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{CaptionedImage, Dataset, Layout};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;
use std::fmt::Write;
use tempfile::NamedTempFile;

const PIECES: [&str; 16] =
    ["a", "kite", "boat", ",", "\"", "'", "|", "#", ".", "é", "“", "5", "don't", ";", "--", "mast"];

fn caption(rng: &mut ChaCha8Rng) -> String {
    let words: Vec<_> =
        (0..rng.random_range(1..9)).map(|_| PIECES[rng.random_range(0..PIECES.len())]).collect();
    words.join(" ")
}

fn images(rng: &mut ChaCha8Rng) -> Vec<CaptionedImage> {
    (0..rng.random_range(1..8))
        .map(|i| CaptionedImage {
            file_name: format!("{i}_{:x}.jpg", rng.random::<u16>()),
            captions: (0..rng.random_range(1..6)).map(|_| caption(rng)).collect(),
            ..CaptionedImage::default()
        })
        .collect()
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn write(layout: Layout, images: &[CaptionedImage]) -> String {
    let mut text = match layout {
        Layout::ResultsPipe => "image_name| comment_number| comment\n".to_string(),
        Layout::ResultsComma => "image_name,comment_number,comment\n".to_string(),
        Layout::Kaggle => "image,caption\n".to_string(),
        Layout::Karpathy => {
            let images: Vec<_> = images
                .iter()
                .map(|image| {
                    let sentences: Vec<_> = image.captions.iter().map(|raw| json!({"raw": raw})).collect();
                    json!({"filename": image.file_name, "sentences": sentences})
                })
                .collect();
            return json!({ "images": images }).to_string();
        }
        Layout::Coco => {
            let listed: Vec<_> = images
                .iter()
                .enumerate()
                .map(|(id, image)| json!({"id": id, "file_name": image.file_name}))
                .collect();
            let annotations: Vec<_> = images
                .iter()
                .enumerate()
                .flat_map(|(id, image)| {
                    image.captions.iter().map(move |caption| json!({"image_id": id, "caption": caption}))
                })
                .collect();
            return json!({"images": listed, "annotations": annotations}).to_string();
        }
        _ => String::new(),
    };
    for image in images {
        for (number, caption) in image.captions.iter().enumerate() {
            let name = &image.file_name;
            match layout {
                Layout::Token => writeln!(text, "{name}#{number}\t{caption}"),
                Layout::ResultsPipe => writeln!(text, "{name}| {number}| {caption}"),
                Layout::ResultsComma => writeln!(text, "{name}, {number},{}", quoted(caption)),
                _ => writeln!(text, "{name},{}", quoted(caption)),
            }
            .unwrap();
        }
    }
    text
}

#[test]
fn every_layout_reads_back_what_was_written() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..50 {
        let images = images(&mut rng);
        for layout in Layout::ALL {
            let file = NamedTempFile::new().unwrap();
            let text = write(layout, &images);
            std::fs::write(file.path(), &text).unwrap();
            let mut dataset = Dataset::read(file.path(), None).unwrap();
            assert_eq!(dataset.layout, layout, "{text}");
            dataset.images.iter_mut().for_each(|image| image.id = None);
            assert_eq!(dataset.images, images, "{text}");
            assert!(dataset.report.findings.is_empty(), "{}\n{text}", dataset.report);
        }
    }
}

#[test]
fn no_text_makes_a_reader_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pieces = [
        "1.jpg",
        "#0",
        "\t",
        ",",
        "|",
        "\"",
        " ",
        "0",
        "A kite",
        "\n",
        "\r\n",
        "{",
        "}",
        "image",
        "é",
        "\n2.jpg#0\tA kite",
        "\n2.jpg, ",
        "\n2.jpg| 0| ",
    ];
    let file = NamedTempFile::new().unwrap();
    let mut read = 0;
    for _ in 0..500 {
        let text: String =
            (0..rng.random_range(0..40)).map(|_| pieces[rng.random_range(0..pieces.len())]).collect();
        std::fs::write(file.path(), &text).unwrap();
        for layout in Layout::ALL.into_iter().map(Some).chain([None]) {
            if let Ok(dataset) = Dataset::read(file.path(), layout) {
                read += 1;
                assert!(dataset.images.iter().all(|image| !image.captions.is_empty()));
                assert!(dataset.captions().all(|caption| caption == caption.trim() && !caption.is_empty()));
                assert_eq!(dataset.captions().count(), dataset.report.captions);
            }
        }
    }
    assert!(read > 100, "only {read} texts were read");
}
