use crate::Result;
use glimpse_bundle::Preprocessor;
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{PreprocessorConfig, Size};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How a training view differs from the plain one; every view is also mirrored every other time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// torchvision's Resize(256) of both sides and RandomCrop(224), in proportion for other input sizes.
    #[default]
    Crop,
    /// torchvision's RandomResizedCrop with 40 to 100 % of the area and its sides' ratio in 3/4 to 4/3.
    ResizedCrop,
}

impl Augmentation {
    /// Whether it is the default: caches from before there was a choice say nothing of it.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Shares of the area that a resized crop keeps.
const AREA: std::ops::RangeInclusive<f64> = 0.4..=1.0;
/// Logarithm of the largest ratio of its sides.
const LOG_RATIO: f64 = 0.287_682_072_451_780_9;

/// Makes the views of a photo: view 0 as at inference, the others as in training.
#[derive(Debug)]
pub(super) struct Views {
    plain: Preprocessor,
    /// To the size that crops are cut from, or that they are brought to.
    resize: Preprocessor,
    augmentation: Augmentation,
    seed: u64,
}

impl Views {
    pub fn new(config: &PreprocessorConfig, augmentation: Augmentation, seed: u64) -> Result<Self> {
        let Size { height, width } = config.output_size();
        let mut resized = config.clone();
        resized.size = match augmentation {
            Augmentation::Crop => Size { height: height * 256 / 224, width: width * 256 / 224 },
            Augmentation::ResizedCrop => Size { height, width },
        };
        resized.do_resize = true;
        resized.do_center_crop = false;
        let (plain, resize) = (Preprocessor::new(config.clone())?, Preprocessor::new(resized)?);
        Ok(Self { plain, resize, augmentation, seed })
    }

    /// Appends `pixel_values` of the first `count` views, f32 [count, 3, height, width].
    pub fn append(&self, picture: &RgbImage, name: &str, count: usize, out: &mut Vec<f32>) -> Result<()> {
        let size = self.output_size();
        let plane = 3 * (size.height * size.width) as usize;
        let start = out.len();
        out.resize(start + count * plane, 0.0);
        let (first, others) = out[start..].split_at_mut(plane);
        self.plain.pixel_values(picture, first)?;
        self.augment(picture, &mut self.rng(name), others)
    }

    /// Appends view `number`, f32 [3, height, width]: 0 is the plain one, the others are not those of
    /// [`Views::append`], which has few and draws them in turn.
    pub fn append_one(
        &self,
        picture: &RgbImage,
        name: &str,
        number: usize,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        if number == 0 {
            return self.append(picture, name, 1, out);
        }
        let size = self.output_size();
        let start = out.len();
        out.resize(start + 3 * (size.height * size.width) as usize, 0.0);
        let mut rng = self.rng(name);
        rng.set_stream(number as u64);
        self.augment(picture, &mut rng, &mut out[start..])
    }

    /// Size of every view.
    pub fn output_size(&self) -> Size {
        self.plain.config().output_size()
    }

    fn rng(&self, name: &str) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed ^ fnv1a(name))
    }

    /// Fills `out`, f32 [views, 3, height, width], with random views.
    fn augment(&self, picture: &RgbImage, rng: &mut ChaCha8Rng, out: &mut [f32]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let size = self.output_size();
        let enlarged = match self.augmentation {
            Augmentation::Crop => Some(self.resize.resize(picture)?),
            Augmentation::ResizedCrop => None,
        };
        for view in out.chunks_exact_mut(3 * (size.height * size.width) as usize) {
            let seen = match &enlarged {
                Some(enlarged) => {
                    let x = rng.random_range(0..=enlarged.width() - size.width);
                    let y = rng.random_range(0..=enlarged.height() - size.height);
                    crop(enlarged, (x, y), size, rng.random_bool(0.5))
                }
                None => {
                    let (corner, part) = resized_crop(picture.dimensions(), rng);
                    self.resize.resize(&crop(picture, corner, part, rng.random_bool(0.5)))?
                }
            };
            self.plain.normalize(&seen, view);
        }
        Ok(())
    }
}

/// Upper left corner and size of a random part of a photo.
fn resized_crop((width, height): (u32, u32), rng: &mut impl Rng) -> ((u32, u32), Size) {
    let area = f64::from(width) * f64::from(height);
    // Ten tries, then the whole photo: a long narrow one may have no such part.
    for _ in 0..10 {
        let wanted = area * rng.random_range(AREA);
        let ratio = rng.random_range(-LOG_RATIO..=LOG_RATIO).exp();
        let (w, h) = ((wanted * ratio).sqrt().round() as u32, (wanted / ratio).sqrt().round() as u32);
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let corner = (rng.random_range(0..=width - w), rng.random_range(0..=height - h));
            return (corner, Size { height: h, width: w });
        }
    }
    ((0, 0), Size { height, width })
}

/// FNV-1a: a photo's views depend on its name, not on its place in the list.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn crop(picture: &RgbImage, (x, y): (u32, u32), size: Size, flip: bool) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |column, row| {
        let column = if flip { size.width - 1 - column } else { column };
        *picture.get_pixel(x + column, y + row)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_bundle::image;

    fn draw((width, height): (u32, u32), pixel: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        RgbImage::from_raw(width, height, values.flat_map(|(x, y)| pixel(x, y)).collect()).unwrap()
    }

    /// The picture of tests/views/generate.py, and its answer.
    #[test]
    fn a_flipped_crop_equals_torchvisions() {
        let picture =
            draw((47, 33), |x, y| [0, 29, 58].map(|shift| (x * 7 + y * 13 + shift + (x ^ y) * 5) as u8));
        let config = PreprocessorConfig::squash(28, [0.5; 3], [0.25; 3]);
        let views = Views::new(&config, Augmentation::Crop, 0).unwrap();
        let enlarged = views.resize.resize(&picture).unwrap();
        let found = crop(&enlarged, (3, 1), Size { height: 28, width: 28 }, true);
        let expected = include_bytes!("../../tests/views/flipped-crop.png");
        let expected = image::decode(expected).unwrap();
        assert_eq!(found.dimensions(), expected.dimensions());
        let difference = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        let differences: Vec<_> = found.as_raw().iter().zip(expected.as_raw()).map(difference).collect();
        assert!(differences.iter().all(|&difference| difference <= 1), "{differences:?}");
    }

    /// Every random view is a crop of the enlarged photo, mirrored or not.
    #[test]
    fn random_views_are_crops_mirrored_every_other_time() {
        let picture = draw((64, 64), |x, y| [x as u8 * 3, y as u8 * 3, 7]);
        let config = PreprocessorConfig::squash(28, [0.0; 3], [1.0 / 255.0; 3]);
        let views = Views::new(&config, Augmentation::Crop, 0).unwrap();
        let (mut mirrored, mut corners) = (0, std::collections::HashSet::new());
        for number in 0..200 {
            let mut out = Vec::new();
            views.append_one(&picture, &number.to_string(), 1, &mut out).unwrap();
            // Red grows to the right and green downwards.
            let (left, right) = (out[0], out[27]);
            mirrored += usize::from(left > right);
            corners.insert((left.min(right) as u8, out[28 * 28] as u8));
        }
        assert!((70..130).contains(&mirrored), "{mirrored} of 200 views are mirrored");
        assert!(corners.len() >= 20, "5 x 5 corners, of which {} were drawn", corners.len());
    }

    #[test]
    fn a_resized_crop_lies_in_the_photo_and_keeps_its_share_of_the_area() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut whole = 0;
        for _ in 0..1_000 {
            let ((x, y), size) = resized_crop((300, 200), &mut rng);
            assert!(size.width >= 1 && x + size.width <= 300 && size.height >= 1 && y + size.height <= 200);
            let share = f64::from(size.width * size.height) / 60_000.0;
            assert!((0.39..=1.0).contains(&share), "{share}");
            whole += usize::from(share == 1.0);
        }
        assert!(whole < 50, "{whole} of 1,000 crops are the whole photo");
        assert_eq!(resized_crop((1_000, 10), &mut rng).1, Size { height: 10, width: 1_000 });
    }
}
