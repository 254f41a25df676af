use crate::Error;
use glimpse_bundle::image::RgbImage;
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// How much of an overlay is colour, how much photo.
const OPACITY: f32 = 0.6;

/// A caption's attention and the photo it looked at.
#[derive(Debug, Clone, Copy)]
pub struct AttentionMap<'a> {
    seen: &'a RgbImage,
    words: &'a [String],
    weights: ArrayView2<'a, f32>,
}

impl<'a> AttentionMap<'a> {
    /// `seen` is what [`seen`](super::seen()) makes of the photo; `weights` is \[words, cells\] of a
    /// square grid, row-major.
    ///
    /// # Errors
    /// Another number of rows than words, or cells that make no square.
    pub fn new(seen: &'a RgbImage, words: &'a [String], weights: ArrayView2<'a, f32>) -> Result<Self, Error> {
        let (rows, cells) = weights.dim();
        if rows != words.len() || cells == 0 || cells.isqrt().pow(2) != cells {
            return Err(Error::Shape { shape: [rows, cells], words: words.len() });
        }
        Ok(Self { seen, words, weights })
    }

    /// The photo as the network saw it.
    pub fn seen(&self) -> &'a RgbImage {
        self.seen
    }

    /// The words, `<eos>` among them where it was reached.
    pub fn words(&self) -> &'a [String] {
        self.words
    }

    /// The photo under the weights of one word, as large as the photo.
    ///
    /// The weights are interpolated as [`upsample`] does, and coloured with matplotlib's perceptually
    /// uniform inferno from 0, dark, to the largest weight of this word, bright.
    ///
    /// # Panics
    /// When there is no such word.
    pub fn overlay(&self, word: usize) -> RgbImage {
        let weights = self.weights.row(word);
        let (width, height) = self.seen.dimensions();
        let most = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let heat = upsample(weights, width, height);
        let mut overlay = self.seen.clone();
        for (pixel, weight) in overlay.pixels_mut().zip(&heat) {
            let colour = colorous::INFERNO.eval_continuous(f64::from(weight / most)).into_array();
            for (value, colour) in pixel.0.iter_mut().zip(colour) {
                let mixed = f32::from(*value) * (1.0 - OPACITY) + f32::from(colour) * OPACITY;
                *value = mixed.round() as u8;
            }
        }
        overlay
    }
}

/// Spreads the weights of a square grid, row-major, over `width` x `height` pixels: \[height, width\].
///
/// Bilinear between the cells' centres, and constant beyond the outermost ones: torch's
/// `interpolate(mode="bilinear", align_corners=False)`, for pictures that are larger than the grid.
pub fn upsample(weights: ArrayView1<'_, f32>, width: u32, height: u32) -> Array2<f32> {
    let side = weights.len().isqrt() as u32;
    let grid = ImageBuffer::from_fn(side, side, |x, y| Luma([weights[(y * side + x) as usize]]));
    let pixels = resize(&grid, width, height, FilterType::Triangle);
    Array2::from_shape_fn((height as usize, width as usize), |(y, x)| {
        pixels.get_pixel(x as u32, y as u32).0[0]
    })
}
