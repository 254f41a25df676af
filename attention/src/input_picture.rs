use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, PreprocessorConfig, Result, Size};
use image::imageops::{FilterType, resize};

/// Longer side of the picture in pixels.
const LONGER_SIDE: f64 = 224.0;

/// The part of a photo that is the network's input, at about the network's resolution and in the photo's proportions,
/// even if `preprocessor` changes them. The longer side has 224 pixels.
///
/// # Errors
/// A photo that cannot be resized.
pub fn input_picture(photo: &RgbImage, preprocessor: &Preprocessor) -> Result<RgbImage> {
    Ok(restore_proportions(&preprocessor.resize(photo)?, photo.dimensions(), preprocessor.config()))
}

/// [`input_picture`] for a photo that is resized already: `input` is the network's input, `original` the photo's width
/// and height.
pub fn restore_proportions(input: &RgbImage, original: (u32, u32), config: &PreprocessorConfig) -> RgbImage {
    let [width, height] = proportions(original, config);
    let scale = LONGER_SIDE / width.max(height);
    let [width, height] = [width, height].map(|side| (side * scale).round().max(1.0) as u32);
    resize(input, width, height, FilterType::CatmullRom)
}

/// Width and height, in pixels of the photo, of the part that becomes the network's input.
fn proportions((width, height): (u32, u32), config: &PreprocessorConfig) -> [f64; 2] {
    let Size { height: input_height, width: input_width } = config.output_size();
    let of_photo = |input: u32, photo: u32, resized: u32| {
        let scale = if config.do_resize { f64::from(photo) / f64::from(resized) } else { 1.0 };
        f64::from(input) * scale
    };
    [of_photo(input_width, width, config.size.width), of_photo(input_height, height, config.size.height)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_with_changed_proportions_gets_its_own_again() {
        let config = PreprocessorConfig::squash(224, [0.5; 3], [0.5; 3]);
        assert_eq!(proportions((640, 480), &config), [640.0, 480.0]);
        let picture = input_picture(&RgbImage::new(640, 480), &Preprocessor::new(config).unwrap()).unwrap();
        assert_eq!(picture.dimensions(), (224, 168));
    }

    #[test]
    fn a_crop_shows_the_part_that_remains() {
        let mut config = PreprocessorConfig::squash(256, [0.5; 3], [0.5; 3]);
        config.do_center_crop = true;
        config.crop_size = Size { height: 128, width: 192 };
        assert_eq!(proportions((512, 1024), &config), [384.0, 512.0]);
        config.do_resize = false;
        assert_eq!(proportions((512, 1024), &config), [192.0, 128.0]);

        // A photo that is white outside the crop.
        let photo = RgbImage::from_fn(512, 512, |x, y| {
            let inside = (64..448).contains(&x) && (128..384).contains(&y);
            image::Rgb([if inside { 0 } else { 255 }; 3])
        });
        config.do_resize = true;
        let picture = input_picture(&photo, &Preprocessor::new(config).unwrap()).unwrap();
        assert_eq!(picture.dimensions(), (224, 149));
        let middle =
            picture.enumerate_pixels().filter(|&(x, y, _)| (3..221).contains(&x) && (3..146).contains(&y));
        assert!(middle.into_iter().all(|(_, _, pixel)| pixel.0 == [0; 3]));
    }
}
