use super::DeviceArgs;
use super::checkpoint::{CheckpointArgs, Opened};
use super::terminal::{SomeFailed, note};
use anyhow::{Result, bail};
use clap::Args;
use glimpse_attention::{AttendedCaption, CaptionFiles, FileNames, create_folder, input_picture};
use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{Preprocessor, image, printable};
use glimpse_trainer::decode::{Choice, attend, decode};
use glimpse_trainer::model::Pass;
use std::io::Write;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Caption photos with a checkpoint, in libtorch.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Photos
    #[arg(required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    /// Draw from the distribution instead of taking the most probable token
    #[arg(long)]
    do_sample: bool,
    /// Seed of the draws [default: 0]
    #[arg(long, requires = "do_sample")]
    seed: Option<i64>,
    /// Write where the decoder attended to for each token into this folder: pictures, .npy and JSON, one set a photo
    #[arg(long, value_name = "DIR")]
    attention: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl SampleArgs {
    /// Captions every photo that can be read, and names the others.
    pub fn run(self) -> Result<()> {
        if let Some(dir) = &self.attention {
            create_folder(dir, self.images.iter().map(PathBuf::as_path))?;
        }
        let opened = self.checkpoint.open(self.device.device()?)?;
        let preprocessor = Preprocessor::new(opened.checkpoint.preprocessor.clone())?;
        tch::manual_seed(self.seed.unwrap_or(0));
        let mut names = FileNames::default();
        let mut failed = 0;
        for path in &self.images {
            match image::open(path) {
                Ok(picture) => self.caption(path, &picture, &opened, &preprocessor, &mut names)?,
                Err(error) => {
                    let error = anyhow::Error::new(error).context(path.display().to_string());
                    note(printable(&glimpse_bundle::with_causes(error.as_ref())));
                    failed += 1;
                }
            }
        }
        match failed {
            0 => Ok(()),
            _ => {
                Err(SomeFailed(format!("{failed} of {} photos could not be read", self.images.len())).into())
            }
        }
    }

    fn caption(
        &self,
        path: &Path,
        picture: &RgbImage,
        opened: &Opened,
        preprocessor: &Preprocessor,
        names: &mut FileNames,
    ) -> Result<()> {
        let Opened { checkpoint, tokenizer, backbone, model, .. } = opened;
        let size = preprocessor.config().output_size();
        let mut values = vec![0.0; (3 * size.height * size.width) as usize];
        preprocessor.pixel_values(picture, &mut values)?;
        let pixel_values =
            Tensor::from_slice(&values).view([1, 3, i64::from(size.height), i64::from(size.width)]);
        let grid = model.encode(&backbone.forward(&pixel_values), &Pass::EXACT);
        let choice = if self.do_sample { Choice::Sample } else { Choice::Greedy };
        let stepper = model.stepper(tch::Kind::Float);
        let captions = decode(&*stepper, &grid, choice, &checkpoint.generation);
        let generated_text = tokenizer.decode(&captions[0].token_ids)?;
        let name = path.display().to_string();
        writeln!(std::io::stdout(), "{}\t{}", printable(&name), printable(&generated_text))?;
        let Some(dir) = &self.attention else { return Ok(()) };
        let Some(attended) = attend(&*stepper, &grid, &captions[0]) else {
            bail!("--attention: the checkpoint's decoder has no attention");
        };
        let word = |&id: &u32| tokenizer.id_to_word(id).unwrap_or_default();
        let length = attended.token_ids.len().max(1) as f32;
        let caption = AttendedCaption {
            image: &name,
            generated_text: &generated_text,
            score: attended.token_logprobs.iter().sum::<f32>()
                / length.powf(checkpoint.generation.length_penalty),
            tokens: &attended.token_ids.iter().map(word).collect::<Vec<_>>(),
            token_ids: &attended.token_ids,
            token_logprobs: &attended.token_logprobs,
            attentions: attended.attentions.view(),
        };
        Ok(CaptionFiles::new(dir, &names.of(path)).write(&input_picture(picture, preprocessor)?, &caption)?)
    }
}
