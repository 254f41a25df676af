//! Files whose columns are not those of a known layout: each kind of fault with its right value.

#![allow(clippy::unwrap_used)]

use glimpse_captions::{Dataset, Error, FindingKind, Layout, Split, Splits};
use std::path::Path;

fn read_text(text: &str) -> Result<Dataset, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Dataset::read(file.path(), None)
}

fn fault(name: &str) -> Dataset {
    Dataset::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(name), None).unwrap()
}

/// Photos with their captions, as `name: caption; caption`.
fn listed(dataset: &Dataset) -> Vec<String> {
    let line = |image: &glimpse_captions::CaptionedImage| {
        format!("{}: {}", image.file_name, image.captions.join("; "))
    };
    dataset.images.iter().map(line).collect()
}

/// What a file holds, and how it is to be read.
struct Case {
    kind: &'static str,
    text: &'static str,
    /// Each photo with its captions.
    images: &'static [&'static str],
    dropped: &'static [&'static str],
    layout: Layout,
}

const CASES: &[Case] = &[
    Case {
        kind: "a further column at the end",
        text: "image,caption,id\n1.jpg,A kite .,0\n1.jpg,A gull .,0\n",
        images: &["1.jpg: A kite .; A gull ."],
        dropped: &["id"],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "pandas' index at the beginning",
        text: ",image,caption\n0,1.jpg,A kite .\n1,2.jpg,\"A gull , a mast .\"\n",
        images: &["1.jpg: A kite .", "2.jpg: A gull , a mast ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "four columns in another order",
        text: "width,description,filename,height\n4,A kite .,1.jpg,3\n4,\"A gull , a mast .\",2.jpg,3\n",
        images: &["1.jpg: A kite .", "2.jpg: A gull , a mast ."],
        dropped: &["width", "height"],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "a caption before its photo that goes on in a second line",
        text: "caption,image\n\"A kite ,\nred .\",1.jpg\n\"A gull .\",2.jpg\n",
        images: &["1.jpg: A kite , red .", "2.jpg: A gull ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "a caption before its photo with a quote without its partner",
        text: "caption,image\n\"A kite .,1.jpg\nA gull .,2.jpg\n\"A mast , a sail .\",3.jpg\n",
        images: &["2.jpg: A gull .", "3.jpg: A mast , a sail ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "other names for both columns",
        text: "Image Path,Text\n1.jpg,A kite .\n",
        images: &["1.jpg: A kite ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "file name and description",
        text: "filename,description\n1.jpg,A kite .\n",
        images: &["1.jpg: A kite ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "a surer name beside an unsure one",
        text: "image_id,image,text,caption\n7,1.jpg,x,A kite .\n",
        images: &["1.jpg: A kite ."],
        dropped: &["image_id", "text"],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "numbers after the captions, as pandas writes them",
        text: "image,caption,comment_number\n1.jpg,A kite .,0.0\n1.jpg,A kite .,0.0\n1.jpg,A kite .,1.0\n",
        images: &["1.jpg: A kite .; A kite ."],
        dropped: &[],
        layout: Layout::ResultsComma,
    },
    Case {
        kind: "bare commas in a caption before a further column",
        text: "image,caption,id\n1.jpg,A kite , red .,0\n1.jpg,A gull .,0\n2.jpg,A mast .,1\n",
        images: &["1.jpg: A kite , red .; A gull .", "2.jpg: A mast ."],
        dropped: &["id"],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "pipes with a further column",
        text: "image_name| comment_number| comment| id\n1.jpg| 0| A kite .| 4\n1.jpg| 1| A gull .| 5\n",
        images: &["1.jpg: A kite .; A gull ."],
        dropped: &["id"],
        layout: Layout::ResultsPipe,
    },
    Case {
        kind: "pipes without numbers",
        text: "image|caption\n1.jpg|A kite .\n",
        images: &["1.jpg: A kite ."],
        dropped: &[],
        layout: Layout::ResultsPipe,
    },
    Case {
        kind: "empty columns at the end, which some rows lack",
        text: "image,caption,,\n1.jpg,A kite .,,\n2.jpg,A gull .\n",
        images: &["1.jpg: A kite .", "2.jpg: A gull ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "files put together, each with its header; Windows line ends",
        text: "image,caption\r\n1.jpg,\"A kite , red .\"\r\nimage,caption\r\n2.jpg,A gull .\r\n",
        images: &["1.jpg: A kite , red .", "2.jpg: A gull ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "commas in two of three captions are prose",
        text: "image,caption\n1.jpg,A kite , red\n2.jpg,A gull\n3.jpg,A mast , broken\n",
        images: &["1.jpg: A kite , red", "2.jpg: A gull", "3.jpg: A mast , broken"],
        dropped: &[],
        layout: Layout::Kaggle,
    },
    Case {
        kind: "other names in the column",
        text: "image,caption\nkite,A kite .\ngull,A gull .\n",
        images: &["kite: A kite .", "gull: A gull ."],
        dropped: &[],
        layout: Layout::Kaggle,
    },
];

#[test]
fn a_header_says_which_column_holds_what() {
    for Case { kind, text, images, dropped, layout } in CASES {
        let dataset = read_text(text).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(listed(&dataset), *images, "{kind}");
        assert_eq!(dataset.report.dropped_columns, *dropped, "{kind}");
        assert_eq!(dataset.layout, *layout, "{kind}");
    }
    let report = read_text(CASES[2].text).unwrap().report.to_string();
    assert!(report.contains("columns not read: \"width\", \"height\""), "{report}");
}

#[test]
fn columns_that_leave_a_doubt_are_refused() {
    let rows = |end: &str| (0..20).map(|i| format!("{i}.jpg,A kite .{end}\n")).collect::<String>();
    for (kind, text, expected) in [
        ("a further column without a header", rows(",0"), "rows have 3 columns where 2 are known (line 1"),
        (
            "a further column beside a header of two",
            format!("image,caption\n{}", rows(",train")),
            "rows have 3 columns where 2 are known (line 2",
        ),
        (
            "the same with some bare commas",
            format!("image,caption\n{}", rows(",7").replace("3.jpg,A", "3.jpg,A , a")),
            "rows have 3 columns where 2 are known",
        ),
        (
            "commas in every caption, and a further column",
            "1.jpg,A , kite,0\n2.jpg,A , red , gull,0\n3.jpg,A , mast,1\n".into(),
            "rows have 4 columns where 2 are known",
        ),
        (
            "pipes with a column without a name",
            "1.jpg| 0| A kite| x\n1.jpg| 1| A gull| x\n1.jpg| 2| A mast| x\n".into(),
            "rows have 4 columns where 3 are known",
        ),
        (
            "five captions a row",
            "image,caption_1,caption_2\n1.jpg,A kite .,A gull .\n".into(),
            "names no column of captions",
        ),
        (
            "an unknown name for the photo",
            "photo,caption\n1.jpg,A kite .\n".into(),
            "names no column of photos",
        ),
        ("both names unknown", "photo,says\n1.jpg,A kite .\n".into(), "names no column of photos"),
        (
            "two captions",
            "image,caption,caption\n1.jpg,A kite .,A gull .\n".into(),
            "two columns \"caption\"",
        ),
        (
            "another thing called split",
            "image,caption,split\n1.jpg,A kite .,train\n2.jpg,A gull .,7\n".into(),
            "line 3, column \"split\": \"7\" is no part of a split",
        ),
        (
            "a photo in two parts",
            "image,caption,split\n1.jpg,A kite .,train\n1.jpg,A gull .,test\n".into(),
            "1.jpg is in the training part and in the test part",
        ),
        ("the photo is not first and has no name", "id,photo,x\n0,1.jpg,A kite .\n".into(), "needs a header"),
    ] {
        let error = read_text(&text).err().unwrap_or_else(|| panic!("{kind} is read")).to_string();
        assert!(error.contains(expected), "{kind}: {error}");
    }
}

#[test]
fn the_fault_files_have_their_right_values() {
    let id = fault("image-caption-id.csv");
    assert_eq!((id.images.len(), id.report.captions), (4, 20));
    assert_eq!(id.images[1].captions[0], "A dog runs across the grass .");
    assert_eq!(id.report.dropped_columns, ["id"]);
    assert!(id.report.findings.is_empty(), "{}", id.report);

    let split = fault("image-caption-split.csv");
    assert!(split.images.iter().all(|image| image.split == Some(Split::Train)));
    assert_eq!(split.images[0].captions, ["A dog runs .", "Two dogs play ."]);
    assert!(split.report.findings.is_empty(), "{}", split.report);
    let splits = Splits::own(split.images).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len(), splits.test.len()), (6, 0, 0));

    let quoted = fault("quoted-commas-trailing-blank.txt");
    assert_eq!(
        quoted.images[0].captions[..2],
        ["A dog , a red ball next to it .", "Two dogs play on the sand"]
    );
    assert_eq!(quoted.report.count(FindingKind::CutAtComma), 0);
    assert_eq!(quoted.report.captions, 22);
}

#[test]
fn a_split_column_is_the_files_own_split() {
    let text = "split,image,caption\ntrain,1.jpg,A kite .\nrestval,2.jpg,A gull .\nval,3.jpg,A mast .\n\
                test,4.jpg,A sail .\n,5.jpg,A boat .\ntest,4.jpg,A red sail .\n";
    let splits = Splits::own(read_text(text).unwrap().images).unwrap();
    let names = |images: &[glimpse_captions::CaptionedImage]| {
        images.iter().map(|image| image.file_name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&splits.train), "1.jpg 2.jpg");
    assert_eq!(names(&splits.validation), "3.jpg");
    assert_eq!(names(&splits.test), "4.jpg");
    assert_eq!(splits.test[0].captions.len(), 2);
}

/// What tells a cut caption from one that happens to end in a blank.
#[test]
fn rows_are_cut_only_where_no_comma_is_quoted() {
    let kites = "3.jpg,A kite .\n4.jpg,A gull .\n5.jpg,A mast .\n";
    for (kind, first, cut) in [
        ("no comma anywhere", "1.jpg,A red \n", 1),
        ("one comma, quoted", "1.jpg,A red \n2.jpg,\"A kite , red .\"\n", 0),
        ("one comma, bare", "1.jpg,A red \n2.jpg,A kite , red .\n", 1),
        ("a quote without its partner", "1.jpg,A red \n2.jpg,\"A kite , red .\"\n6.jpg,\"A sail .\n", 1),
        ("quotes, but no comma", "1.jpg,A red \n2.jpg,\"A \"\"red\"\" kite .\"\n", 1),
    ] {
        let report = read_text(&format!("image,caption\n{first}{kites}")).unwrap().report;
        assert_eq!(report.count(FindingKind::CutAtComma), cut, "{kind}: {report}");
    }
}
