use crate::fixture;
use glimpse_bundle::{Preprocessor, image};
use glimpse_export::backbone::backbone as described;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const CELLS: i64 = 49;
/// Of `generate.py`.
const CHANNEL_STEP: i64 = 128;
const TOLERANCE: f64 = 1e-4;

fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// `draw` of `generate.py`.
fn draw(name: &str, shape: &[i64], low: f64, high: f64) -> Tensor {
    let seed = fnv1a(name);
    let numbers: Vec<f32> = (1..=shape.iter().product::<i64>() as u64)
        .map(|index| {
            let z = index.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
            let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let z = z ^ (z >> 31);
            let uniform = (z >> 40) as f64 / f64::from(1 << 24);
            (low + uniform * (high - low)) as f32
        })
        .collect();
    Tensor::from_slice(&numbers).view(shape)
}

/// `resnet50` of `generate.py`.
fn resnet50() -> FeatureExtractor {
    let weights = described("resnet50").unwrap().weight_shapes().into_iter().map(|(name, shape)| {
        let shape: Vec<i64> = shape.into_iter().map(|n| n as i64).collect();
        let (low, high) = match name.rsplit_once('.').unwrap().1 {
            "weight" if shape.len() == 4 => {
                let bound = (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt();
                (-bound, bound)
            }
            "weight" => (0.3, 0.7),
            "running_var" => (0.7, 1.3),
            _ => (-0.2, 0.2),
        };
        let weight = draw(&name, &shape, low, high);
        (name, weight)
    });
    FeatureExtractor::load("resnet50", &StateDict::new(weights, "drawn"), Device::Cpu).unwrap()
}

fn efficientnet_lite0() -> FeatureExtractor {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/backbones/efficientnet-lite0.safetensors");
    FeatureExtractor::load("efficientnet-lite0", &StateDict::read(&path).unwrap(), Device::Cpu).unwrap()
}

fn largest_difference(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    (found - expected).abs().max().double_value(&[])
}

/// Compares a grid with the channels and means that PyTorch computed.
fn check(case: &str, grid: &Tensor, feature_dim: i64) {
    let batch = grid.size()[0];
    assert_eq!(grid.size(), [batch, CELLS, feature_dim]);
    let expected = StateDict::read(&fixture("grids.safetensors")).unwrap();
    let stored = feature_dim / CHANNEL_STEP;
    let channels = expected.get(&format!("{case}.channels"), &[batch, CELLS, stored]).unwrap();
    let means = expected.get(&format!("{case}.mean"), &[batch, CELLS]).unwrap();
    let found = grid.slice(2, 0, feature_dim, CHANNEL_STEP);
    let (of_channels, of_means) = (
        largest_difference(&found, &channels),
        largest_difference(&grid.mean_dim(2, false, Kind::Float), &means),
    );
    println!("{case}: largest difference {of_channels:.1e}, of the cells' means {of_means:.1e}");
    assert!(of_channels < TOLERANCE, "{case}: {of_channels}");
    assert!(of_means < TOLERANCE, "{case}: {of_means}");
}

#[test]
fn resnet50_equals_torchvisions() {
    let backbone = resnet50();
    check("resnet50", &backbone.forward(&draw("pixel_values", &[2, 3, 224, 224], -1.0, 1.0)), 2048);
    check("wide", &backbone.forward(&draw("wide", &[1, 3, 96, 160], -1.0, 1.0)), 2048);
}

#[test]
fn efficientnet_lite0_equals_the_original() {
    let pixel_values = draw("pixel_values", &[2, 3, 224, 224], -1.0, 1.0);
    check("efficientnet-lite0", &efficientnet_lite0().forward(&pixel_values), 1280);
}

/// The expected grid comes from Pillow's pixels (from which the network gives it to within 5e-5).
/// Another JPEG decoder differs by a few grey levels, which moves a photo's grid by 3 to 6 % of its
/// mean; ImageNet's mean and std instead of the network's own would move it by 60 % and more.
#[test]
fn efficientnet_lite0_reproduces_the_grids_of_photos() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let weights = shared.join("weights");
    let Ok(names) = std::fs::read_to_string(weights.join("efficientnet-lite0.expected-grid.txt")) else {
        println!("skipped: {} holds no expected grids", weights.display());
        return;
    };
    let expected = Tensor::read_npy(weights.join("efficientnet-lite0.expected-grid.npy")).unwrap();
    let preprocessor = Preprocessor::new(described("efficientnet-lite0").unwrap().preprocessor()).unwrap();
    let mut pixel_values = Vec::new();
    for name in names.split_whitespace() {
        let photo = image::open(&shared.join("data/flickr8k/images").join(name)).unwrap();
        let mut values = vec![0.0; 3 * 224 * 224];
        preprocessor.pixel_values(&photo, &mut values).unwrap();
        pixel_values.extend(values);
    }
    let grid = efficientnet_lite0().forward(&Tensor::from_slice(&pixel_values).view([-1, 3, 224, 224]));
    assert_eq!(grid.size(), expected.size());
    let mean_of = |x: &Tensor| x.mean_dim([1i64, 2].as_slice(), false, Kind::Float);
    let difference = mean_of(&(grid - &expected).abs()) / mean_of(&expected.abs());
    let worst = difference.max().double_value(&[]);
    println!("photos: mean absolute difference up to {:.1} % of the grid's mean", 100.0 * worst);
    assert!(worst < 0.1, "mean absolute difference {worst} of the grid's mean");
}
