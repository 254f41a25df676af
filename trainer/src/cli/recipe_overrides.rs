use anyhow::{Result, bail};
use clap::Args;
use glimpse_trainer::training::{Criterion, Precision, Recipe, TrainBackbone};
use std::path::PathBuf;

/// Numbers that replace those of the recipe.
#[derive(Debug, Args)]
pub struct RecipeOverrides {
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
    /// Share of self-critical training's loss that is cross-entropy with the references
    #[arg(long)]
    scst_cross_entropy_weight: Option<f64>,
    /// Weight, beside CIDEr-D in the reward, of tokens that the references use and the model does not
    #[arg(long)]
    scst_missing_token_weight: Option<f64>,
    /// Stop self-critical training where validation captions have fewer different tokens than this share of those
    /// before it; 0 never stops
    #[arg(long)]
    scst_min_vocabulary: Option<f64>,
    /// Share of the grid's units zeroed in self-critical training
    #[arg(long)]
    scst_dropout: Option<f64>,
    /// Photos a step, in self-critical training too
    #[arg(long)]
    batch_images: Option<usize>,
    /// Peak learning rate
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Peak learning rate of the backbone's trained blocks [default: a tenth of --learning-rate]
    #[arg(long)]
    backbone_learning_rate: Option<f64>,
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
    /// Kind of the decoder [default: attention_lstm]
    #[arg(long, value_name = "KIND")]
    decoder: Option<String>,
    /// Width of the projected grid; 0 attends to the backbone's grid as it is
    #[arg(long)]
    project_dim: Option<usize>,
    /// Width of a word's embedding
    #[arg(long)]
    embed_dim: Option<usize>,
    /// LSTM units
    #[arg(long)]
    decoder_dim: Option<usize>,
    /// Width of additive attention
    #[arg(long)]
    attention_dim: Option<usize>,
    /// Whether the context is scaled by a gate
    #[arg(long)]
    gated_context: Option<bool>,
    /// Whether a tanh layer of state, context and last word stands before the vocabulary
    #[arg(long)]
    deep_output: Option<bool>,
    /// Whether the output matrix is the embedding matrix
    #[arg(long)]
    tie_word_embeddings: Option<bool>,
    /// Which epoch's weights best.safetensors keeps [default: cider; loss for recipe report]
    #[arg(long, value_enum)]
    criterion: Option<Criterion>,
    /// Number format of the products in training [default: f32; bf16 for recipe best on a GPU]
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Seed of initialisation, order, dropout and draws
    #[arg(long)]
    seed: Option<u64>,
}

impl RecipeOverrides {
    /// Replaces the numbers that were given, and checks the whole; `train_backbone` is how many blocks of the backbone
    /// are trained.
    pub fn apply(&self, recipe: &mut Recipe, train_backbone: usize) -> Result<()> {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut recipe.epochs, self.epochs);
        set(&mut recipe.batch_images, self.batch_images);
        set(&mut recipe.learning_rate, self.learning_rate);
        let usual = recipe.learning_rate * TrainBackbone::USUAL_RATE;
        recipe.backbone = (train_backbone > 0).then(|| TrainBackbone {
            blocks: train_backbone,
            learning_rate: self.backbone_learning_rate.unwrap_or(usual),
        });
        if recipe.backbone.is_none() && self.backbone_learning_rate.is_some() {
            bail!("--backbone-learning-rate: no block of the backbone is trained; add --train-backbone");
        }
        set(&mut recipe.dropout, self.dropout);
        set(&mut recipe.cell_dropout, self.cell_dropout);
        set(&mut recipe.scheduled_sampling, self.scheduled_sampling);
        set(&mut recipe.label_smoothing, self.label_smoothing);
        set(&mut recipe.weight_decay, self.weight_decay);
        set(&mut recipe.ema_decay, self.ema_decay);
        set(&mut recipe.max_grad_norm, self.max_grad_norm);
        set(&mut recipe.attention_regularization, self.attention_regularization);
        set(&mut recipe.decoder, self.decoder.clone());
        set(&mut recipe.embed_dim, self.embed_dim);
        set(&mut recipe.decoder_dim, self.decoder_dim);
        set(&mut recipe.attention_dim, self.attention_dim);
        set(&mut recipe.gated_context, self.gated_context);
        set(&mut recipe.deep_output, self.deep_output);
        set(&mut recipe.tie_word_embeddings, self.tie_word_embeddings);
        set(&mut recipe.project_dim, self.project_dim.map(|dim| (dim > 0).then_some(dim)));
        set(&mut recipe.precision, self.precision);
        set(&mut recipe.criterion, self.criterion);
        set(&mut recipe.seed, self.seed);
        if self.embed_dim.is_some() && self.embeddings.is_some() {
            bail!("--embed-dim: the vectors in --embeddings have dimensions of their own");
        }
        recipe.embeddings.clone_from(&self.embeddings);
        recipe.freeze_embeddings = self.freeze_embeddings;
        if self.scst_epochs == Some(0) {
            recipe.self_critical = None;
        }
        match &mut recipe.self_critical {
            Some(settings) => {
                set(&mut settings.epochs, self.scst_epochs);
                set(&mut settings.batch_images, self.batch_images);
                set(&mut settings.samples, self.scst_samples);
                set(&mut settings.bleu_weight, self.scst_bleu_weight);
                set(&mut settings.cross_entropy_weight, self.scst_cross_entropy_weight);
                set(&mut settings.missing_token_weight, self.scst_missing_token_weight);
                set(&mut settings.min_vocabulary, self.scst_min_vocabulary);
                set(&mut settings.dropout, self.scst_dropout);
                set(&mut settings.learning_rate, self.scst_learning_rate);
            }
            None => {
                let given = [
                    ("--scst-epochs", self.scst_epochs.is_some_and(|epochs| epochs > 0)),
                    ("--scst-samples", self.scst_samples.is_some()),
                    ("--scst-learning-rate", self.scst_learning_rate.is_some()),
                    ("--scst-bleu-weight", self.scst_bleu_weight.is_some()),
                    ("--scst-cross-entropy-weight", self.scst_cross_entropy_weight.is_some()),
                    ("--scst-missing-token-weight", self.scst_missing_token_weight.is_some()),
                    ("--scst-min-vocabulary", self.scst_min_vocabulary.is_some()),
                    ("--scst-dropout", self.scst_dropout.is_some()),
                ];
                if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
                    bail!("{flag}: this run has no self-critical training");
                }
            }
        }
        Ok(recipe.validate()?)
    }
}
