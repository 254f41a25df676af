use super::progress::Bar;
use super::recipe_overrides::RecipeOverrides;
use super::terminal::note;
use super::{BackboneArgs, DeviceArgs};
use anyhow::Result;
use clap::Args;
use glimpse_bundle::{Architecture, CaptionTokenizer, Config, GenerationConfig, Provenance, TOKENIZER};
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::features::{self, CacheKey, FeatureCache, FeatureSource, LivePhotos};
use glimpse_trainer::training::{Card, Recipe, RunFolder, StartFrom, Trainer, TrainerOptions, TrainingData};
use glimpse_trainer::word_vectors::WordVectors;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use tch::Device;

/// Train the decoder, and the backbone's last blocks where asked, on cached features.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Folder that `prepare` wrote and `features` filled
    #[arg(long)]
    data: PathBuf,
    /// Folder for checkpoints and metrics
    #[arg(long)]
    output: PathBuf,
    /// Go on where an earlier run of the same settings stopped
    #[arg(long)]
    resume: bool,
    /// With --resume: go on with other settings than before, of the same sizes, or with other photos, views or
    /// captions of the same vocabulary
    #[arg(long, requires = "resume")]
    change_recipe: bool,
    /// Begin with the weights of this checkpoint, best.safetensors of a run of the same sizes and vocabulary, and a fresh
    /// optimiser; blocks of the backbone that only this run trains begin with the backbone's own
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "embeddings")]
    start_from: Option<PathBuf>,
    /// Named settings: best, or report for those of the seed report
    #[arg(long, default_value = "best")]
    recipe: String,
    /// Validation photos whose captions are printed after each epoch
    #[arg(long, default_value_t = 3)]
    samples: usize,
    /// Run the backbone on freshly cut views at every step, instead of reading cached ones
    #[arg(long)]
    no_cache: bool,
    /// Threads that read features, or decode photos, ahead of the device
    #[arg(long, default_value = "2")]
    workers: NonZeroUsize,
    #[command(flatten)]
    overrides: RecipeOverrides,
    #[command(flatten)]
    backbone: BackboneArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl TrainArgs {
    /// The cache that `features` filled, or the photos themselves.
    fn features(&self, dataset: &PreparedDataset, key: &CacheKey, device: Device) -> Result<FeatureSource> {
        if self.no_cache {
            // More than one view: training photos are cropped anew each time, the others never.
            let photos = LivePhotos::new(key, &dataset.images_dir, &features::entries(dataset, 2))?;
            return Ok(FeatureSource::live(photos, self.backbone.load(device)?));
        }
        let dir = features::cache_dir(&self.data, key);
        let cache = FeatureCache::open(&dir)?;
        cache.check(key, &dir)?;
        Ok(FeatureSource::cached(cache))
    }

    pub fn run(self) -> Result<()> {
        let device = self.device.device()?;
        let mut recipe = Recipe::named(&self.recipe, device)?;
        self.overrides.apply(&mut recipe, self.backbone.train_backbone)?;
        let dataset = PreparedDataset::read(&self.data)?;
        let tokenizer = CaptionTokenizer::from_file(&self.data.join(TOKENIZER))?;
        let word_vectors = match &recipe.embeddings {
            Some(path) => Some(WordVectors::read(path, &tokenizer)?),
            None => None,
        };
        if let Some(word_vectors) = &word_vectors {
            note(word_vectors);
            recipe.embed_dim = word_vectors.dimension;
        }
        let key = self.backbone.cache_key()?;
        let grid = glimpse_export::backbone::backbone(&key.backbone)?.grid();
        let source = self.features(&dataset, &key, device)?;

        let architecture = Architecture {
            backbone: key.backbone.clone(),
            feature_dim: grid.channels,
            num_cells: grid.cells(),
            encoder_dim: recipe.project_dim.unwrap_or(grid.channels),
            attention_dim: recipe.attention_dim,
            decoder_dim: recipe.decoder_dim,
            embed_dim: recipe.embed_dim,
            vocab_size: tokenizer.vocab_size(),
            project_features: recipe.project_dim.is_some(),
            gated_context: recipe.gated_context,
            deep_output: recipe.deep_output,
            tie_word_embeddings: recipe.tie_word_embeddings,
        };
        let provenance = Provenance {
            dataset: dataset.name.clone(),
            train_images: dataset.train.len(),
            train_captions: dataset.train.iter().map(|image| image.captions.len()).sum(),
            recipe: recipe.name.clone(),
            epochs: 0,
            seed: recipe.seed,
            backbone_sha256: key.backbone_sha256.clone(),
            ..Provenance::default()
        };
        let decoder = glimpse_export::decoder_kind(&recipe.decoder)?;
        let card = Card {
            config: Config::new(decoder.interface(&architecture), architecture, provenance),
            preprocessor: key.preprocessor,
            generation: GenerationConfig::default().with_max_length(recipe.max_length),
            tokenizer: tokenizer.clone(),
        };
        let data = TrainingData::new(&dataset, tokenizer, source)?;
        let folder = RunFolder::create(&self.output)?;
        let best = folder.best();
        let bar = Bar::default();
        let options = TrainerOptions {
            recipe,
            data: &data,
            word_vectors,
            start_from: self.start_from.as_deref().map(StartFrom::read).transpose()?,
            trained_blocks: self.backbone.trained_blocks(device)?,
            card,
            folder,
            resume: self.resume,
            change_recipe: self.change_recipe,
            device,
            samples: self.samples,
            workers: self.workers.get(),
            observer: &bar,
        };
        Trainer::new(options)?.train()?;
        note(format_args!("best checkpoint: {}", best.display()));
        Ok(())
    }
}
