//! `--attention DIR`: the decoder's attention as pictures and numbers.

use super::inputs::Input;
use anyhow::{Context, Result};
use glimpse_attention::{AttendedCaption, CaptionFiles, FileNames, create_folder, restore_proportions};
use glimpse_runtime::{Caption, Captioner, NetworkInput};
use std::path::{Path, PathBuf};

/// The folder for the attention of one run.
pub struct AttentionDir {
    dir: PathBuf,
    names: FileNames,
}

impl AttentionDir {
    /// Creates the folder. A folder that holds one of the photos is refused.
    pub fn create(dir: &Path, photos: &[Input]) -> Result<Self> {
        create_folder(dir, photos.iter().filter_map(Input::file))
            .with_context(|| format!("--attention {}", dir.display()))?;
        Ok(Self { dir: dir.to_path_buf(), names: FileNames::default() })
    }

    /// Writes `NAME.1.png`, `NAME.1.npy` and so on for the best caption, `NAME.2.png` for the next.
    pub fn write(
        &mut self,
        image: &str,
        input: &NetworkInput,
        captions: &[Caption],
        captioner: &Captioner,
    ) -> Result<()> {
        let picture = restore_proportions(&input.pixels, input.original, captioner.preprocessor().config());
        let name = self.names.of(Path::new(if image == "-" { "stdin" } else { image }));
        for (rank, caption) in captions.iter().enumerate() {
            let files = CaptionFiles::new(&self.dir, &format!("{name}.{}", rank + 1));
            let attended = AttendedCaption {
                image,
                generated_text: &caption.generated_text,
                score: caption.score,
                tokens: &captioner.tokens(&caption.token_ids),
                token_ids: &caption.token_ids,
                token_logprobs: &caption.token_logprobs,
                attentions: caption.attentions.as_ref().context("decoded without attentions")?.view(),
            };
            files.write(&picture, &attended)?;
        }
        // Files of an earlier run with more captions for each photo.
        let mut rank = captions.len() + 1;
        while CaptionFiles::new(&self.dir, &format!("{name}.{rank}")).remove()? {
            rank += 1;
        }
        Ok(())
    }
}
