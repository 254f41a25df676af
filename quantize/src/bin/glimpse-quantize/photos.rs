//! The photos to calibrate with.

use anyhow::{Context, Result, bail};
use glimpse_bundle::image::pictures_in;
use std::path::PathBuf;

/// At most `count` of the files named and those in the folders named, evenly spread over all, the
/// same for every run.
pub fn sample(places: &[PathBuf], count: usize) -> Result<Vec<PathBuf>> {
    let mut photos = Vec::new();
    for place in places {
        if place.is_dir() {
            photos.extend(pictures_in(place).with_context(|| place.display().to_string())?);
        } else {
            photos.push(place.clone());
        }
    }
    if photos.is_empty() || count == 0 {
        bail!("no photo to calibrate with: name pictures, or a folder that holds some");
    }
    let count = count.min(photos.len());
    Ok((0..count).map(|index| photos[index * photos.len() / count].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn photos_are_spread_over_all_of_a_folder() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        for number in 0..9 {
            std::fs::write(folder.path().join(format!("{number}.JPG")), "")?;
        }
        std::fs::write(folder.path().join("captions.txt"), "")?;
        let names = |count| -> anyhow::Result<Vec<String>> {
            let photos = sample(&[folder.path().to_path_buf()], count)?;
            let name =
                |photo: &std::path::PathBuf| photo.file_stem().map(|stem| stem.to_string_lossy().into());
            Ok(photos.iter().filter_map(name).collect())
        };
        assert_eq!(names(3)?, ["0", "3", "6"]);
        assert_eq!(names(20)?.len(), 9);
        assert!(names(0).is_err());
        Ok(())
    }
}
