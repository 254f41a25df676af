//! What the encoder's tensors hold for real photos: where eight bits have to reach.

use crate::convolutions::observed_tensors;
use glimpse_export::graph::unshaped;
use glimpse_export::proto::{DataType, GraphProto};
use std::collections::BTreeMap;

/// The encoder with every tensor that [`Calibration::observe`] reads as a further output.
pub fn observed_encoder(encoder: &GraphProto) -> GraphProto {
    let mut observed = encoder.clone();
    for name in observed_tensors(encoder) {
        let is_output = encoder.output.iter().any(|output| output.name() == name);
        let is_input = encoder.input.iter().any(|input| input.name() == name);
        if !is_output && !is_input {
            observed.output.push(unshaped(name, DataType::Float));
        }
    }
    observed
}

/// Ranges and means of tensors, gathered photo by photo.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    tensors: BTreeMap<String, Observed>,
}

#[derive(Debug, Clone, Default)]
struct Observed {
    photos: usize,
    /// Sums over photos.
    low: f64,
    high: f64,
    /// Over all photos.
    least: f32,
    most: f32,
    /// Sums over photos of each channel's mean.
    means: Vec<f64>,
}

/// The least and the largest number that eight bits have to represent; zero is between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub low: f32,
    pub high: f32,
}

impl Calibration {
    /// Share of a photo's numbers that is cut off at each end: an outlier would make every step of the scale
    /// coarser.
    const CUT: f64 = 1e-5;

    /// No photo seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a tensor of shape [1, channels, height, width] holds for one photo.
    pub fn observe(&mut self, name: &str, channels: usize, numbers: &[f32]) {
        if numbers.is_empty() {
            return;
        }
        let observed = self.tensors.entry(name.to_string()).or_default();
        let mut sorted = numbers.to_vec();
        let cut = (numbers.len() as f64 * Self::CUT) as usize;
        let last = numbers.len() - 1;
        observed.low += f64::from(*sorted.select_nth_unstable_by(cut, f32::total_cmp).1);
        observed.high += f64::from(*sorted.select_nth_unstable_by(last - cut, f32::total_cmp).1);
        observed.least = numbers.iter().fold(observed.least, |least, &number| least.min(number));
        observed.most = numbers.iter().fold(observed.most, |most, &number| most.max(number));
        observed.means.resize(channels, 0.0);
        let plane = numbers.len() / channels.max(1);
        for (sum, plane) in observed.means.iter_mut().zip(numbers.chunks_exact(plane.max(1))) {
            *sum += plane.iter().map(|&number| f64::from(number)).sum::<f64>() / plane.len() as f64;
        }
        observed.photos += 1;
    }

    /// What a typical photo needs: the mean of the photos' own ranges.
    pub(crate) fn typical_range(&self, name: &str) -> Option<Range> {
        let observed = self.tensors.get(name)?;
        let photos = observed.photos as f64;
        Some(Range::new((observed.low / photos) as f32, (observed.high / photos) as f32))
    }

    /// What all photos need.
    pub(crate) fn full_range(&self, name: &str) -> Option<Range> {
        self.tensors.get(name).map(|observed| Range::new(observed.least, observed.most))
    }

    /// The mean of each channel.
    pub(crate) fn means(&self, name: &str) -> Option<Vec<f64>> {
        let observed = self.tensors.get(name)?;
        Some(observed.means.iter().map(|sum| sum / observed.photos as f64).collect())
    }
}

impl Range {
    fn new(low: f32, high: f32) -> Self {
        Self { low: low.min(0.0), high: high.max(0.0) }
    }

    /// The range after an activation.
    pub fn cut_to(self, low: f32, high: f32) -> Self {
        Self { low: self.low.max(low), high: self.high.min(high) }
    }

    /// Scale and zero point of u8: number = scale x (u8 - zero point).
    pub fn u8(self) -> (f32, u8) {
        let scale = ((self.high - self.low) / f32::from(u8::MAX)).max(f32::MIN_POSITIVE);
        (scale, (-self.low / scale).round() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, Range};

    #[test]
    fn ranges_are_typical_of_photos_and_hold_zero() {
        let mut calibration = Calibration::new();
        calibration.observe("maps", 2, &[1.0, 3.0, 5.0, 6.0]);
        calibration.observe("maps", 2, &[-4.0, 0.0, 7.0, 8.0]);
        assert_eq!(calibration.typical_range("maps"), Some(Range { low: -1.5, high: 7.0 }));
        assert_eq!(calibration.full_range("maps"), Some(Range { low: -4.0, high: 8.0 }));
        assert_eq!(calibration.means("maps"), Some(vec![0.0, 6.5]));
        calibration.observe("positive", 1, &[2.0, 4.0]);
        assert_eq!(calibration.typical_range("positive"), Some(Range { low: 0.0, high: 4.0 }));
    }

    #[test]
    fn outliers_of_large_tensors_are_cut_off() {
        let mut calibration = Calibration::new();
        let mut numbers = vec![0.5; 200_000];
        numbers[7] = 1e6;
        numbers[8] = -1e6;
        calibration.observe("maps", 1, &numbers);
        assert_eq!(calibration.typical_range("maps"), Some(Range { low: 0.0, high: 0.5 }));
    }

    #[test]
    fn pixels_on_the_backbones_scale_are_exact() {
        let range = Range { low: -127.0 / 128.0, high: 1.0 };
        assert_eq!(range.u8(), (1.0 / 128.0, 127));
    }
}
