use crate::AttentionMap;
use crate::text::{LINE, write_centred};
use glimpse_bundle::image::RgbImage;
use image::Rgb;
use image::imageops::replace;

/// Pixels between tiles, and around them.
const GAP: u32 = 8;
/// Tiles in a row, so that the sheet fits a screen or a page.
const COLUMNS: u32 = 6;
const PAPER: Rgb<u8> = Rgb([255; 3]);

impl AttentionMap<'_> {
    /// One picture of the caption: the photo, then an overlay for each token with the token under it, in rows of six.
    pub fn contact_sheet(&self) -> RgbImage {
        let (width, height) = self.picture().dimensions();
        let (across, down) = (width + GAP, height + LINE + GAP);
        let tiles = self.tokens().len() as u32 + 1;
        let columns = tiles.min(COLUMNS);
        let rows = tiles.div_ceil(columns);
        let mut sheet = RgbImage::from_pixel(columns * across + GAP, rows * down + GAP, PAPER);
        let corner = |tile: u32| (GAP + tile % columns * across, GAP + tile / columns * down);
        let (left, top) = corner(0);
        replace(&mut sheet, self.picture(), left.into(), top.into());
        for (index, token) in self.tokens().iter().enumerate() {
            let (left, top) = corner(index as u32 + 1);
            replace(&mut sheet, &self.overlay(index), left.into(), top.into());
            write_centred(&mut sheet, token, left, top + height, width);
        }
        sheet
    }
}
