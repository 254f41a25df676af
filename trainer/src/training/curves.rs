//! Loss and CIDEr-D by epoch, as pictures.

use super::epoch_metrics::{EpochMetrics, Phase};
use crate::{Error, Result};
use glimpse_bundle::write_together;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use std::path::Path;

const SIZE: (u32, u32) = (960, 400);
/// Most colour-blind people can tell these two colours apart (Okabe and Ito).
const TRAIN: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);

/// Writes `curves.svg` and `curves.png`.
pub(super) fn write(dir: &Path, lines: &[EpochMetrics]) -> Result<()> {
    let path = dir.join("curves.png");
    let failed = |reason: String| Error::io(&path)(std::io::Error::other(reason));
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(), lines).map_err(failed)?;
    let mut pixels = vec![0; 3 * (SIZE.0 * SIZE.1) as usize];
    draw(BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area(), lines).map_err(failed)?;
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, SIZE.0, SIZE.1, ExtendedColorType::Rgb8)
        .map_err(|error| failed(error.to_string()))?;
    Ok(write_together(&[(&path, &png), (&dir.join("curves.svg"), svg.as_bytes())])?)
}

type Curve<'a> = (&'a str, RGBColor, Vec<(f64, f64)>);

fn curve<'a>(
    lines: &[EpochMetrics],
    name: &'a str,
    colour: RGBColor,
    value: impl Fn(&EpochMetrics) -> Option<f64>,
) -> Curve<'a> {
    let point = |line: &EpochMetrics| Some((line.epoch as f64, value(line)?));
    (name, colour, lines.iter().filter_map(point).collect())
}

fn of(phase: Phase) -> impl Fn(&EpochMetrics) -> Option<f64> {
    move |line| (line.phase == phase).then_some(line.train)
}

fn draw<B: DrawingBackend>(area: DrawingArea<B, Shift>, lines: &[EpochMetrics]) -> Result<(), String>
where
    B::ErrorType: 'static,
{
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the built-in font cannot be read")?;
    let drawn = || -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        let losses = [
            curve(lines, "training", TRAIN, of(Phase::CrossEntropy)),
            curve(lines, "validation", VALIDATION, |line| Some(line.validation_loss)),
        ];
        panel(&left, "cross-entropy of a word", &losses)?;
        let scores = [
            curve(lines, "reward in training", TRAIN, of(Phase::SelfCritical)),
            curve(lines, "validation CIDEr-D", VALIDATION, |line| Some(line.validation_cider)),
        ];
        panel(&right, "CIDEr-D of greedy captions", &scores)?;
        area.present()
    };
    drawn().map_err(|error| error.to_string())
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    curves: &[Curve],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>
where
    B::ErrorType: 'static,
{
    let points = || curves.iter().flat_map(|(_, _, points)| points);
    let last = points().map(|point| point.0).fold(2.0, f64::max);
    let (low, high) =
        points().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.1), high.max(point.1)));
    let margin = ((high - low) * 0.05).max(0.01);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(1.0..last, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("epoch")
        .x_label_formatter(&|x| if x.fract() == 0.0 { x.to_string() } else { String::new() })
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()?;
    for (name, colour, points) in curves.iter().filter(|curve| !curve.2.is_empty()) {
        let line = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), line))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], line));
        chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).label_font(("sans-serif", 13)).draw()
}
