use crate::{Error, Result};
use glimpse_bundle::DecoderInterface;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tch::Device;

/// How the learning rate moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Schedule {
    /// Multiplied by `gamma` every `every` epochs (`torch.optim.lr_scheduler.StepLR`).
    StepLr {
        /// Epochs between two steps.
        every: usize,
        /// Factor.
        gamma: f64,
    },
    /// Linear from 0 over the warm-up, then half a cosine down to `floor` times the peak.
    WarmupCosine {
        /// Epochs of warm-up; may be a part of one.
        warmup: f64,
        /// Share of the peak that is left at the end.
        floor: f64,
    },
}

impl Schedule {
    /// The factor on the peak learning rate at `progress` epochs of `epochs`.
    pub fn factor(&self, progress: f64, epochs: usize) -> f64 {
        match *self {
            Self::StepLr { every, gamma } => gamma.powi((progress as usize / every.max(1)) as i32),
            Self::WarmupCosine { warmup, .. } if progress < warmup => progress / warmup,
            Self::WarmupCosine { warmup, floor } => {
                let share = ((progress - warmup) / (epochs as f64 - warmup).max(1e-9)).min(1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
        }
    }
}

/// Which captions of a photo an epoch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionsPerImage {
    /// One, drawn at random each epoch.
    One,
    /// All of them, in one batch.
    All,
}

/// Number format of the products in training; weights and sums stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bfloat16.
    Bf16,
}

impl From<Precision> for tch::Kind {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::Float,
            Precision::Bf16 => Self::BFloat16,
        }
    }
}

/// Which epoch's weights are kept as the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Lowest cross-entropy on the validation split.
    Loss,
    /// Highest CIDEr-D of greedy captions on the validation split.
    Cider,
    /// The last epoch of each phase, whatever its scores.
    Last,
}

/// Self-critical sequence training (Rennie et al. 2017) after cross-entropy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfCritical {
    /// Epochs over the photos.
    pub epochs: usize,
    /// Captions drawn for each photo; the baseline of each is the mean reward of the others.
    pub samples: usize,
    /// Weight of sentence BLEU-4 beside CIDEr-D in the reward.
    pub bleu_weight: f64,
    /// Share of the grid's units zeroed, the same ones for the draw and for learning from it.
    pub dropout: f64,
    /// Peak learning rate, falling along half a cosine.
    pub learning_rate: f64,
    /// Photos a step.
    pub batch_images: usize,
    /// Share of the loss that is cross-entropy with the references, which keeps words that the reward alone forgets.
    #[serde(default)]
    pub cross_entropy_weight: f64,
    /// Weight of [`MissingTokens`](super::MissingTokens) beside CIDEr-D in the reward: it pays for tokens that the
    /// references use and the model does not.
    #[serde(default)]
    pub missing_token_weight: f64,
    /// Training stops, and the epoch's weights are not kept, where the greedy captions of the validation split have
    /// fewer different tokens than this share of those before self-critical training; 0 never stops.
    #[serde(default)]
    pub min_vocabulary: f64,
}

/// Training of the backbone's last blocks with the decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainBackbone {
    /// How many blocks, from the grid backwards.
    pub blocks: usize,
    /// Peak learning rate of their weights; it moves as the decoder's does, in self-critical training too.
    pub learning_rate: f64,
}

impl TrainBackbone {
    /// The usual learning rate, as a share of the decoder's: the blocks know photos already.
    pub const USUAL_RATE: f64 = 0.1;
}

/// The decoder of runs that do not name one.
fn attention_lstm() -> String {
    DecoderInterface::ATTENTION_LSTM.into()
}

/// Every number that training depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// Passes over the training split with cross-entropy.
    pub epochs: usize,
    /// Photos a step.
    pub batch_images: usize,
    /// Captions of each photo.
    pub captions_per_image: CaptionsPerImage,
    /// Longest caption, `<sos>` and `<eos>` counted.
    pub max_length: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// How it moves.
    pub schedule: Schedule,
    /// Decoupled decay of matrices.
    pub weight_decay: f64,
    /// Share of units zeroed.
    pub dropout: f64,
    /// Share of the grid's cells that a step does not see.
    pub cell_dropout: f64,
    /// Share of true tokens that are replaced by drawn ones at the end of the cross-entropy epochs; it rises
    /// linearly from 0 (scheduled sampling).
    pub scheduled_sampling: f64,
    /// Probability mass spread over all tokens (label smoothing).
    pub label_smoothing: f64,
    /// Largest joint norm of the gradients.
    pub max_grad_norm: f64,
    /// Weight of (1 - sum of attention)^2 (doubly stochastic attention, Xu et al. 2015).
    pub attention_regularization: f64,
    /// Decay of the averaged weights that are validated and exported; 0 keeps the last ones.
    pub ema_decay: f64,
    /// What decides which checkpoint is the best.
    pub criterion: Criterion,
    /// Self-critical training afterwards.
    pub self_critical: Option<SelfCritical>,
    /// Training of the backbone's last blocks; `None` keeps all of it frozen.
    #[serde(default)]
    pub backbone: Option<TrainBackbone>,
    /// Number format of the products in training.
    pub precision: Precision,
    /// Seed of initialisation, order, dropout and draws.
    pub seed: u64,
    /// Kind of the decoder.
    #[serde(default = "attention_lstm")]
    pub decoder: String,
    /// Width of a token's embedding.
    pub embed_dim: usize,
    /// LSTM units.
    pub decoder_dim: usize,
    /// Width of additive attention.
    pub attention_dim: usize,
    /// Width of the projected grid; `None` attends to the backbone's grid as it is.
    pub project_dim: Option<usize>,
    /// File of word vectors that the embedding begins with; without one it begins at random.
    #[serde(default)]
    pub embeddings: Option<PathBuf>,
    /// Keep the embedding as it begins.
    #[serde(default)]
    pub freeze_embeddings: bool,
    /// Gate on the context.
    pub gated_context: bool,
    /// tanh layer before the vocabulary.
    pub deep_output: bool,
    /// Output matrix = embedding matrix.
    pub tie_word_embeddings: bool,
}

/// Largest width of a layer.
const LARGEST: usize = 1 << 16;

impl Recipe {
    /// The recipe called `name`, `report` or `best`, for training on `device`.
    pub fn named(name: &str, device: Device) -> Result<Self> {
        match name {
            "report" => Ok(Self::report()),
            // With bfloat16 some CPUs train faster than in f32, others slower.
            "best" if device.is_cuda() => Ok(Self { precision: Precision::Bf16, ..Self::best() }),
            "best" => Ok(Self::best()),
            _ => {
                Err(Error::Invalid { what: "`recipe`", reason: format!("{name:?} is none of report, best") })
            }
        }
    }

    /// Refuses numbers that training cannot use.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what, reason: &str| Err(Error::Invalid { what, reason: reason.into() });
        if self.batch_images == 0 {
            return invalid("`batch_images`", "a step needs at least one photo");
        }
        if self.epochs == 0 && self.self_critical.is_none() {
            return invalid(
                "`epochs`",
                "is 0, and there is no self-critical training: nothing is left to do",
            );
        }
        let sizes = [
            ("`embed_dim`", self.embed_dim),
            ("`decoder_dim`", self.decoder_dim),
            ("`attention_dim`", self.attention_dim),
            ("`project_dim`", self.project_dim.unwrap_or(1)),
        ];
        if let Some((what, size)) = sizes.into_iter().find(|(_, size)| !(1..=LARGEST).contains(size)) {
            return invalid(what, &format!("is {size}, must be 1 to {LARGEST}"));
        }
        if self.max_length < 3 {
            return invalid("max_length", "leaves no room for a token between <sos> and <eos>");
        }
        let share = 0.0..1.0;
        let positive = f64::MIN_POSITIVE..f64::INFINITY;
        let not_negative = 0.0..f64::INFINITY;
        let mut ranges = vec![
            ("`dropout`", self.dropout, &share),
            ("`cell_dropout`", self.cell_dropout, &share),
            ("`label_smoothing`", self.label_smoothing, &share),
            ("`ema_decay`", self.ema_decay, &share),
            ("`learning_rate`", self.learning_rate, &positive),
            ("`max_grad_norm`", self.max_grad_norm, &positive),
            ("`weight_decay`", self.weight_decay, &not_negative),
            ("`attention_regularization`", self.attention_regularization, &not_negative),
        ];
        if let Some(settings) = &self.backbone {
            ranges.push(("`backbone_learning_rate`", settings.learning_rate, &positive));
        }
        if let Some(settings) = &self.self_critical {
            ranges.extend([
                ("`scst_dropout`", settings.dropout, &share),
                ("`scst_learning_rate`", settings.learning_rate, &positive),
                ("`scst_bleu_weight`", settings.bleu_weight, &not_negative),
                ("`scst_cross_entropy_weight`", settings.cross_entropy_weight, &share),
                ("`scst_missing_token_weight`", settings.missing_token_weight, &not_negative),
                ("`scst_min_vocabulary`", settings.min_vocabulary, &not_negative),
            ]);
        }
        for (what, value, range) in ranges {
            if !range.contains(&value) {
                let wanted = match range.end {
                    1.0 => "at least 0 and below 1",
                    _ if range.start > 0.0 => "above 0",
                    _ => "at least 0",
                };
                return invalid(what, &format!("is {value}, must be {wanted}"));
            }
        }
        if !(0.0..=1.0).contains(&self.scheduled_sampling) {
            return invalid("`scheduled_sampling`", "must be 0 to 1");
        }
        if self.freeze_embeddings && self.embeddings.is_none() {
            return invalid("`freeze_embeddings`", "needs `embeddings`: random vectors must be learned");
        }
        if self.self_critical.as_ref().is_some_and(|settings| settings.samples < 2) {
            return invalid(
                "`scst_samples`",
                "the baseline of a sample is the mean of the others: at least 2",
            );
        }
        Ok(())
    }

    /// The backbone's learning rate as a multiple of the decoder's.
    pub fn backbone_rate(&self) -> f64 {
        self.backbone.as_ref().map_or(1.0, |backbone| backbone.learning_rate / self.learning_rate)
    }

    /// The seed report's values: plain attention LSTM, one caption a photo and epoch, Adam, StepLR.
    pub fn report() -> Self {
        Self {
            name: "report".into(),
            epochs: 30,
            batch_images: 32,
            captions_per_image: CaptionsPerImage::One,
            max_length: 30,
            learning_rate: 4e-4,
            schedule: Schedule::StepLr { every: 10, gamma: 0.5 },
            weight_decay: 0.0,
            dropout: 0.5,
            cell_dropout: 0.0,
            scheduled_sampling: 0.0,
            label_smoothing: 0.0,
            max_grad_norm: 5.0,
            attention_regularization: 0.0,
            ema_decay: 0.0,
            criterion: Criterion::Loss,
            self_critical: None,
            backbone: None,
            precision: Precision::F32,
            seed: 42,
            decoder: attention_lstm(),
            embed_dim: 300,
            decoder_dim: 512,
            attention_dim: 512,
            project_dim: None,
            embeddings: None,
            freeze_embeddings: false,
            gated_context: false,
            deep_output: false,
            tie_word_embeddings: false,
        }
    }

    /// The values that scored best on a frozen backbone in our experiments.
    pub fn best() -> Self {
        Self {
            name: "best".into(),
            epochs: 10,
            batch_images: 16,
            captions_per_image: CaptionsPerImage::All,
            max_length: 30,
            learning_rate: 6e-4,
            schedule: Schedule::WarmupCosine { warmup: 0.5, floor: 0.02 },
            weight_decay: 0.05,
            dropout: 0.4,
            cell_dropout: 0.25,
            scheduled_sampling: 0.0,
            label_smoothing: 0.1,
            max_grad_norm: 5.0,
            attention_regularization: 0.0,
            ema_decay: 0.998,
            criterion: Criterion::Cider,
            self_critical: Some(SelfCritical {
                epochs: 6,
                samples: 5,
                bleu_weight: 0.5,
                dropout: 0.3,
                learning_rate: 1e-4,
                batch_images: 16,
                cross_entropy_weight: 0.0,
                missing_token_weight: 0.0,
                min_vocabulary: 0.0,
            }),
            backbone: None,
            precision: Precision::F32,
            seed: 42,
            decoder: attention_lstm(),
            embed_dim: 512,
            decoder_dim: 512,
            attention_dim: 256,
            project_dim: Some(512),
            embeddings: None,
            freeze_embeddings: false,
            gated_context: true,
            deep_output: true,
            tie_word_embeddings: true,
        }
    }
}
