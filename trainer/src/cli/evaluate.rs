use super::DeviceArgs;
use super::checkpoint::{CheckpointArgs, Opened};
use super::terminal::say;
use anyhow::{Result, bail};
use clap::Args;
use glimpse_captions::{CaptionedImage, Split};
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::evaluation::{Evaluation, Sample, evaluate};
use glimpse_trainer::features::{Augmentation, CacheKey, Entry, FeatureSource, LivePhotos, before_last};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Measure a checkpoint as the seed report does: cross-entropy without teacher forcing, and captions beside
/// references. Scores of captions come from `glimpse evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Folder that `prepare` wrote
    #[arg(long)]
    data: PathBuf,
    /// Photos of which split: train, validation or test
    #[arg(long, default_value = "test")]
    split: Split,
    /// Photos, from the split's first on; of each, one caption is drawn
    #[arg(long, default_value = "512")]
    samples: NonZeroUsize,
    /// Seed of the draw
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Photos to show with their generated caption and all references
    #[arg(long, default_value_t = 5)]
    examples: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Threads that decode photos ahead of the device
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl EvaluateArgs {
    pub fn run(self) -> Result<()> {
        let device = self.device.device()?;
        let dataset = PreparedDataset::read(&self.data)?;
        let images = match self.split {
            Split::Train => &dataset.train,
            Split::Validation => &dataset.validation,
            Split::Test => &dataset.test,
        };
        let images = &images[..images.len().min(self.samples.get())];
        if images.is_empty() {
            bail!("--split {}: {} has no photo in it", self.split, self.data.display());
        }
        let Opened { checkpoint, tokenizer, backbone, model, .. } = self.checkpoint.open(device)?;

        let key = CacheKey {
            backbone: checkpoint.config.architecture.backbone.clone(),
            backbone_sha256: checkpoint.config.provenance.backbone_sha256.clone(),
            preprocessor: checkpoint.preprocessor.clone(),
            augmentation: Augmentation::default(),
            view_seed: 0,
            before_block: before_last(
                &checkpoint.config.architecture.backbone,
                checkpoint.config.provenance.trained_blocks,
            )?,
        };
        let plain = |image: &CaptionedImage| Entry { file_name: image.file_name.clone(), views: 1 };
        let entries: Vec<_> = images.iter().map(plain).collect();
        let photos = LivePhotos::new(&key, &dataset.images_dir, &entries)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut samples = Vec::with_capacity(images.len());
        for image in images {
            let (grid, _) = photos.place(&image.file_name).expect("it was given above");
            let caption = &image.captions[rng.random_range(0..image.captions.len())];
            samples.push(Sample { grid, token_ids: tokenizer.encode(caption)? });
        }
        let source = FeatureSource::live(photos, backbone);
        let evaluation = evaluate(&model, &source, &samples, &checkpoint.generation, self.workers, device)?;
        let generated = |i: usize| tokenizer.decode(&evaluation.captions[i].token_ids);
        let examples = images.iter().take(self.examples).enumerate();
        if self.json {
            let mut line = serde_json::to_value(&evaluation)?;
            line["examples"] = examples
                .map(|(i, image)| {
                    let (file, references) = (&image.file_name, &image.captions);
                    Ok(serde_json::json!({"image": file, "generated_text": generated(i)?, "references": references}))
                })
                .collect::<Result<_>>()?;
            say(line)?;
            return Ok(());
        }
        self.print(&evaluation)?;
        for (i, image) in examples {
            say("")?;
            say(&image.file_name)?;
            say(format_args!("  generated  {}", generated(i)?))?;
            image.captions.iter().try_for_each(|reference| say(format_args!("  reference  {reference}")))?;
        }
        Ok(())
    }

    fn print(&self, evaluation: &Evaluation) -> std::io::Result<()> {
        let Evaluation { samples, words, cross_entropy, teacher_forced_cross_entropy: forced, .. } =
            evaluation;
        say(format_args!("{samples} photos of the {} split, {words} tokens", self.split))?;
        say(format_args!("cross-entropy without teacher forcing  {cross_entropy:.4}"))?;
        say(format_args!(
            "cross-entropy with teacher forcing     {forced:.4} (perplexity {:.1})",
            forced.exp()
        ))
    }
}
