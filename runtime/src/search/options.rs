use glimpse_bundle::{EarlyStopping, GenerationConfig};

/// What a search does, in the words of Hugging Face's `GenerationConfig`.
///
/// A bundle brings its own defaults: start from [`SearchOptions::from`] its `generation_config.json`
/// and change fields. [`SearchOptions::validate`] says which values and combinations are refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// Hypotheses kept at each step; 1 is greedy search. A step costs about this many rows.
    pub num_beams: usize,
    /// Captions per image; at most `num_beams`, or any number of samples. A step of sampling costs
    /// this many rows.
    pub num_return_sequences: usize,
    /// Longest sequence, `<sos>` and `<eos>` counted.
    pub max_length: usize,
    /// No `<eos>` before the sequence has this many words, `<sos>` counted and `<eos>` not, as in
    /// Hugging Face: a caption has `min_length - 1` words at least. 0 and 1 allow an empty caption.
    pub min_length: usize,
    /// A hypothesis scores sum of log-probabilities / length^length_penalty, where the length counts
    /// `<eos>` but not `<sos>`. Above 0 favours long captions, below 0 short ones.
    pub length_penalty: f32,
    /// When a beam search stops looking for better captions. A single beam always ends with its `<eos>`.
    pub early_stopping: EarlyStopping,
    /// N-grams of this size never repeat within a caption; 0 allows all.
    pub no_repeat_ngram_size: usize,
    /// Log-probabilities of words that the caption has already (`<sos>` counted) are multiplied by
    /// this: above 1 makes them rarer, 1 changes nothing (Keskar et al. 2019). Hugging Face does the
    /// same to log-probabilities in beam search; in greedy search and sampling it takes the logits,
    /// which a bundle's decoder does not give: there the results are those of a model whose logits are
    /// its log-probabilities.
    pub repetition_penalty: f32,
    /// Diverse beam search (Vijayakumar et al. 2016): the beams search in this many groups, one group
    /// after the other at each step; 1 is ordinary beam search.
    pub num_beam_groups: usize,
    /// Taken off a word's log-probability for each beam of an earlier group that says it in this step.
    pub diversity_penalty: f32,
    /// Draw words instead of searching the best. Captions then come in the order in which they were
    /// drawn, so that the first is a fair sample however many are asked for.
    pub do_sample: bool,
    /// Log-probabilities are divided by this before a word is drawn: below 1 is bolder, above 1 wilder.
    pub temperature: f32,
    /// Words are drawn from this many of the best (Fan et al. 2018); 0 draws from all, which costs a
    /// sort of the whole vocabulary at each step.
    pub top_k: usize,
    /// Words are drawn from the fewest that have this probability together (Holtzman et al. 2020).
    pub top_p: f32,
    /// Where the random numbers of sampling start. The same seed draws the same captions for a photo,
    /// whatever other photos are in the batch; photos draw different numbers.
    pub seed: u64,
    /// Ids that are never generated. The other log-probabilities stay as the model gave them: they
    /// are not renormalised over the words that remain, as in Hugging Face.
    pub suppress_tokens: Vec<u32>,
    /// The id that decoding starts from.
    pub decoder_start_token_id: u32,
    /// The id that ends a caption.
    pub eos_token_id: u32,
    /// Keep where the decoder looked at each word; costs 196 bytes a row and step.
    pub output_attentions: bool,
}

impl From<&GenerationConfig> for SearchOptions {
    fn from(config: &GenerationConfig) -> Self {
        Self {
            num_beams: config.num_beams,
            num_return_sequences: 1,
            max_length: config.max_length,
            min_length: config.min_length,
            length_penalty: config.length_penalty,
            early_stopping: config.early_stopping,
            no_repeat_ngram_size: config.no_repeat_ngram_size,
            repetition_penalty: config.repetition_penalty,
            num_beam_groups: config.num_beam_groups,
            diversity_penalty: config.diversity_penalty,
            do_sample: config.do_sample,
            temperature: config.temperature,
            top_k: config.top_k,
            top_p: config.top_p,
            seed: 0,
            suppress_tokens: config.suppress_tokens.clone(),
            decoder_start_token_id: config.decoder_start_token_id,
            eos_token_id: config.eos_token_id,
            output_attentions: false,
        }
    }
}

impl SearchOptions {
    /// [`SearchOptions::top_k`] where nobody says otherwise, as in Hugging Face.
    pub const DEFAULT_TOP_K: usize = 50;

    /// Hypothesis score: `sum_logprobs / length^length_penalty`.
    pub(super) fn score(&self, sum_logprobs: f32, length: usize) -> f32 {
        sum_logprobs / (length.max(1) as f64).powf(f64::from(self.length_penalty)) as f32
    }

    /// Beams of each group; all beams where there is one group.
    pub(super) fn group_size(&self) -> usize {
        self.num_beams / self.num_beam_groups
    }

    /// Rows per image before the first word: a sample or a group starts in each.
    pub(super) fn starts(&self) -> usize {
        if self.do_sample { self.num_return_sequences } else { self.num_beam_groups }
    }
}
