//! How words are chosen, in flags: Hugging Face's names and meanings, the bundle's defaults.

use anyhow::{Result, bail};
use clap::builder::BoolishValueParser;
use glimpse_runtime::search::{EarlyStopping, SearchOptions};

/// All of it, for commands that decode in one way.
#[derive(clap::Args)]
pub struct SearchArgs {
    /// Hypotheses kept at each step; 1 is greedy search [default: the bundle's; 1 with --do-sample]
    #[arg(long, visible_alias = "beam-size", value_name = "N", env = "GLIMPSE_NUM_BEAMS")]
    num_beams: Option<usize>,
    /// Captions score sum of log-probabilities / length^F [default: the bundle's]
    #[arg(long, value_name = "F", env = "GLIMPSE_LENGTH_PENALTY", allow_negative_numbers = true)]
    length_penalty: Option<f32>,
    #[command(flatten)]
    decoding: DecodingArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Words are drawn instead of searched.
#[derive(clap::Args)]
struct SamplingArgs {
    /// Draw words instead of searching the best
    #[arg(
        long, value_name = "BOOL", env = "GLIMPSE_DO_SAMPLE", value_parser = BoolishValueParser::new(),
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    do_sample: Option<bool>,
    /// With --do-sample: below 1 bolder, above 1 wilder
    #[arg(long, value_name = "F", env = "GLIMPSE_TEMPERATURE")]
    temperature: Option<f32>,
    /// With --do-sample: draw from this many of the best words; 0 draws from all
    #[arg(long, value_name = "N", env = "GLIMPSE_TOP_K")]
    top_k: Option<usize>,
    /// With --do-sample: draw from the fewest words that have this probability together
    #[arg(long, value_name = "P", env = "GLIMPSE_TOP_P")]
    top_p: Option<f32>,
    /// With --do-sample: the same seed draws the same captions for a photo [default: 0]
    #[arg(long, value_name = "N", env = "GLIMPSE_SEED")]
    seed: Option<u64>,
}

/// Of a search, all but the number of beams and the length penalty: for commands that vary these themselves.
#[derive(clap::Args)]
pub struct DecodingArgs {
    /// Longest sequence in words, start and end word counted [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_MAX_LENGTH")]
    max_length: Option<usize>,
    /// No end before this many words, start word counted and end word not [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_MIN_LENGTH")]
    min_length: Option<usize>,
    /// N-grams of this size never repeat within a caption; 0 allows all [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_NO_REPEAT_NGRAM_SIZE")]
    no_repeat_ngram_size: Option<usize>,
    /// Above 1, words that were said become rarer [default: the bundle's]
    #[arg(long, value_name = "F", env = "GLIMPSE_REPETITION_PENALTY")]
    repetition_penalty: Option<f32>,
    /// Captions for each photo, best first; at most num-beams unless they are drawn [default: 1]
    #[arg(long, value_name = "N", env = "GLIMPSE_NUM_RETURN_SEQUENCES")]
    num_return_sequences: Option<usize>,
    /// When beam search is done: true as soon as it has num-beams captions, false when better ones are
    /// unlikely, never when they are impossible [default: the bundle's]
    #[arg(long, value_name = "WHEN", env = "GLIMPSE_EARLY_STOPPING", value_parser = str::parse::<EarlyStopping>)]
    early_stopping: Option<EarlyStopping>,
    /// Diverse beam search: the beams search in this many groups [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_NUM_BEAM_GROUPS")]
    num_beam_groups: Option<usize>,
    /// Taken off a word's log-probability for each beam of an earlier group that says it in the same step
    #[arg(long, value_name = "F", env = "GLIMPSE_DIVERSITY_PENALTY")]
    diversity_penalty: Option<f32>,
}

impl SearchArgs {
    /// Puts what was given in the place of the bundle's `options`.
    pub fn apply(&self, options: &mut SearchOptions) -> Result<()> {
        self.sampling.apply(options)?;
        self.decoding.apply(options);
        set(&mut options.num_beams, self.num_beams);
        set(&mut options.length_penalty, self.length_penalty);
        if options.do_sample && self.decoding.early_stopping.is_some() {
            bail!("--early-stopping stops beam search, and --do-sample searches nothing");
        }
        self.decoding.check_width(options.num_beams)
    }
}

impl SamplingArgs {
    /// Turning sampling on or off drops what the bundle says of the other way; what contradicts it on the
    /// command line is refused by [`SearchOptions::validate`].
    fn apply(&self, options: &mut SearchOptions) -> Result<()> {
        match self.do_sample {
            Some(true) => {
                options.do_sample = true;
                (options.num_beams, options.num_beam_groups, options.diversity_penalty) = (1, 1, 0.0);
            }
            Some(false) => search_only(options),
            None => {}
        }
        set(&mut options.temperature, self.temperature);
        set(&mut options.top_k, self.top_k);
        set(&mut options.top_p, self.top_p);
        set(&mut options.seed, self.seed);
        let draws = [
            ("--temperature", self.temperature.is_some()),
            ("--top-k", self.top_k.is_some()),
            ("--top-p", self.top_p.is_some()),
            ("--seed", self.seed.is_some()),
        ];
        match draws.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) if !options.do_sample => {
                bail!("{flag} is for --do-sample: a search draws no words")
            }
            _ => Ok(()),
        }
    }
}

/// Drops what a bundle says of drawing words.
pub fn search_only(options: &mut SearchOptions) {
    options.do_sample = false;
    (options.temperature, options.top_k, options.top_p) = (1.0, SearchOptions::DEFAULT_TOP_K, 1.0);
}

impl DecodingArgs {
    /// Refuses what has no effect on a search of at most this many beams.
    pub fn check_width(&self, num_beams: usize) -> Result<()> {
        if self.early_stopping.is_some() && num_beams == 1 {
            bail!("--early-stopping stops beam search, and num_beams is 1");
        }
        Ok(())
    }

    /// Puts what was given in the place of the bundle's `options`.
    pub fn apply(&self, options: &mut SearchOptions) {
        set(&mut options.max_length, self.max_length);
        set(&mut options.min_length, self.min_length);
        set(&mut options.no_repeat_ngram_size, self.no_repeat_ngram_size);
        set(&mut options.repetition_penalty, self.repetition_penalty);
        set(&mut options.num_return_sequences, self.num_return_sequences);
        set(&mut options.early_stopping, self.early_stopping);
        set(&mut options.num_beam_groups, self.num_beam_groups);
        set(&mut options.diversity_penalty, self.diversity_penalty);
    }
}

fn set<T: Copy>(option: &mut T, given: Option<T>) {
    *option = given.unwrap_or(*option);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use glimpse_bundle::GenerationConfig;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        search: SearchArgs,
    }

    fn applied(config: &GenerationConfig, flags: &[&str]) -> Result<SearchOptions> {
        let cli = Cli::try_parse_from(["glimpse"].iter().chain(flags))?;
        let mut options = SearchOptions::from(config);
        cli.search.apply(&mut options)?;
        options.validate(10)?;
        Ok(options)
    }

    #[test]
    fn flags_replace_the_bundles_defaults() {
        let config = GenerationConfig::default();
        assert_eq!(applied(&config, &[]).unwrap(), SearchOptions::from(&config));
        let flags = "--num-beams 4 --length-penalty -0.5 --max-length 12 --min-length 3 --no-repeat-ngram-size 2 \
                     --repetition-penalty 1.2 --num-return-sequences 2 --early-stopping never --num-beam-groups 2 \
                     --diversity-penalty 0.3";
        let options = applied(&config, &flags.split_whitespace().collect::<Vec<_>>()).unwrap();
        let mut expected = SearchOptions::from(&config);
        (expected.num_beams, expected.length_penalty) = (4, -0.5);
        (expected.max_length, expected.min_length) = (12, 3);
        (expected.no_repeat_ngram_size, expected.repetition_penalty) = (2, 1.2);
        (expected.num_return_sequences, expected.early_stopping) = (2, EarlyStopping::Never);
        (expected.num_beam_groups, expected.diversity_penalty) = (2, 0.3);
        assert_eq!(options, expected);
    }

    #[test]
    fn sampling_takes_the_place_of_the_bundles_beams() {
        let config = GenerationConfig {
            num_beams: 4,
            num_beam_groups: 2,
            diversity_penalty: 0.5,
            ..Default::default()
        };
        let flags = ["--do-sample", "--temperature", "0.7", "--top-k", "0", "--top-p", "0.9", "--seed", "7"];
        let options = applied(&config, &flags).unwrap();
        assert!(options.do_sample);
        assert_eq!((options.num_beams, options.num_beam_groups, options.diversity_penalty), (1, 1, 0.0));
        assert_eq!((options.temperature, options.top_k, options.top_p, options.seed), (0.7, 0, 0.9, 7));
    }

    #[test]
    fn beams_take_the_place_of_the_bundles_sampling() {
        let config = GenerationConfig {
            num_beams: 1,
            do_sample: true,
            temperature: 0.7,
            top_p: 0.9,
            ..Default::default()
        };
        assert!(applied(&config, &[]).unwrap().do_sample);
        let options = applied(&config, &["--do-sample=false", "--num-beams", "2"]).unwrap();
        assert!(!options.do_sample);
        assert_eq!((options.num_beams, options.temperature, options.top_p), (2, 1.0, 1.0));
        assert!(applied(&config, &["--num-beams", "2"]).is_err(), "beams are not drawn");
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        for flags in [
            &["--seed", "1"][..],
            &["--top-p", "1"],
            &["--num-beams", "1", "--early-stopping", "true"],
            &["--do-sample", "--early-stopping", "true"],
            &["--diversity-penalty", "1"],
            &["--early-stopping", "perhaps"],
        ] {
            assert!(applied(&GenerationConfig::default(), flags).is_err(), "{flags:?}");
        }
    }
}
