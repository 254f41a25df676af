//! Text under pictures, in DejaVu Sans, which has Latin, Greek and Cyrillic letters.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use glimpse_bundle::image::RgbImage;
use image::Rgb;

/// Height of a line of text in pixels.
pub(super) const LINE: u32 = 24;
/// Height of the letters with ascenders and descenders.
const SIZE: f32 = 18.0;
const INK: f32 = 32.0;

/// Writes one line, centred in the `width` pixels to the right of (`left`, `top`). A line that is too long is written
/// smaller.
pub(super) fn write_centred(picture: &mut RgbImage, text: &str, left: u32, top: u32, width: u32) {
    let Ok(font) = FontRef::try_from_slice(dejavu::sans::regular()) else { return };
    let long = line(&font, text, SIZE).1;
    let size = SIZE * (width as f32 / long).min(1.0);
    let (glyphs, length) = line(&font, text, size);
    let start = point(left as f32 + (width as f32 - length) / 2.0, top as f32 + baseline(&font));
    for mut glyph in glyphs {
        glyph.position += start;
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| {
            let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
            if let Some(Rgb(pixel)) = picture.get_pixel_mut_checked(x, y) {
                *pixel = pixel.map(|paper| (f32::from(paper) * (1.0 - coverage) + INK * coverage) as u8);
            }
        });
    }
}

/// The glyphs side by side, the first at (0, 0), and their total width.
fn line(font: &FontRef<'_>, text: &str, size: f32) -> (Vec<Glyph>, f32) {
    let font = font.as_scaled(PxScale::from(size));
    let (mut glyphs, mut x) = (Vec::<Glyph>::new(), 0.0);
    for letter in text.chars() {
        let mut glyph = font.scaled_glyph(letter);
        x += glyphs.last().map_or(0.0, |last| font.kern(last.id, glyph.id));
        glyph.position = point(x, 0.0);
        x += font.h_advance(glyph.id);
        glyphs.push(glyph);
    }
    (glyphs, x)
}

/// The baseline of letters of full size; smaller letters use it too.
fn baseline(font: &FontRef<'_>) -> f32 {
    let font = font.as_scaled(PxScale::from(SIZE));
    ((LINE as f32 - font.height()) / 2.0 + font.ascent()).round()
}
