use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, PreprocessorConfig, Result, Size};
use image::imageops::{FilterType, resize};

/// Longer side of the picture in pixels: that of the network's input in all known bundles.
const LONGER_SIDE: f64 = 224.0;

/// The part of a photo that the network saw, at the network's resolution: what `preprocessor` makes of
/// it, in the photo's own proportions again if these were squeezed. The longer side has 224 pixels.
///
/// # Errors
/// A photo that cannot be resized.
pub fn seen(photo: &RgbImage, preprocessor: &Preprocessor) -> Result<RgbImage> {
    Ok(seen_input(&preprocessor.resize(photo)?, photo.dimensions(), preprocessor.config()))
}

/// [`seen`] of a photo that is resized already: `input` is the network's input, `original` the photo's width and height.
pub fn seen_input(input: &RgbImage, original: (u32, u32), config: &PreprocessorConfig) -> RgbImage {
    let [width, height] = proportions(original, config);
    let scale = LONGER_SIDE / width.max(height);
    let [width, height] = [width, height].map(|side| (side * scale).round().max(1.0) as u32);
    resize(input, width, height, FilterType::CatmullRom)
}

/// Width and height, in pixels of the photo, of what becomes the network's input.
fn proportions((width, height): (u32, u32), config: &PreprocessorConfig) -> [f64; 2] {
    let Size { height: input_height, width: input_width } = config.output_size();
    let of_photo = |input: u32, photo: u32, resized: u32| {
        let squeezed = if config.do_resize { f64::from(photo) / f64::from(resized) } else { 1.0 };
        f64::from(input) * squeezed
    };
    [of_photo(input_width, width, config.size.width), of_photo(input_height, height, config.size.height)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_squeezed_photo_has_its_proportions_again() {
        let config = PreprocessorConfig::squash(224, [0.5; 3], [0.5; 3]);
        assert_eq!(proportions((640, 480), &config), [640.0, 480.0]);
        let seen = seen(&RgbImage::new(640, 480), &Preprocessor::new(config).unwrap()).unwrap();
        assert_eq!(seen.dimensions(), (224, 168));
    }

    #[test]
    fn a_crop_shows_what_is_left() {
        let mut config = PreprocessorConfig::squash(256, [0.5; 3], [0.5; 3]);
        config.do_center_crop = true;
        config.crop_size = Size { height: 128, width: 192 };
        assert_eq!(proportions((512, 1024), &config), [384.0, 512.0]);
        config.do_resize = false;
        assert_eq!(proportions((512, 1024), &config), [192.0, 128.0]);

        // A photo that is white where the crop cuts it off.
        let photo = RgbImage::from_fn(512, 512, |x, y| {
            let inside = (64..448).contains(&x) && (128..384).contains(&y);
            image::Rgb([if inside { 0 } else { 255 }; 3])
        });
        config.do_resize = true;
        let seen = seen(&photo, &Preprocessor::new(config).unwrap()).unwrap();
        assert_eq!(seen.dimensions(), (224, 149));
        let middle =
            seen.enumerate_pixels().filter(|&(x, y, _)| (3..221).contains(&x) && (3..146).contains(&y));
        assert!(middle.into_iter().all(|(_, _, pixel)| pixel.0 == [0; 3]));
    }
}
