//! `--attention DIR`: what the decoder looked at, in pictures and numbers.

use anyhow::{Context, Result};
use glimpse_attention::{AttendedCaption, CaptionFiles};
use glimpse_bundle::image::RgbImage;
use glimpse_runtime::{Caption, Captioner};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder that the captions of one run write to.
pub struct AttentionDir {
    dir: PathBuf,
    /// How many photos of a name there were so far, as photos of different folders may share one.
    names: HashMap<String, usize>,
}

impl AttentionDir {
    /// Makes the folder, so that a run does not begin in vain.
    pub fn create(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("--attention {}", dir.display()))?;
        Ok(Self { dir: dir.to_path_buf(), names: HashMap::new() })
    }

    /// Writes `NAME.1.png`, `NAME.1.npy` and so on for the best caption, `NAME.2.png` for the next.
    pub fn write(
        &mut self,
        image: &str,
        seen: &RgbImage,
        captions: &[Caption],
        captioner: &Captioner,
    ) -> Result<()> {
        let name = self.name(image);
        for (rank, caption) in captions.iter().enumerate() {
            let files = CaptionFiles::new(&self.dir, &format!("{name}.{}", rank + 1));
            let attended = AttendedCaption {
                image,
                generated_text: &caption.generated_text,
                score: caption.score,
                words: &captioner.words(&caption.token_ids),
                token_ids: &caption.token_ids,
                token_logprobs: &caption.token_logprobs,
                attentions: caption.attentions.as_ref().context("decoded without attentions")?.view(),
            };
            files.write(seen, &attended)?;
        }
        Ok(())
    }

    /// The photo's file name without its extension; the second of a name is NAME~2.
    fn name(&mut self, image: &str) -> String {
        let stem = match image {
            "-" => "stdin".into(),
            _ => Path::new(image).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let count = self.names.entry(stem.clone()).or_default();
        *count += 1;
        if *count == 1 { stem } else { format!("{stem}~{count}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_that_share_a_name_keep_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = AttentionDir::create(&folder.path().join("a/b")).unwrap();
        let names = ["x/dog.jpg", "-", "y/dog.png", "two.dots.jpg"].map(|image| dir.name(image));
        assert_eq!(names, ["dog", "stdin", "dog~2", "two.dots"]);
        assert!(folder.path().join("a/b").is_dir());
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(AttentionDir::create(&folder.path().join("file")).is_err());
    }
}
