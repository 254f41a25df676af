//! Resize, crop and normalisation against PIL and torchvision.
//!
//! Goldens: `python bundle/tests/image/make_goldens.py`.

#![allow(clippy::unwrap_used)]

use glimpse_bundle::{Preprocessor, PreprocessorConfig, Resample, Size, image::RgbImage};
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image");

/// The pictures of `pattern` in `make_goldens.py`.
fn pattern(name: &str, (width, height): (u32, u32)) -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(width, height, |x, y| {
        ::image::Rgb(match name {
            "gradient" => [
                (x * 255 / (width - 1).max(1)) as u8,
                (y * 255 / (height - 1).max(1)) as u8,
                ((x * 7 + y * 3) % 256) as u8,
            ],
            "checkerboard" => {
                let cell = (x / 3 + y / 5) % 2 == 1;
                [u8::from(cell) * 255, u8::from(!cell) * 255, ((x + y) % 2 * 255) as u8]
            }
            "noise" => [(); 3].map(|()| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }),
            other => panic!("no pattern is called {other}"),
        })
    })
}

fn parse_size(text: &str) -> (u32, u32) {
    let (width, height) = text.split_once('x').unwrap();
    (width.parse().unwrap(), height.parse().unwrap())
}

fn goldens(folder: &str) -> Vec<(PathBuf, Vec<String>)> {
    let mut paths: Vec<_> =
        Path::new(FOLDER).join(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (path, stem.split('-').map(str::to_owned).collect())
        })
        .collect()
}

/// Largest and mean absolute difference in grey levels.
fn difference(ours: &RgbImage, golden: &RgbImage) -> (u8, f64) {
    assert_eq!(ours.dimensions(), golden.dimensions());
    let differences = ours.iter().zip(golden.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences.clone().map(f64::from).sum();
    (differences.max().unwrap(), sum / golden.as_raw().len() as f64)
}

fn size((width, height): (u32, u32)) -> Size {
    Size { height, width }
}

#[test]
fn resize_equals_pil() {
    let goldens = goldens("resize");
    assert_eq!(goldens.len(), 40);
    for (path, words) in goldens {
        let [name, source, _, target, filter] = &words[..] else { panic!("{words:?}") };
        let mut config = PreprocessorConfig::squash(1, [0.0; 3], [1.0; 3]);
        config.size = size(parse_size(target));
        config.resample = match filter.as_str() {
            "nearest" => Resample::Nearest,
            "lanczos" => Resample::Lanczos,
            "bilinear" => Resample::Bilinear,
            "bicubic" => Resample::Bicubic,
            other => panic!("no filter is called {other}"),
        };
        let ours = Preprocessor::new(config).unwrap().resize(&pattern(name, parse_size(source))).unwrap();
        let golden = ::image::open(&path).unwrap().into_rgb8();
        let (max, mean) = difference(&ours, &golden);
        println!("{:<50} max {max} mean {mean:.4}", path.file_name().unwrap().display());
        let (allowed_max, allowed_mean) = if filter == "nearest" { (0, 0.0) } else { (1, 0.1) };
        assert!(max <= allowed_max, "{}: differs by {max} grey levels", path.display());
        assert!(mean <= allowed_mean, "{}: differs by {mean} grey levels on average", path.display());
    }
}

#[test]
fn center_crop_equals_torchvision() {
    let goldens = goldens("crop");
    assert_eq!(goldens.len(), 7);
    for (path, words) in goldens {
        let [name, source, _, target] = &words[..] else { panic!("{words:?}") };
        let mut config = PreprocessorConfig::squash(1, [0.0; 3], [1.0; 3]);
        config.do_resize = false;
        config.do_center_crop = true;
        config.crop_size = size(parse_size(target));
        let ours = Preprocessor::new(config).unwrap().resize(&pattern(name, parse_size(source))).unwrap();
        let golden = ::image::open(&path).unwrap().into_rgb8();
        assert_eq!(ours, golden, "{}", path.display());
    }
}

#[test]
fn pixel_values_honour_every_flag() {
    #[derive(serde::Deserialize)]
    struct Case {
        config: PreprocessorConfig,
        pixel_values: Vec<f32>,
    }
    let text = std::fs::read_to_string(format!("{FOLDER}/pixel_values.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 7);
    for Case { config, pixel_values } in cases {
        let preprocessor = Preprocessor::new(config.clone()).unwrap().with_min_side(1);
        let mut ours = vec![f32::NAN; pixel_values.len()];
        preprocessor.pixel_values(&pattern("noise", (5, 6)), &mut ours).unwrap();
        let worst = ours.iter().zip(&pixel_values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-6, "{config:?}: differs by {worst}");
    }
}

#[test]
fn pixel_values_of_another_length_are_refused() {
    let preprocessor = Preprocessor::new(PreprocessorConfig::squash(4, [0.0; 3], [1.0; 3])).unwrap();
    let error = preprocessor.pixel_values(&pattern("noise", (9, 9)), &mut [0.0; 47]).unwrap_err();
    assert_eq!(error.to_string(), "pixel_values: holds 47 values where [3, 4, 4] takes 48");
}

#[test]
fn a_photo_smaller_than_the_grid_is_refused_whichever_way_it_comes() {
    let preprocessor = Preprocessor::new(PreprocessorConfig::squash(16, [0.0; 3], [1.0; 3])).unwrap();
    let mut values = vec![0.0; 3 * 16 * 16];
    let mut png = Vec::new();
    let small = pattern("noise", (3, 3));
    small.write_to(&mut std::io::Cursor::new(&mut png), ::image::ImageFormat::Png).unwrap();
    let message = "3x3 pixels are too few to caption: a side needs 7 at least";
    assert_eq!(preprocessor.pixel_values(&small, &mut values).unwrap_err().to_string(), message);
    assert_eq!(preprocessor.prepare(png.as_slice()).unwrap_err().to_string(), message);
    preprocessor.pixel_values(&pattern("noise", (7, 7)), &mut values).unwrap();
    let lenient = preprocessor.with_min_side(3);
    let prepared = lenient.prepare(png.as_slice()).unwrap();
    lenient.pixel_values(&small, &mut values).unwrap();
    assert_eq!(prepared.pixel_values, values);
}
