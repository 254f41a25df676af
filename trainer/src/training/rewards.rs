use super::data::EncodedImage;
use super::missing_tokens::MissingTokens;
use super::recipe::SelfCritical;
use crate::decode::Decoded;
use crate::{Error, Result};
use glimpse_bundle::{CaptionTokenizer, EOS_ID};
use glimpse_metrics::{BleuCounts, CiderD, DocumentFrequency};

/// Tokens that the PTB tokenisation of published scores drops; the reward drops them too.
const PUNCTUATION: [&str; 16] =
    ["''", "'", "``", "`", "(", ")", "{", "}", ".", "?", "!", ",", ":", "-", "--", ";"];

/// CIDEr-D, and BLEU-4 where asked, over token ids, against the captions of a split.
///
/// A caption that ended carries `<eos>` as its last token, here and in the references: without it,
/// self-critical training learns to stop in the middle of a phrase.
#[derive(Debug)]
pub struct Rewards {
    scorer: CiderD,
    /// The captions of each photo as they are scored.
    references: Vec<Vec<Vec<u32>>>,
    /// By token id: whether the token is scored.
    counts: Vec<bool>,
}

impl Rewards {
    /// Scores captions of `images`, with the document frequency of `frequency_images`' captions.
    pub fn new(
        images: &[EncodedImage],
        frequency_images: &[EncodedImage],
        tokenizer: &CaptionTokenizer,
    ) -> Result<Self> {
        let mut counts = vec![true; tokenizer.vocab_size()];
        for word in PUNCTUATION {
            if let Some(id) = tokenizer.word_to_id(word) {
                counts[id as usize] = false;
            }
        }
        let references = |images: &[EncodedImage]| -> Vec<Vec<Vec<u32>>> {
            let of_image =
                |image: &EncodedImage| image.captions.iter().map(|c| counted(&counts, c, true)).collect();
            images.iter().map(of_image).collect()
        };
        let frequency = DocumentFrequency::new(&references(frequency_images)).map_err(metric)?;
        let references = references(images);
        let scorer = CiderD::with_document_frequency(frequency, &references).map_err(metric)?;
        Ok(Self { scorer, references, counts })
    }

    /// CIDEr-D of a caption of the photo at position `image`, in 0..=10.
    pub fn score(&self, image: usize, caption: &Decoded) -> Result<f64> {
        self.scorer.score(image, &counted(&self.counts, &caption.token_ids, caption.ended)).map_err(metric)
    }

    /// The reward of self-critical training: CIDEr-D, plus the weighted BLEU-4 of the caption, plus the weighted need
    /// of those of its tokens that a reference of the photo has.
    pub(super) fn reward(
        &self,
        image: usize,
        caption: &Decoded,
        settings: &SelfCritical,
        missing: &MissingTokens,
    ) -> Result<f64> {
        let cider = self.score(image, caption)?;
        let tokens = counted(&self.counts, &caption.token_ids, caption.ended);
        let references = &self.references[image];
        let mut reward = cider;
        if settings.bleu_weight > 0.0 {
            reward += settings.bleu_weight * BleuCounts::new(&tokens, references).scores()[3];
        }
        if settings.missing_token_weight > 0.0 {
            reward += settings.missing_token_weight * missing.reward(&tokens, references);
        }
        Ok(reward)
    }

    /// Which tokens of the references `captions`, one of each of `images`, lack.
    pub(super) fn missing(&self, images: &[usize], captions: &[Decoded]) -> MissingTokens {
        let captions: Vec<_> =
            captions.iter().map(|caption| counted(&self.counts, &caption.token_ids, caption.ended)).collect();
        let references = images.iter().flat_map(|&image| &self.references[image]);
        MissingTokens::new(self.counts.len(), &captions, references)
    }

    /// Mean CIDEr-D of one caption for each photo.
    pub fn mean(&self, captions: &[Decoded]) -> Result<f64> {
        let total: f64 = captions
            .iter()
            .enumerate()
            .map(|(image, caption)| self.score(image, caption))
            .sum::<Result<f64>>()?;
        Ok(total / captions.len().max(1) as f64)
    }
}

fn counted(counts: &[bool], words: &[u32], ended: bool) -> Vec<u32> {
    words.iter().copied().filter(|&id| counts[id as usize]).chain(ended.then_some(EOS_ID)).collect()
}

fn metric(error: glimpse_metrics::Error) -> Error {
    Error::Invalid { what: "captions", reason: error.to_string() }
}
