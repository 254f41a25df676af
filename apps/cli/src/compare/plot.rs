//! CIDEr and the decoder's time by width.

use super::table::{Row, Table};
use anyhow::{Result, anyhow, bail};
use glimpse_bundle::write_whole;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use std::path::Path;

const SIZE: (u32, u32) = (960, 400);
/// Colours that most colour-blind people can distinguish (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// The format of a plot.
#[derive(Clone, Copy)]
pub enum Kind {
    Svg,
    Png,
}

impl Kind {
    /// The format for the file's name.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => bail!("--plot {}: the name must end with .svg or .png", path.display()),
        }
    }
}

pub fn write(path: &Path, kind: Kind, table: &Table) -> Result<()> {
    match kind {
        Kind::Svg => Ok(write_whole(path, svg(table)?.as_bytes())?),
        Kind::Png => {
            let (width, height) = SIZE;
            let mut pixels = vec![0; 3 * width as usize * height as usize];
            draw(BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area(), table)?;
            let mut png = Vec::new();
            PngEncoder::new(&mut png).write_image(&pixels, width, height, ExtendedColorType::Rgb8)?;
            Ok(write_whole(path, &png)?)
        }
    }
}

/// The plot as the text of an SVG.
pub fn svg(table: &Table) -> Result<String> {
    let mut text = String::new();
    draw(SVGBackend::with_string(&mut text, SIZE).into_drawing_area(), table)?;
    Ok(text)
}

fn draw<B: DrawingBackend>(area: DrawingArea<B, Shift>, table: &Table) -> Result<()>
where
    B::ErrorType: 'static,
{
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow!("the built-in font cannot be read"))?;
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    panel(&left, table, "CIDEr", |row| row.score("CIDEr"), false)?;
    panel(&right, table, "decoder, ms a photo", |row| row.decoder_ms, true)?;
    Ok(area.present()?)
}

fn panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    table: &Table,
    title: &str,
    value: impl Fn(&Row) -> f64,
    from_zero: bool,
) -> Result<()>
where
    B::ErrorType: 'static,
{
    let mut widths: Vec<_> = table.rows.iter().map(|row| row.num_beams).collect();
    widths.sort_unstable();
    widths.dedup();
    let mut penalties: Vec<_> = table.rows.iter().filter_map(|row| row.length_penalty).collect();
    penalties.sort_by(f32::total_cmp);
    penalties.dedup();
    if penalties.is_empty() {
        penalties.push(1.0);
    }
    let values = table.rows.iter().map(&value);
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let margin = ((high - low) * 0.1).max(high.abs() * 1e-3).max(1e-6);
    let low = if from_zero { 0.0 } else { low - margin };
    let last = widths.len() as f64 - 1.0;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(-0.25..last + 0.25, low..high + margin)?;
    // Widths have equal distances: on a linear scale of 1, 2, 3, 5, 10 and 20 the first ones would be too close.
    let label = |x: &f64| {
        let place = x.round();
        let near = (x - place).abs() < 1e-6 && place >= 0.0;
        near.then(|| widths.get(place as usize)).flatten().map_or_else(String::new, usize::to_string)
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("beams (1 is greedy search)")
        .x_labels(2 * widths.len() + 1)
        .x_label_formatter(&label)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()?;
    for (penalty, colour) in penalties.iter().zip(COLOURS.iter().cycle()) {
        let of_penalty = |row: &&Row| row.length_penalty.is_none_or(|of_row| of_row == *penalty);
        let mut points: Vec<(f64, f64)> = Vec::new();
        for row in table.rows.iter().filter(of_penalty) {
            let place = widths.iter().position(|&width| width == row.num_beams);
            points.extend(place.map(|place| (place as f64, value(row))));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let dots = points.clone();
        let (line, dot) = (colour.stroke_width(2), colour.filled());
        let series = chart.draw_series(LineSeries::new(points, line))?;
        if penalties.len() > 1 {
            series
                .label(format!("length penalty {penalty}"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], line));
        }
        chart.draw_series(dots.into_iter().map(|point| Circle::new(point, 4, dot)))?;
    }
    // The panel of times has room for it at the upper left; both panels have the same colours.
    if penalties.len() > 1 && from_zero {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .label_font(("sans-serif", 13))
            .draw()?;
    }
    Ok(())
}
