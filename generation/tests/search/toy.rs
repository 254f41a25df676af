//! Toy decoders whose next-token probabilities depend on the whole sequence so far: a row that continues the wrong beam
//! or the wrong image gets other probabilities.

use glimpse_generation::{GenerationConfig, InvalidOption, Step, StepModel, TopCandidates};

pub const BOS: u32 = 1;
pub const EOS: u32 = 2;
pub const CELLS: usize = 3;

/// Options over a toy vocabulary; ids 0 and 1 are suppressed as `<pad>` and `<sos>` are.
pub fn options(num_beams: usize, max_length: usize) -> GenerationConfig {
    let mut options = GenerationConfig::default();
    options.num_beams = num_beams;
    options.num_return_sequences = num_beams;
    options.max_length = max_length;
    options.suppress_tokens = vec![0, BOS];
    options
}

/// A seeded language: log-probabilities of the next token given an image and a prefix.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    pub vocab_size: usize,
    pub seed: u64,
    /// Added to the logit of `<eos>`.
    pub eos_bias: f32,
    /// Use few different logits, so that many tokens are equal.
    pub coarse: bool,
}

impl Language {
    pub fn log_probs(&self, image: u64, prefix: &[u32]) -> Vec<f32> {
        let hash = prefix.iter().fold(mix(self.seed ^ mix(image)), |hash, &id| mix(hash ^ u64::from(id)));
        let logits: Vec<f32> = (0..self.vocab_size as u64)
            .map(|id| {
                let unit = (mix(hash ^ mix(id + 77)) >> 40) as f32 / (1u32 << 24) as f32;
                let logit = if self.coarse { (unit * 3.0).floor() } else { unit * 5.0 };
                logit + if id == u64::from(EOS) { self.eos_bias } else { 0.0 }
            })
            .collect();
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        logits.iter().map(|logit| logit - sum.ln()).collect()
    }

    /// The toy's attention weights for the token after `prefix`.
    pub fn attention(&self, image: u64, prefix: &[u32]) -> [f32; CELLS] {
        let hash = prefix.iter().fold(mix(!image), |hash, &id| mix(hash ^ u64::from(id)));
        std::array::from_fn(|cell| (mix(hash ^ cell as u64) >> 40) as f32)
    }
}

/// splitmix64's finaliser.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A [`Language`] behind the step-wise interface; its state is each row's prefix.
pub struct Toy {
    language: Language,
    images: Vec<u64>,
    prefixes: Vec<Vec<u32>>,
    /// Rows of each step taken.
    pub rows: Vec<usize>,
}

impl Toy {
    pub fn new(language: Language, images: &[u64]) -> Self {
        let prefixes = images.iter().map(|_| Vec::new()).collect();
        Self { language, images: images.to_vec(), prefixes, rows: Vec::new() }
    }
}

impl StepModel for Toy {
    type Error = InvalidOption;

    fn vocab_size(&self) -> usize {
        self.language.vocab_size
    }

    fn image_key(&self, image: usize) -> u64 {
        self.images[image]
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), InvalidOption> {
        let prefixes = step.beam_idx.iter().zip(step.input_ids).map(|(&past_row, &id)| {
            let mut prefix = self.prefixes[past_row as usize].clone();
            prefix.push(id as u32);
            prefix
        });
        self.prefixes = prefixes.collect();
        if let Some(kept) = step.kept_images {
            assert!(kept.len() < self.images.len() && kept.is_sorted());
            self.images = kept.iter().map(|&position| self.images[position]).collect();
        }
        assert_eq!(self.prefixes.len() % self.images.len(), 0, "rows are images x beams");
        assert!(step.k <= self.language.vocab_size);
        self.rows.push(self.prefixes.len());

        let width = self.prefixes.len() / self.images.len();
        out.log_probs.clear();
        out.token_ids.clear();
        out.attentions.clear();
        for (row, prefix) in self.prefixes.iter().enumerate() {
            let image = self.images[row / width];
            let log_probs = self.language.log_probs(image, prefix);
            let mut ids: Vec<usize> = (0..log_probs.len()).collect();
            ids.sort_by(|&a, &b| log_probs[b].total_cmp(&log_probs[a]).then(a.cmp(&b)));
            for &id in &ids[..step.k] {
                out.log_probs.push(log_probs[id]);
                out.token_ids.push(id as i64);
            }
            if step.output_attentions {
                out.attentions.extend(self.language.attention(image, prefix));
            }
        }
        Ok(())
    }
}
