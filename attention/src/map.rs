use crate::Error;
use glimpse_bundle::image::RgbImage;
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// Share of the colour in an overlay; the rest is the photo.
const OPACITY: f32 = 0.6;

/// The attention weights of a caption's tokens, with the photo.
#[derive(Debug, Clone, Copy)]
pub struct AttentionMap<'a> {
    picture: &'a RgbImage,
    tokens: &'a [String],
    weights: ArrayView2<'a, f32>,
}

impl<'a> AttentionMap<'a> {
    /// `picture` is the photo as [`input_picture`](super::input_picture()) returns it; `weights` is \[tokens, cells\]
    /// of a square grid, row-major.
    ///
    /// # Errors
    /// A number of rows that differs from the number of tokens, or a number of cells that is not a square.
    pub fn new(
        picture: &'a RgbImage,
        tokens: &'a [String],
        weights: ArrayView2<'a, f32>,
    ) -> Result<Self, Error> {
        let (rows, cells) = weights.dim();
        if rows != tokens.len() || cells == 0 || cells.isqrt().pow(2) != cells {
            return Err(Error::Shape { shape: [rows, cells], tokens: tokens.len() });
        }
        Ok(Self { picture, tokens, weights })
    }

    /// The part of the photo that is the network's input.
    pub fn picture(&self) -> &'a RgbImage {
        self.picture
    }

    /// The tokens, with `<eos>` if it was reached.
    pub fn tokens(&self) -> &'a [String] {
        self.tokens
    }

    /// The photo with the weights of one token drawn over it, in the photo's size.
    ///
    /// The weights are interpolated with [`upsample`] and coloured with matplotlib's perceptually uniform inferno: 0 is
    /// dark, the largest weight of this token is bright.
    ///
    /// # Panics
    /// If there is no such token.
    pub fn overlay(&self, token: usize) -> RgbImage {
        let weights = self.weights.row(token);
        let (width, height) = self.picture.dimensions();
        let largest = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let heat = upsample(weights, width, height);
        let mut overlay = self.picture.clone();
        for (pixel, weight) in overlay.pixels_mut().zip(&heat) {
            let colour = colorous::INFERNO.eval_continuous(f64::from(weight / largest)).into_array();
            for (value, colour) in pixel.0.iter_mut().zip(colour) {
                let mixed = f32::from(*value) * (1.0 - OPACITY) + f32::from(colour) * OPACITY;
                *value = mixed.round() as u8;
            }
        }
        overlay
    }
}

/// Interpolates the weights of a square grid, row-major, to `width` x `height` pixels: \[height, width\].
///
/// The values are bilinear between the centres of the cells, and constant outside the outermost centres. For pictures
/// that are larger than the grid this equals torch's `interpolate(mode="bilinear", align_corners=False)`.
pub fn upsample(weights: ArrayView1<'_, f32>, width: u32, height: u32) -> Array2<f32> {
    let side = weights.len().isqrt() as u32;
    let grid = ImageBuffer::from_fn(side, side, |x, y| Luma([weights[(y * side + x) as usize]]));
    let pixels = resize(&grid, width, height, FilterType::Triangle);
    Array2::from_shape_fn((height as usize, width as usize), |(y, x)| {
        pixels.get_pixel(x as u32, y as u32).0[0]
    })
}
