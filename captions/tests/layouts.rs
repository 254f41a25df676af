//! Every layout, from small hand-written files with the damage that is found in the wild.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{
    CaptionedImage, CleaningReport, Dataset, Error, FindingKind, ImageId, Layout, ReadOptions, Split,
};
use std::path::{Path, PathBuf};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts").join(name)
}

fn read(name: &str) -> Dataset {
    Dataset::read(&sample(name), None).unwrap()
}

fn image(file_name: &str, captions: &[&str]) -> CaptionedImage {
    CaptionedImage {
        file_name: file_name.into(),
        captions: captions.iter().map(|caption| caption.to_string()).collect(),
        ..CaptionedImage::default()
    }
}

fn findings(report: &CleaningReport) -> Vec<(usize, FindingKind)> {
    report.findings.iter().map(|finding| (finding.place, finding.kind)).collect()
}

/// Reads a text as a file of its own.
fn read_text(text: impl AsRef<[u8]>, layout: Option<Layout>) -> Result<Dataset, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Dataset::read(file.path(), layout)
}

#[test]
fn pipes_with_byte_order_mark_windows_line_ends_and_stray_blanks() {
    use FindingKind::*;
    let dataset = read("results_pipe.csv");
    assert_eq!(dataset.layout, Layout::ResultsPipe);
    let kite = [
        "A red kite hangs over the harbour .",
        "Kite , boat and gull : all in one view .",
        "The kite is caught in a mast .",
    ];
    let bakers = ["Two bakers fold the dough .", "A sign says \" open | closed \" ."];
    assert_eq!(dataset.images, [image("17.jpg", &kite), image("18.jpg", &bakers)]);
    let expected = [
        (4, DuplicateRow),
        (5, NoCaption),
        (6, MissingSeparator),
        (9, NotARow),
        (10, NoImage),
        (11, NoCaption),
        (11, ImageWithoutCaption),
    ];
    assert_eq!(findings(&dataset.report), expected);
    assert_eq!((dataset.report.rows, dataset.report.captions, dataset.report.images), (10, 5, 2));
}

#[test]
fn a_quoted_caption_may_go_on_in_further_lines() {
    let text = "image,caption\n1.jpg,\"A kite\nhangs, red,\r\n over the harbour .\"\n1.jpg,\"No partner\n2.jpg,A gull .\n";
    let dataset = read_text(text, None).unwrap();
    let first = ["A kite hangs, red,  over the harbour .", "No partner"];
    assert_eq!(dataset.images, [image("1.jpg", &first), image("2.jpg", &["A gull ."])]);
    assert_eq!(dataset.report.rows, 3);
    // Where rows cannot be told from what goes on, a quote without its partner costs one row.
    let text = "image,caption\na,\"No partner\nb,A gull .\nc,\"No partner\nd,A boat .\n";
    assert_eq!(read_text(text, None).unwrap().images.len(), 4);
}

#[test]
fn commas_quoted_bare_and_cut() {
    use FindingKind::*;
    let dataset = read("results_comma.csv");
    assert_eq!(dataset.layout, Layout::ResultsComma);
    let kite = [
        "A red kite hangs over the harbour .",
        "A poster says \" Fresh fish , fresh bread \" .",
        "Kite , boat and gull in one view .",
    ];
    let bakers = ["Two bakers fold the dough .", "A quote without its partner"];
    let tram = ["A tram turns the corner ."];
    assert_eq!(dataset.images, [image("17.jpg", &kite), image("18.jpg", &bakers), image("20.jpg", &tram)]);
    let expected = [
        (4, UnquotedComma),
        (5, CutAtComma),
        (7, NoCaption),
        (8, NoCaption),
        (10, CutAtComma),
        (10, ImageWithoutCaption),
    ];
    assert_eq!(findings(&dataset.report), expected);
}

#[test]
fn cut_captions_are_kept_on_demand() {
    let options = ReadOptions::default().with_keep_cut(true);
    let dataset = Dataset::read_with(&sample("results_comma.csv"), &options).unwrap();
    assert_eq!(dataset.images[0].captions[3], "A sailor");
    assert_eq!(dataset.images[2], image("19.jpg", &["The last"]));
    assert_eq!(dataset.report.count(FindingKind::CutAtComma), 2);
    assert!(dataset.report.to_string().contains("2 captions cut at a comma, kept: lines 5, 10"));
}

#[test]
fn blanks_at_the_end_of_most_rows_are_padding() {
    let text = "image,caption\n1.jpg,A kite \n2.jpg,A gull . \n3.jpg,A mast\n";
    let dataset = read_text(text, None).unwrap();
    assert_eq!(dataset.report.captions, 3);
    assert!(dataset.report.findings.is_empty());
}

#[test]
fn token_files() {
    use FindingKind::*;
    let dataset = read("results.token");
    assert_eq!(dataset.layout, Layout::Token);
    let kite = [
        "A red kite hangs over the harbour .",
        "A sailor , a gull and \"a kite\" .",
        "The kite is caught in a mast .",
    ];
    let bakers = ["Two bakers fold the dough ."];
    assert_eq!(dataset.images, [image("17.jpg", &kite), image("18.jpg.1", &bakers)]);
    assert_eq!(findings(&dataset.report), [(3, UnusualName), (5, NoCaption), (6, NotARow)]);
}

#[test]
fn kaggle_captions() {
    use FindingKind::*;
    let dataset = read("captions.txt");
    assert_eq!(dataset.layout, Layout::Kaggle);
    let kite = ["A red kite hangs over the harbour .", "A poster says \" Fresh fish \" ."];
    // The layout has no numbers, so equal captions may be two people's and stay.
    let bakers = ["Flour , water , salt .", "Flour , water , salt .", "A baker", "A baker"];
    assert_eq!(dataset.images, [image("17.jpg", &kite), image("18.jpg", &bakers)]);
    assert_eq!(findings(&dataset.report), [(5, UnquotedComma), (8, NoCaption), (8, ImageWithoutCaption)]);
}

#[test]
fn karpathy_json_with_its_split() {
    use FindingKind::*;
    let dataset = read("karpathy.json");
    assert_eq!(dataset.layout, Layout::Karpathy);
    let with = |image: CaptionedImage, id, split| CaptionedImage {
        id: Some(ImageId::from(id)),
        split: Some(split),
        ..image
    };
    let expected = [
        with(image("17.jpg", &["A red kite hangs over the harbour ."]), 0, Split::Train),
        with(image("18.jpg", &["two bakers"]), 1, Split::Train),
        with(image("19.jpg", &["A tram turns the corner ."]), 2, Split::Validation),
        with(image("val2014/20.jpg", &["The tram is late ."]), 391_895, Split::Test),
    ];
    assert_eq!(dataset.images, expected);
    assert_eq!(findings(&dataset.report), [(0, ImageWithoutCaption), (2, NoCaption)]);
}

#[test]
fn coco_json() {
    use FindingKind::*;
    let dataset = read("coco.json");
    assert_eq!(dataset.layout, Layout::Coco);
    let with = |image: CaptionedImage, id| CaptionedImage { id: Some(ImageId::from(id)), ..image };
    let expected = [
        with(image("17.jpg", &["A red kite.", "A red kite."]), 900),
        with(image("18.jpg", &["Two bakers fold the dough."]), 901),
        with(image("902", &["A tram."]), 902),
    ];
    assert_eq!(dataset.images, expected);
    assert_eq!(findings(&dataset.report), [(0, ImageWithoutCaption), (4, UnknownImage), (6, NoCaption)]);
    assert!(dataset.report.to_string().contains("1 caption of an unlisted image, left out: annotation 4"));
}

#[test]
fn a_file_without_a_header_is_recognised() {
    let pipe = read_text("1.jpg| 0| A kite .\n", None).unwrap();
    assert_eq!((pipe.layout, pipe.report.captions), (Layout::ResultsPipe, 1));
    let comma = read_text("1.jpg,0,A kite .\n", None).unwrap();
    assert_eq!((comma.layout, comma.report.captions), (Layout::ResultsComma, 1));
    let kaggle = read_text("1.jpg,A kite .\n", None).unwrap();
    assert_eq!((kaggle.layout, kaggle.report.captions), (Layout::Kaggle, 1));
}

#[test]
fn a_first_caption_that_reads_like_a_header_is_none() {
    let dataset = read_text("image.jpg,caption\n1.jpg,A kite .\n", None).unwrap();
    assert_eq!(dataset.images[0], image("image.jpg", &["caption"]));
}

#[test]
fn layouts_are_named_as_they_are_printed() {
    for layout in Layout::ALL {
        assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
    }
    let error = "excel".parse::<Layout>().unwrap_err().to_string();
    assert!(error.contains("\"excel\"") && error.contains("results-pipe"), "{error}");
}

#[test]
fn a_named_layout_must_be_the_files() {
    let named = Dataset::read(&sample("captions.txt"), Some(Layout::Kaggle)).unwrap();
    assert_eq!(named, read("captions.txt"));
    for (name, own) in [
        ("results_pipe.csv", Layout::ResultsPipe),
        ("results_comma.csv", Layout::ResultsComma),
        ("results.token", Layout::Token),
        ("captions.txt", Layout::Kaggle),
        ("karpathy.json", Layout::Karpathy),
        ("coco.json", Layout::Coco),
    ] {
        for other in Layout::ALL.into_iter().filter(|layout| *layout != own) {
            let error = Dataset::read(&sample(name), Some(other)).unwrap_err();
            assert!(
                matches!(error, Error::WrongLayout { named, recognised: Some(seen), .. } if named == other && seen == own),
                "{name} as {other}: {error}"
            );
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let missing = Dataset::read(&sample("no_such_file.csv"), None).unwrap_err();
    assert!(matches!(&missing, Error::Io { .. }) && missing.to_string().contains("no_such_file.csv"));

    let latin1 = read_text(b"image,caption\n1.jpg,A kite\n2.jpg,A caf\xe9\n", None).unwrap_err();
    assert!(matches!(latin1, Error::NotUtf8 { line: 3, .. }), "{latin1}");

    let prose = read_text("Dear reader,\nthis is no list of captions.\n", None).unwrap_err();
    assert!(matches!(&prose, Error::UnknownLayout { first_line, .. } if first_line == "Dear reader,"));

    assert!(matches!(read_text("", None).unwrap_err(), Error::UnknownLayout { .. }));

    let empty = read_text("image,caption\n1.jpg,\n2.jpg,  \n", None).unwrap_err();
    assert!(matches!(empty, Error::NoCaptions { layout: Layout::Kaggle, rows: 2, .. }), "{empty}");

    let header = read_text("image_name| comment_number| comment\n", None).unwrap_err();
    assert!(matches!(header, Error::NoCaptions { layout: Layout::ResultsPipe, rows: 0, .. }), "{header}");

    let broken = read_text("{\"images\": [], \"annotations\": [", None).unwrap_err();
    assert!(matches!(broken, Error::Json { .. }), "{broken}");

    let split = "{\"images\": [{\"filename\": \"1.jpg\", \"split\": \"spare\", \"sentences\": []}]}";
    assert!(matches!(read_text(split, None).unwrap_err(), Error::SplitName(name) if name == "spare"));
}
