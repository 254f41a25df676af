use super::{ImageError, Limits, RgbImage, Source, Warning, load};
use crate::{Error, GRID_SIZE, PreprocessorConfig, Resample, Result, Size};
use ::image::{GenericImage, GenericImageView};
use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};

/// Applies a [`PreprocessorConfig`]: an upright 8-bit RGB picture becomes `pixel_values`.
///
/// The steps and their results are those of torchvision on a PIL picture: `Resize((height, width))`
/// (antialiased), `CenterCrop`, `ToTensor`, `Normalize`.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    config: PreprocessorConfig,
    /// What each 8-bit value becomes, per RGB channel.
    values: Box<[[f32; 256]; 3]>,
    min_side: u32,
}

/// A photo that is ready for the network.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Prepared {
    /// f32 [3, height, width] of `output_size()`, standard layout.
    pub pixel_values: Vec<f32>,
    /// What a user has to be told although there are pixels.
    pub warning: Option<Warning>,
}

impl Preprocessor {
    /// Checks the config. Photos with fewer than [`GRID_SIZE`] pixels on a side are refused; see
    /// [`Self::with_min_side`].
    pub fn new(config: PreprocessorConfig) -> Result<Self> {
        config.validate()?;
        let values = Box::new(std::array::from_fn(|channel| value_table(&config, channel)));
        Ok(Self { config, values, min_side: GRID_SIZE as u32 })
    }

    /// Refuses photos with fewer pixels on a side. With fewer than the rows and columns of the network's
    /// grid some of its cells have no pixel, and the words are invented.
    #[must_use]
    pub fn with_min_side(self, min_side: u32) -> Self {
        Self { min_side, ..self }
    }

    /// The config.
    pub fn config(&self) -> &PreprocessorConfig {
        &self.config
    }

    /// From a file, bytes or a stream to `pixel_values`, under the default [`Limits`]: [`load`], then
    /// [`Self::pixel_values`]. All programs take this path.
    ///
    /// # Errors
    /// Those of [`load`], and of [`Self::pixel_values`].
    pub fn prepare<'a>(&self, source: impl Into<Source<'a>>) -> Result<Prepared> {
        self.prepare_and(source, |_| ()).map(|(prepared, ())| prepared)
    }

    /// [`Self::prepare`] for a caller that also wants something of the upright photo, which is not kept.
    ///
    /// # Errors
    /// Those of [`Self::prepare`].
    pub fn prepare_and<'a, T>(
        &self,
        source: impl Into<Source<'a>>,
        use_photo: impl FnOnce(&RgbImage) -> T,
    ) -> Result<(Prepared, T)> {
        load(source.into(), &Limits::default(), |photo| {
            let Size { height, width } = self.config.output_size();
            let mut pixel_values = vec![0.0; 3 * height as usize * width as usize];
            self.pixel_values(&photo.image, &mut pixel_values)?;
            Ok((Prepared { pixel_values, warning: photo.warning }, use_photo(&photo.image)))
        })?
    }

    /// Refuses a picture that is smaller than [`Self::with_min_side`] says.
    pub fn check(&self, picture: &RgbImage) -> Result<()> {
        let ((width, height), min_side) = (picture.dimensions(), self.min_side);
        if width.min(height) < min_side {
            return Err(ImageError::TooFewPixels { width, height, min_side }.into());
        }
        Ok(())
    }

    /// Resizes and crops to `output_size()`, still 8-bit RGB.
    ///
    /// A crop that is larger than the picture pads it with black, as torchvision's `CenterCrop` does.
    pub fn resize(&self, picture: &RgbImage) -> Result<RgbImage> {
        let Size { height, width } = self.config.size;
        let resized = (self.config.do_resize && picture.dimensions() != (width, height))
            .then(|| resample(picture, self.config.size, self.config.resample))
            .transpose()?;
        Ok(match (resized, self.config.do_center_crop) {
            (Some(resized), false) => resized,
            (None, false) => picture.clone(),
            (Some(resized), true) => center_crop(&resized, self.config.crop_size)?,
            (None, true) => center_crop(picture, self.config.crop_size)?,
        })
    }

    /// Resizes, crops and normalises into `out`, f32 [3, height, width].
    ///
    /// Fails when `out` does not hold 3 x height x width values of `output_size()`, or when the picture
    /// is smaller than [`Self::with_min_side`] says.
    pub fn pixel_values(&self, picture: &RgbImage, out: &mut [f32]) -> Result<()> {
        self.check(picture)?;
        let Size { height, width } = self.config.output_size();
        let len = 3 * height as usize * width as usize;
        if out.len() != len {
            let reason = format!("holds {} values where [3, {height}, {width}] takes {len}", out.len());
            return Err(Error::Invalid { what: "pixel_values", reason });
        }
        self.normalize(&self.resize(picture)?, out);
        Ok(())
    }

    /// Normalises a picture of `output_size()` into `out`, f32 [3, height, width].
    ///
    /// # Panics
    /// When `out` is shorter than the picture's 3 x height x width values.
    pub fn normalize(&self, picture: &RgbImage, out: &mut [f32]) {
        let plane = picture.width() as usize * picture.height() as usize;
        let (red, rest) = out.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let [red_values, green_values, blue_values] = &*self.values;
        let (pixels, _) = picture.as_chunks::<3>();
        for (((pixel, r), g), b) in pixels.iter().zip(red).zip(green).zip(&mut blue[..plane]) {
            *r = red_values[usize::from(pixel[0])];
            *g = green_values[usize::from(pixel[1])];
            *b = blue_values[usize::from(pixel[2])];
        }
    }
}

/// `do_rescale` and `do_normalize` of every 8-bit value: computed in f64, rounded once.
fn value_table(config: &PreprocessorConfig, channel: usize) -> [f32; 256] {
    let scale = if config.do_rescale { config.rescale_factor } else { 1.0 };
    let (mean, std) = if config.do_normalize {
        (config.image_mean[channel], config.image_std[channel])
    } else {
        (0.0, 1.0)
    };
    std::array::from_fn(|value| ((value as f64 * scale - mean) / std) as f32)
}

/// PIL's `Image.resize((width, height), resample)`.
fn resample(picture: &RgbImage, size: Size, resample: Resample) -> Result<RgbImage> {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return Err(ImageError::NoPixels { width, height }.into());
    }
    let filter = match resample {
        Resample::Nearest => return Ok(nearest(picture, size)),
        Resample::Bilinear => FilterType::Bilinear,
        Resample::Bicubic => FilterType::CatmullRom,
        Resample::Lanczos => FilterType::Lanczos3,
    };
    convolve(picture, size, filter).map_err(|error| ImageError::Resize(error.to_string()).into())
}

/// Along the rows first, then along the columns, with 8 bits in between: the order of PIL up to 12 and of
/// torchvision. The crate by itself starts 8-bit pictures with the columns, and PIL 13 does so for some
/// shapes; bicubic and lanczos then overshoot, and are cut off, in other places.
fn convolve(picture: &RgbImage, size: Size, filter: FilterType) -> Result<RgbImage, ResizeError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let mut resizer = Resizer::new();
    let mut narrowed = RgbImage::new(size.width, picture.height());
    resizer.resize(picture, &mut narrowed, &options)?;
    let mut resized = RgbImage::new(size.width, size.height);
    resizer.resize(&narrowed, &mut resized, &options)?;
    Ok(resized)
}

/// Sums up the steps as PIL does: multiplied instead, some pixels on a tie come from the neighbour.
fn nearest(picture: &RgbImage, size: Size) -> RgbImage {
    let sources = |length: u32, target: u32| -> Vec<u32> {
        let step = f64::from(length) / f64::from(target);
        std::iter::successors(Some(step * 0.5), |position| Some(position + step))
            .map(|position| (position as u32).min(length - 1))
            .take(target as usize)
            .collect()
    };
    let columns = sources(picture.width(), size.width);
    let rows = sources(picture.height(), size.height);
    RgbImage::from_fn(size.width, size.height, |x, y| {
        *picture.get_pixel(columns[x as usize], rows[y as usize])
    })
}

/// torchvision's `CenterCrop`: black padding where the picture is smaller, the odd pixel of padding
/// goes right and below, and half a pixel of offset rounds to the even number.
fn center_crop(picture: &RgbImage, size: Size) -> Result<RgbImage> {
    let (source_x, target_x, width) = crop_axis(picture.width(), size.width);
    let (source_y, target_y, height) = crop_axis(picture.height(), size.height);
    let mut cropped = RgbImage::new(size.width, size.height);
    cropped
        .copy_from(&*picture.view(source_x, source_y, width, height), target_x, target_y)
        .map_err(|error| ImageError::Resize(error.to_string()))?;
    Ok(cropped)
}

/// Where a centred crop reads from, where it writes to, and how many pixels, along one axis.
fn crop_axis(length: u32, target: u32) -> (u32, u32, u32) {
    if target > length {
        (0, (target - length) / 2, length)
    } else {
        let offset = (f64::from(length - target) / 2.0).round_ties_even();
        (offset as u32, 0, target)
    }
}
