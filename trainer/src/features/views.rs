use crate::Result;
use glimpse_bundle::Preprocessor;
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{PreprocessorConfig, Size};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Makes the views of a photo: view 0 as at inference, the others as in training.
///
/// A training view is torchvision's Resize(256) of both sides, RandomCrop(224) and
/// RandomHorizontalFlip, scaled in proportion for other input sizes.
#[derive(Debug)]
pub(super) struct Views {
    plain: Preprocessor,
    enlarge: Preprocessor,
    seed: u64,
}

impl Views {
    pub fn new(config: &PreprocessorConfig, seed: u64) -> Result<Self> {
        let Size { height, width } = config.output_size();
        let mut enlarged = config.clone();
        enlarged.size = Size { height: height * 256 / 224, width: width * 256 / 224 };
        enlarged.do_resize = true;
        enlarged.do_center_crop = false;
        Ok(Self { plain: Preprocessor::new(config.clone())?, enlarge: Preprocessor::new(enlarged)?, seed })
    }

    /// Appends `pixel_values` of the first `count` views, f32 [count, 3, height, width].
    pub fn append(&self, picture: &RgbImage, name: &str, count: usize, out: &mut Vec<f32>) -> Result<()> {
        let size = self.plain.config().output_size();
        let plane = 3 * (size.height * size.width) as usize;
        let start = out.len();
        out.resize(start + count * plane, 0.0);
        let (first, others) = out[start..].split_at_mut(plane);
        self.plain.pixel_values(picture, first)?;
        if count == 1 {
            return Ok(());
        }
        let enlarged = self.enlarge.resize(picture)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ fnv1a(name));
        for view in others.chunks_exact_mut(plane) {
            let x = rng.random_range(0..=enlarged.width() - size.width);
            let y = rng.random_range(0..=enlarged.height() - size.height);
            let flip = rng.random_bool(0.5);
            self.plain.normalize(&crop(&enlarged, x, y, size, flip), view);
        }
        Ok(())
    }
}

/// FNV-1a: a photo's views depend on its name, not on its place in the list.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn crop(picture: &RgbImage, x: u32, y: u32, size: Size, flip: bool) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |column, row| {
        let column = if flip { size.width - 1 - column } else { column };
        *picture.get_pixel(x + column, y + row)
    })
}
