//! Caption files and results.

use super::project_folder;
use crate::{Target, check_error, mutate, scratch};
use glimpse_captions::{CaptionedImage, read_split_list};
use glimpse_captions::{Dataset, Layout, ReadOptions, SeededSplit, Splits, match_results, read_results};
use std::sync::LazyLock;

/// A caption file of any layout.
pub(super) const CAPTIONS: Target = Target {
    name: "captions",
    seeds: || {
        let mut files = project_folder("captions/tests/layouts");
        files.extend(project_folder("captions/tests/faults"));
        files.push(b"image,caption,split\n1.jpg,\"a dog, a cat\",train\n2.jpg,a man .,test\n".to_vec());
        files
    },
    mutate: mutate::json,
    run: read_captions,
    max_heap: 32 << 20,
};

fn read_captions(input: &[u8]) {
    let path = scratch::file("captions", input);
    for layout in std::iter::once(None).chain(Layout::ALL.map(Some)) {
        let mut options = ReadOptions::default().with_keep_cut(layout.is_none());
        options.layout = layout;
        match Dataset::read_with(&path, &options) {
            Err(error) => check_error(error),
            Ok(dataset) => {
                assert!(!dataset.images.is_empty());
                assert!(dataset.images.iter().all(|image| !image.captions.is_empty()));
                let lines: Vec<_> = dataset.captions().filter(|caption| caption.contains('\n')).collect();
                assert!(lines.is_empty(), "captions of several lines: {lines:?}");
                let _report = dataset.report.to_string();
                let count = dataset.images.len();
                match Splits::seeded(dataset.images, &SeededSplit::default()) {
                    Ok(Splits { train, validation, test, .. }) => {
                        assert_eq!(train.len() + validation.len() + test.len(), count);
                    }
                    Err(error) => check_error(error),
                }
            }
        }
    }
    if let Err(error) = read_split_list(&path) {
        check_error(error);
    }
}

/// A results file, and its images.
pub(super) const RESULTS: Target = Target {
    name: "results",
    seeds: || {
        vec![
            br#"[{"image_id": 1, "caption": "a dog"}, {"image_id": "2.jpg", "caption": "a \"cat\"", "x": NaN}]"#.to_vec(),
            br#"[{"image_id": "val/3.jpg", "caption": ""}, {"image_id": 2.0, "caption": "b"}]"#.to_vec(),
        ]
    },
    mutate: mutate::json,
    run: read_result_file,
    max_heap: 16 << 20,
};

fn read_result_file(input: &[u8]) {
    static IMAGES: LazyLock<Vec<CaptionedImage>> = LazyLock::new(|| {
        let image = |name: &str| CaptionedImage { file_name: name.into(), ..CaptionedImage::default() };
        vec![image("1.jpg"), image("2.jpg"), image("val/3.jpg")]
    });
    let path = scratch::file("results.json", input);
    match read_results(&path) {
        Err(error) => check_error(error),
        Ok(results) => {
            if let Err(error) = match_results(results, &IMAGES) {
                check_error(error);
            }
        }
    }
}
