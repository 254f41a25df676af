use crate::backbone::backbone;
use crate::decoder::{DecoderKind, decoder_kind};
use crate::{Error, Result, Weights};
use glimpse_bundle::checkpoint;
use glimpse_bundle::{CaptionTokenizer, Config, GenerationConfig, PreprocessorConfig, sha256_of_file};
use serde::de::DeserializeOwned;
use serde_json::to_string;
use std::borrow::Cow;
use std::path::Path;

/// Everything of a trained captioner but the frozen part of its backbone.
///
/// On disk it is one `.safetensors` file whose metadata hold the JSON texts; see
/// [`glimpse_bundle::checkpoint`] for the keys, and the kind of its decoder for weight names and formulas.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Architecture, provenance, scores.
    pub config: Config,
    /// How photos became `pixel_values` in training.
    pub preprocessor: PreprocessorConfig,
    /// Decoding defaults.
    pub generation: GenerationConfig,
    /// The text of `tokenizer.json`.
    pub tokenizer: String,
    /// The decoder's weights, the encoder's behind the backbone, and those of the backbone's trained blocks.
    pub weights: Weights,
}

impl Checkpoint {
    /// Reads a checkpoint and checks that its parts fit together.
    ///
    /// # Errors
    /// A file that cannot be read, holds weights alone or broken JSON, and all that
    /// [`Checkpoint::validate`] refuses.
    pub fn read(path: &Path) -> Result<Self> {
        let (weights, metadata) = Weights::read_with_metadata(path)?;
        let text = |key: &'static str| {
            let missing = || Error::MissingMetadata { path: path.to_path_buf(), key };
            metadata.get(key).ok_or_else(missing)
        };
        let origin = weights.origin();
        let checkpoint = Self {
            config: parse(&origin, checkpoint::CONFIG, text(checkpoint::CONFIG)?)?,
            preprocessor: parse(
                &origin,
                checkpoint::PREPROCESSOR_CONFIG,
                text(checkpoint::PREPROCESSOR_CONFIG)?,
            )?,
            generation: GenerationConfig::from_json(text(checkpoint::GENERATION_CONFIG)?)
                .map_err(glimpse_bundle::Error::option(path))?,
            tokenizer: text(checkpoint::TOKENIZER)?.clone(),
            weights,
        };
        checkpoint.validate()?;
        Ok(checkpoint)
    }

    /// Refuses a file of backbone weights that the checkpoint was not trained on; one that does not say on which
    /// takes any.
    ///
    /// # Errors
    /// [`Error::OtherBackboneWeights`], or a file that cannot be read.
    pub fn check_backbone_file(&self, path: &Path) -> Result<()> {
        let Config { provenance, architecture, .. } = &self.config;
        let expected = provenance.backbone_sha256.clone();
        if expected.is_empty() {
            return Ok(());
        }
        let found = sha256_of_file(path)?;
        if found == expected {
            return Ok(());
        }
        let backbone = architecture.backbone.clone();
        Err(Error::OtherBackboneWeights { path: path.to_path_buf(), backbone, expected, found })
    }

    /// Writes the checkpoint; the file appears whole or not at all, and equal content is equal bytes.
    ///
    /// # Errors
    /// What [`Checkpoint::validate`] refuses, and a folder that cannot be written to.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.validate()?;
        let text = |key, json: serde_json::Result<String>| {
            json.map_err(|source| Error::Json { origin: path.display().to_string(), key, source })
        };
        let metadata = [
            (checkpoint::CONFIG, text(checkpoint::CONFIG, to_string(&self.config))?),
            (
                checkpoint::PREPROCESSOR_CONFIG,
                text(checkpoint::PREPROCESSOR_CONFIG, to_string(&self.preprocessor))?,
            ),
            (
                checkpoint::GENERATION_CONFIG,
                text(checkpoint::GENERATION_CONFIG, to_string(&self.generation))?,
            ),
            (checkpoint::TOKENIZER, self.tokenizer.clone()),
        ];
        let metadata = metadata.into_iter().map(|(key, text)| (key.to_string(), text)).collect();
        self.weights.write_with_metadata(path, &metadata)
    }

    /// Refuses settings, vocabulary and weights that do not fit together.
    ///
    /// # Errors
    /// The first setting out of range, a vocabulary of another size than the config says, or the
    /// first weight that is missing, of another shape, or without a place in the architecture.
    pub fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.preprocessor.validate()?;
        let words = CaptionTokenizer::from_json(&self.tokenizer)?.vocab_size();
        let vocab_size = self.config.architecture.vocab_size;
        self.generation.validate(vocab_size)?;
        if words != vocab_size {
            return Err(Error::Contradiction {
                what: "vocab_size",
                reason: format!("the config says {vocab_size}, but the tokenizer has {words} words"),
            });
        }
        let kind = self.decoder_kind()?;
        let interface = self.config.decoder_interface();
        if interface != kind.interface(&self.config.architecture) {
            return Err(Error::Contradiction {
                what: "decoder",
                reason: format!("its tensors are not those of {} of these sizes", kind.name()),
            });
        }
        let decoder = kind.weight_shapes(&self.config.architecture);
        let decoder = decoder.into_iter().map(|(name, shape)| (name.to_string(), shape));
        let expected: Vec<_> = decoder.chain(self.trained_weight_shapes()?).collect();
        for (name, shape) in &expected {
            self.weights.get(name, shape)?;
        }
        match self.weights.iter().find(|(name, _)| !expected.iter().any(|(known, _)| known == name)) {
            Some((name, _)) => {
                Err(Error::UnexpectedWeight { origin: self.weights.origin(), name: name.into() })
            }
            None => Ok(()),
        }
    }
}

impl Checkpoint {
    /// The backbone's weights as the checkpoint uses them: `file`'s, but for those that were trained.
    ///
    /// # Errors
    /// Trained weights that are missing or of another shape.
    pub fn backbone_weights<'a>(&self, file: &'a Weights) -> Result<Cow<'a, Weights>> {
        let mut weights = Cow::Borrowed(file);
        for (name, shape) in self.trained_weight_shapes()? {
            let trained = self.weights.get(&name, &shape)?.to_vec();
            weights.to_mut().insert(name, &shape, trained)?;
        }
        Ok(weights)
    }

    /// Names and shapes of the backbone's weights that were trained.
    fn trained_weight_shapes(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let Config { provenance, architecture, .. } = &self.config;
        match provenance.trained_blocks {
            0 => Ok(Vec::new()),
            count => backbone(&architecture.backbone)?.trained_weight_shapes(count),
        }
    }

    /// What decodes.
    ///
    /// # Errors
    /// [`Error::UnknownDecoder`].
    pub fn decoder_kind(&self) -> Result<&'static dyn DecoderKind> {
        decoder_kind(&self.config.decoder_interface().kind)
    }

    /// A weight of the shape that the architecture implies.
    pub(crate) fn weight(&self, name: &'static str) -> Result<&[f32]> {
        let shapes = self.decoder_kind()?.weight_shapes(&self.config.architecture);
        let shape = shapes.into_iter().find_map(|(known, shape)| (known == name).then_some(shape));
        self.weights.get(name, &shape.unwrap_or_default())
    }
}

fn parse<T: DeserializeOwned>(origin: &str, key: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::Json { origin: origin.into(), key, source })
}
