use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Longest side of `pixel_values`, and of what a photo is resized to, in pixels. At this size, a batch of 8 photos takes
/// 100 MB.
pub const MAX_INPUT_SIDE: u32 = 1024;

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

/// Interpolation, by PIL's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Resample {
    /// 0
    Nearest,
    /// 1
    Lanczos,
    /// 2, torchvision's default
    Bilinear,
    /// 3
    Bicubic,
}

impl TryFrom<u8> for Resample {
    type Error = String;
    fn try_from(code: u8) -> Result<Self, String> {
        match code {
            0 => Ok(Self::Nearest),
            1 => Ok(Self::Lanczos),
            2 => Ok(Self::Bilinear),
            3 => Ok(Self::Bicubic),
            _ => Err(format!(
                "resample {code} is none of PIL's 0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic)"
            )),
        }
    }
}

impl From<Resample> for u8 {
    fn from(resample: Resample) -> Self {
        match resample {
            Resample::Nearest => 0,
            Resample::Lanczos => 1,
            Resample::Bilinear => 2,
            Resample::Bicubic => 3,
        }
    }
}

/// `preprocessor_config.json`, under Hugging Face's keys.
///
/// `pixel_values = (pixel * rescale_factor - image_mean) / image_std`, per RGB channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreprocessorConfig {
    /// Resize to `size`, both sides, without keeping the aspect ratio.
    pub do_resize: bool,
    /// Target of the resize.
    pub size: Size,
    /// Interpolation of the resize; always antialiased, as PIL does it.
    pub resample: Resample,
    /// Cut `crop_size` out of the middle after the resize.
    pub do_center_crop: bool,
    /// Target of the crop.
    pub crop_size: Size,
    /// Multiply pixels by `rescale_factor`.
    pub do_rescale: bool,
    /// 1/255.
    pub rescale_factor: f64,
    /// Subtract `image_mean` and divide by `image_std`.
    pub do_normalize: bool,
    /// Mean per channel, on the rescaled 0-1 scale.
    pub image_mean: [f64; 3],
    /// Standard deviation per channel, on the rescaled 0-1 scale.
    pub image_std: [f64; 3],
}

impl PreprocessorConfig {
    /// The whole picture squeezed into `side` x `side`, bilinear, then normalised.
    pub fn squash(side: u32, image_mean: [f64; 3], image_std: [f64; 3]) -> Self {
        let size = Size { height: side, width: side };
        Self {
            do_resize: true,
            size,
            resample: Resample::Bilinear,
            do_center_crop: false,
            crop_size: size,
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean,
            image_std,
        }
    }

    /// Height and width of `pixel_values`.
    pub fn output_size(&self) -> Size {
        if self.do_center_crop { self.crop_size } else { self.size }
    }

    /// Refuses sizes and scales that are out of range.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a side is 0 or above [`MAX_INPUT_SIDE`], nothing fixes the size of `pixel_values`, or a scale
    /// is not a usable number.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what, reason: String| Err(Error::Invalid { what, reason });
        for (what, Size { height, width }) in
            [("preprocessor size", self.size), ("preprocessor crop_size", self.output_size())]
        {
            let sides = 1..=MAX_INPUT_SIDE;
            if !sides.contains(&height) || !sides.contains(&width) {
                let reason =
                    format!("{height}x{width}, where a side has between 1 and {MAX_INPUT_SIDE} pixels");
                return invalid(what, reason);
            }
        }
        if !self.do_resize && !self.do_center_crop {
            return invalid(
                "do_resize",
                "without a resize or a crop, the size of the network's input is not known".into(),
            );
        }
        let scales = [("rescale_factor", self.rescale_factor)];
        let deviations = self.image_std.map(|deviation| ("image_std", deviation));
        for (what, value) in scales.into_iter().chain(deviations) {
            if !(value as f32).is_normal() || value < 0.0 {
                return invalid(what, format!("{value} is not a usable number above 0"));
            }
        }
        match self.image_mean.iter().find(|mean| !(**mean as f32).is_finite()) {
            Some(mean) => invalid("image_mean", format!("{mean} is not a usable number")),
            None => Ok(()),
        }
    }
}
