use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// More than any network for photos reads; `pixel_values` of this size take 12 MiB a photo.
const MAX_SIDE: u32 = 1024;

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

    /// Refuses sizes and scales that cannot be applied.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what, reason: String| Err(Error::Invalid { what, reason });
        for Size { height, width } in [self.size, self.output_size()] {
            if height == 0 || width == 0 {
                return invalid("preprocessor size", format!("{height}x{width} holds no pixel"));
            }
            if height.max(width) > MAX_SIDE {
                let reason = format!("{height}x{width} is too large: a side may have at most {MAX_SIDE}");
                return invalid("preprocessor size", reason);
            }
        }
        if !self.do_resize && !self.do_center_crop {
            return invalid(
                "do_resize",
                "without a resize or a crop the network's input has no fixed size".into(),
            );
        }
        if self.image_std.contains(&0.0) {
            return invalid("image_std", "a channel is divided by 0".into());
        }
        Ok(())
    }
}
