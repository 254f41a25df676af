use crate::dataset::PreparedDataset;
use crate::features::{FeatureReader, FeatureSource};
use crate::{Error, Result};
use glimpse_bundle::CaptionTokenizer;
use glimpse_captions::CaptionedImage;
use rand::Rng;
use rand::seq::SliceRandom;

/// A photo of a split: where its grids are in the cache, and its captions.
#[derive(Debug)]
pub struct EncodedImage {
    /// File name below the folder of photos.
    pub file_name: String,
    /// First of its grids in the cache.
    first_grid: usize,
    /// Views of it.
    views: usize,
    /// Token ids of each caption, without `<sos>` and `<eos>`.
    pub captions: Vec<Vec<u32>>,
}

impl EncodedImage {
    /// The plain view.
    pub fn plain_grid(&self) -> usize {
        self.first_grid
    }

    /// A view drawn at random.
    pub fn any_grid(&self, rng: &mut impl Rng) -> usize {
        self.first_grid + rng.random_range(0..self.views)
    }
}

/// The photos and captions of training and of validation.
#[derive(Debug)]
pub struct TrainingData {
    /// What the frozen part of the backbone gives.
    pub features: FeatureSource,
    /// From words to token ids and back.
    pub tokenizer: CaptionTokenizer,
    /// The training split.
    pub train: Vec<EncodedImage>,
    /// The validation split.
    pub validation: Vec<EncodedImage>,
}

impl TrainingData {
    /// Encodes the captions and finds every photo's grids.
    pub fn new(
        dataset: &PreparedDataset,
        tokenizer: CaptionTokenizer,
        features: FeatureSource,
    ) -> Result<Self> {
        let train = encode(&dataset.train, &tokenizer, &features.reader)?;
        let validation = encode(&dataset.validation, &tokenizer, &features.reader)?;
        for (split, name) in [(&train, "training"), (&validation, "validation")] {
            if split.is_empty() {
                return Err(Error::Invalid {
                    what: "`data`",
                    reason: format!(
                        "the {name} split holds no photo; `glimpse-train prepare` draws one with `validation_percent` or `halve`"
                    ),
                });
            }
        }
        Ok(Self { features, tokenizer, train, validation })
    }

    /// A hash of what a run learns from: photos, views and captions.
    pub fn fingerprint(&self) -> String {
        // As runs of earlier versions wrote it, where no block is trained.
        let mut text = format!("{:?}", self.features.reader.key()).replace(", before_block: None", "");
        for EncodedImage { file_name, first_grid, views, captions } in
            self.train.iter().chain(&self.validation)
        {
            text += &format!("\n{file_name} {first_grid} {views} {captions:?}");
        }
        glimpse_bundle::sha256(text.as_bytes())
    }
}

/// Encodes a split.
pub fn encode(
    images: &[CaptionedImage],
    tokenizer: &CaptionTokenizer,
    features: &FeatureReader,
) -> Result<Vec<EncodedImage>> {
    images
        .iter()
        .map(|image| {
            let (first_grid, views) = features.place(&image.file_name).ok_or_else(|| Error::Invalid {
                what: "features",
                reason: format!("the cache holds no {}; run `glimpse-train features` again", image.file_name),
            })?;
            let captions =
                image.captions.iter().map(|caption| tokenizer.encode(caption)).collect::<Result<_, _>>()?;
            Ok(EncodedImage { file_name: image.file_name.clone(), first_grid, views, captions })
        })
        .collect()
}

/// The photos of an epoch in a random order, in batches; the last one may be smaller.
pub fn shuffled_batches(images: usize, batch_images: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..images).collect();
    order.shuffle(rng);
    order.chunks(batch_images).map(<[usize]>::to_vec).collect()
}
