use super::{BackboneArgs, DeviceArgs};
use anyhow::{Result, bail};
use clap::Args;
use glimpse_bundle::{Architecture, CaptionTokenizer, Config, GenerationConfig, Provenance, TOKENIZER};
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::features::{self, CacheKey, FeatureCache, FeatureSource, LivePhotos};
use glimpse_trainer::training::{Card, Precision, Recipe, RunFolder, Trainer, TrainerOptions, TrainingData};
use glimpse_trainer::word_vectors::WordVectors;
use std::path::PathBuf;
use tch::Device;

/// Train the decoder on cached features.
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
    /// With --resume: go on with other settings than before, of the same sizes
    #[arg(long, requires = "resume")]
    change_recipe: bool,
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
    #[arg(long, default_value_t = 2)]
    workers: usize,
    #[command(flatten)]
    overrides: RecipeOverrides,
    #[command(flatten)]
    backbone: BackboneArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Numbers that replace those of the recipe.
#[derive(Debug, Args)]
struct RecipeOverrides {
    /// Passes with cross-entropy
    #[arg(long)]
    epochs: Option<usize>,
    /// Passes with self-critical training; 0 leaves it out
    #[arg(long)]
    scst_epochs: Option<usize>,
    /// Captions drawn for each photo in self-critical training
    #[arg(long)]
    scst_samples: Option<usize>,
    /// Peak learning rate of self-critical training
    #[arg(long)]
    scst_learning_rate: Option<f64>,
    /// Weight of sentence BLEU-4 beside CIDEr-D in the reward of self-critical training
    #[arg(long)]
    scst_bleu_weight: Option<f64>,
    /// Share of the grid's units zeroed in self-critical training
    #[arg(long)]
    scst_dropout: Option<f64>,
    /// Photos a step
    #[arg(long)]
    batch_images: Option<usize>,
    /// Peak learning rate
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Share of units zeroed
    #[arg(long)]
    dropout: Option<f64>,
    /// Share of the grid's cells that a step does not see
    #[arg(long)]
    cell_dropout: Option<f64>,
    /// Share of true words that give way to drawn ones at the end of the cross-entropy epochs
    #[arg(long)]
    scheduled_sampling: Option<f64>,
    /// Probability mass spread over all words
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Decoupled decay of matrices
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Decay of the averaged weights; 0 keeps the last ones
    #[arg(long)]
    ema_decay: Option<f64>,
    /// Largest joint norm of the gradients
    #[arg(long)]
    max_grad_norm: Option<f64>,
    /// Weight of doubly stochastic attention
    #[arg(long)]
    attention_regularization: Option<f64>,
    /// File of word vectors that the embedding begins with: word2vec's .bin or text, or GloVe's text, also
    /// with .gz; its dimensions replace the recipe's
    #[arg(long)]
    embeddings: Option<PathBuf>,
    /// Do not train the embedding
    #[arg(long, requires = "embeddings")]
    freeze_embeddings: bool,
    /// Number format of the products in training
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Seed of initialisation, order, dropout and draws
    #[arg(long)]
    seed: Option<u64>,
}

impl RecipeOverrides {
    fn apply(&self, recipe: &mut Recipe) -> Result<()> {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut recipe.epochs, self.epochs);
        set(&mut recipe.batch_images, self.batch_images);
        set(&mut recipe.learning_rate, self.learning_rate);
        set(&mut recipe.dropout, self.dropout);
        set(&mut recipe.cell_dropout, self.cell_dropout);
        set(&mut recipe.scheduled_sampling, self.scheduled_sampling);
        set(&mut recipe.label_smoothing, self.label_smoothing);
        set(&mut recipe.weight_decay, self.weight_decay);
        set(&mut recipe.ema_decay, self.ema_decay);
        set(&mut recipe.max_grad_norm, self.max_grad_norm);
        set(&mut recipe.attention_regularization, self.attention_regularization);
        set(&mut recipe.precision, self.precision);
        set(&mut recipe.seed, self.seed);
        recipe.embeddings.clone_from(&self.embeddings);
        recipe.freeze_embeddings = self.freeze_embeddings;
        if self.scst_epochs == Some(0) {
            recipe.self_critical = None;
        }
        match &mut recipe.self_critical {
            Some(settings) => {
                set(&mut settings.epochs, self.scst_epochs);
                set(&mut settings.samples, self.scst_samples);
                set(&mut settings.bleu_weight, self.scst_bleu_weight);
                set(&mut settings.dropout, self.scst_dropout);
                set(&mut settings.learning_rate, self.scst_learning_rate);
            }
            None if self.scst_epochs.is_some_and(|epochs| epochs > 0) => {
                bail!("--scst-epochs: recipe {} has no self-critical training", recipe.name)
            }
            None => {}
        }
        Ok(recipe.validate()?)
    }
}

impl TrainArgs {
    /// The cache that `features` filled, or the photos themselves.
    fn features(&self, dataset: &PreparedDataset, key: &CacheKey, device: Device) -> Result<FeatureSource> {
        if self.no_cache {
            // More than one view: training photos are cut anew each time, the others never.
            let photos = LivePhotos::new(key, &dataset.images_dir, &features::entries(dataset, 2))?;
            return Ok(FeatureSource::live(photos, self.backbone.load(device)?));
        }
        let dir = features::cache_dir(&self.data, key);
        let cache = FeatureCache::open(&dir)?;
        cache.check(key, &dir)?;
        Ok(FeatureSource::cached(cache))
    }

    pub fn run(self) -> Result<()> {
        let mut recipe = Recipe::named(&self.recipe)?;
        self.overrides.apply(&mut recipe)?;
        let device = self.device.device()?;
        let dataset = PreparedDataset::read(&self.data)?;
        let tokenizer = CaptionTokenizer::from_file(&self.data.join(TOKENIZER))?;
        let word_vectors = match &recipe.embeddings {
            Some(path) => Some(WordVectors::read(path, &tokenizer)?),
            None => None,
        };
        if let Some(word_vectors) = &word_vectors {
            eprintln!("{word_vectors}");
            recipe.embed_dim = word_vectors.dimension;
        }
        let key = self.backbone.cache_key()?;
        let feature_dim = glimpse_export::backbone::backbone(&key.backbone)?.feature_dim();
        let source = self.features(&dataset, &key, device)?;

        let architecture = Architecture {
            backbone: key.backbone.clone(),
            feature_dim,
            num_cells: features::NUM_CELLS,
            encoder_dim: recipe.project_dim.unwrap_or(feature_dim),
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
            exported_by: String::new(),
        };
        let card = Card {
            config: Config::new(architecture, provenance),
            preprocessor: key.preprocessor,
            generation: GenerationConfig { max_length: recipe.max_length, ..GenerationConfig::default() },
            tokenizer: tokenizer.clone(),
        };
        let data = TrainingData::new(&dataset, tokenizer, source)?;
        let folder = RunFolder::create(&self.output)?;
        let best = folder.best();
        let options = TrainerOptions {
            recipe,
            data: &data,
            word_vectors,
            card,
            folder,
            resume: self.resume,
            change_recipe: self.change_recipe,
            device,
            samples: self.samples,
            workers: self.workers,
        };
        Trainer::new(options)?.train()?;
        eprintln!("best checkpoint: {}", best.display());
        Ok(())
    }
}
