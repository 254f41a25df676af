//! Decoding options as flags and variables: Hugging Face's names and meanings, the bundle's defaults.

use anyhow::{Result, anyhow};
use clap::ArgMatches;
use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use glimpse_runtime::generation::{EarlyStopping, GenerationConfig};
use serde::Serialize;
use serde_json::{Map, Value};

/// All options, for commands that run one search.
#[derive(clap::Args, Serialize)]
pub struct SearchArgs {
    /// Hypotheses kept at each step; 1 is greedy search [default: the bundle's; 1 with --do-sample]
    #[arg(long, visible_alias = "beam-size", value_name = "N", env = "GLIMPSE_NUM_BEAMS")]
    num_beams: Option<usize>,
    /// Captions score sum of log-probabilities / length^F [default: the bundle's]
    #[arg(long, value_name = "F", env = "GLIMPSE_LENGTH_PENALTY", allow_negative_numbers = true, value_parser = finite)]
    length_penalty: Option<f32>,
    #[command(flatten)]
    #[serde(skip)]
    decoding: DecodingArgs,
    #[command(flatten)]
    #[serde(skip)]
    sampling: SamplingArgs,
}

/// Options of sampling.
#[derive(clap::Args, Serialize)]
struct SamplingArgs {
    /// Draw words at random instead of searching for the best
    #[arg(
        long, value_name = "BOOL", env = "GLIMPSE_DO_SAMPLE", value_parser = BoolishValueParser::new(),
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    do_sample: Option<bool>,
    /// With --do-sample: below 1 likely words are drawn more often, above 1 less often
    #[arg(long, value_name = "F", env = "GLIMPSE_TEMPERATURE", value_parser = finite)]
    temperature: Option<f32>,
    /// With --do-sample: draw only from this many of the most likely words; 0 draws from all
    #[arg(long, value_name = "N", env = "GLIMPSE_TOP_K")]
    top_k: Option<usize>,
    /// With --do-sample: draw only from the smallest set of words that have this probability together
    #[arg(long, value_name = "P", env = "GLIMPSE_TOP_P", value_parser = finite)]
    top_p: Option<f32>,
    /// With --do-sample: the same seed draws the same captions for a photo [default: 0]
    #[arg(long, value_name = "N", env = "GLIMPSE_SEED")]
    seed: Option<u64>,
}

/// Options of a search without the number of beams and the length penalty, for commands that vary these two.
#[derive(clap::Args, Serialize)]
pub struct DecodingArgs {
    /// Longest sequence in tokens, start and end token included [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_MAX_LENGTH")]
    max_length: Option<usize>,
    /// Largest number of tokens of a caption, end token included; use it or --max-length
    #[arg(long, value_name = "N", env = "GLIMPSE_MAX_NEW_TOKENS")]
    max_new_tokens: Option<usize>,
    /// Least number of tokens before the end token, start token included [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_MIN_LENGTH")]
    min_length: Option<usize>,
    /// N-grams of this size never repeat within a caption; 0 allows all [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_NO_REPEAT_NGRAM_SIZE")]
    no_repeat_ngram_size: Option<usize>,
    /// Above 1, words that the caption already has become less likely [default: the bundle's]
    #[arg(long, value_name = "F", env = "GLIMPSE_REPETITION_PENALTY", value_parser = finite)]
    repetition_penalty: Option<f32>,
    /// Captions for each photo, best first; at most num-beams, except with --do-sample [default: 1]
    #[arg(long, value_name = "N", env = "GLIMPSE_NUM_RETURN_SEQUENCES")]
    num_return_sequences: Option<usize>,
    /// When beam search ends: true as soon as it has num-beams captions, false when better ones are
    /// unlikely, never when they are impossible [default: the bundle's]
    #[arg(long, value_name = "WHEN", env = "GLIMPSE_EARLY_STOPPING", value_parser = str::parse::<EarlyStopping>)]
    early_stopping: Option<EarlyStopping>,
    /// Diverse beam search: the number of groups of beams [default: the bundle's]
    #[arg(long, value_name = "N", env = "GLIMPSE_NUM_BEAM_GROUPS")]
    num_beam_groups: Option<usize>,
    /// Subtracted from a word's log-probability for each beam of an earlier group that chose it in the same step
    #[arg(long, value_name = "F", env = "GLIMPSE_DIVERSITY_PENALTY", value_parser = finite)]
    diversity_penalty: Option<f32>,
}

/// The options that the user gave, by key: as flags and as environment variables.
///
/// A variable without effect is ignored; a flag without effect is refused.
#[derive(Default)]
pub struct Given {
    flags: Map<String, Value>,
    variables: Map<String, Value>,
}

impl Given {
    /// Separates `options` into flags and variables, as `matches` says. Absent options are null.
    fn of(options: &impl Serialize, matches: &ArgMatches) -> Result<Self> {
        let mut given = Self::default();
        let Value::Object(options) = serde_json::to_value(options)? else { return Ok(given) };
        for (key, value) in options.into_iter().filter(|(_, value)| !value.is_null()) {
            match matches.value_source(&key) {
                Some(ValueSource::EnvVariable) => given.variables.insert(key, value),
                _ => given.flags.insert(key, value),
            };
        }
        Ok(given)
    }

    fn extend(&mut self, other: Self) {
        self.flags.extend(other.flags);
        self.variables.extend(other.variables);
    }

    /// Replaces the bundle's options by the given ones.
    pub fn over(&self, config: &GenerationConfig) -> Result<GenerationConfig> {
        config.with_overrides_and_defaults(&self.flags, &self.variables).map_err(|refused| {
            // A flag is told by its own name.
            match self.flags.contains_key(&refused.option) {
                true => anyhow!("--{}: {}", refused.option.replace('_', "-"), refused.reason),
                false => refused.into(),
            }
        })
    }
}

/// Reads a number. JSON has none that is infinite or not a number.
fn finite(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().map_err(|error| error.to_string())?;
    if number.is_finite() { Ok(number) } else { Err("a finite number is needed".into()) }
}

impl SearchArgs {
    /// The given options; `matches` are those of the subcommand.
    pub fn given(&self, matches: &ArgMatches) -> Result<Given> {
        let mut given = Given::of(self, matches)?;
        given.extend(self.decoding.given(matches)?);
        given.extend(Given::of(&self.sampling, matches)?);
        Ok(given)
    }
}

impl DecodingArgs {
    /// The given options; `matches` are those of the subcommand.
    pub fn given(&self, matches: &ArgMatches) -> Result<Given> {
        Given::of(self, matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        search: SearchArgs,
    }

    fn applied(config: &GenerationConfig, flags: &[&str]) -> Result<GenerationConfig> {
        let matches = Cli::command().try_get_matches_from(["glimpse"].iter().chain(flags))?;
        let options = Cli::from_arg_matches(&matches)?.search.given(&matches)?.over(config)?;
        options.validate(10)?;
        Ok(options)
    }

    #[test]
    fn flags_replace_the_bundles_defaults() {
        let config = GenerationConfig::default();
        assert_eq!(applied(&config, &[]).unwrap(), config.clone());
        let flags = "--num-beams 4 --length-penalty -0.5 --max-length 12 --min-length 3 --no-repeat-ngram-size 2 \
                     --repetition-penalty 1.2 --num-return-sequences 2 --early-stopping never --num-beam-groups 2 \
                     --diversity-penalty 0.3";
        let options = applied(&config, &flags.split_whitespace().collect::<Vec<_>>()).unwrap();
        let mut expected = config.clone();
        (expected.num_beams, expected.length_penalty) = (4, -0.5);
        (expected.max_length, expected.min_length) = (12, 3);
        (expected.no_repeat_ngram_size, expected.repetition_penalty) = (2, 1.2);
        (expected.num_return_sequences, expected.early_stopping) = (2, EarlyStopping::Never);
        (expected.num_beam_groups, expected.diversity_penalty) = (2, 0.3);
        assert_eq!(options, expected);
    }

    #[test]
    fn sampling_replaces_the_bundles_beams() {
        let config =
            GenerationConfig::default().with_num_beams(4).with_num_beam_groups(2).with_diversity_penalty(0.5);
        let flags = ["--do-sample", "--temperature", "0.7", "--top-k", "0", "--top-p", "0.9", "--seed", "7"];
        let options = applied(&config, &flags).unwrap();
        assert!(options.do_sample);
        assert_eq!((options.num_beams, options.num_beam_groups, options.diversity_penalty), (1, 1, 0.0));
        assert_eq!((options.temperature, options.top_k, options.top_p, options.seed), (0.7, 0, 0.9, 7));
    }

    #[test]
    fn beams_replace_the_bundles_sampling() {
        let config = GenerationConfig::default()
            .with_num_beams(1)
            .with_do_sample(true)
            .with_temperature(0.7)
            .with_top_p(0.9);
        assert!(applied(&config, &[]).unwrap().do_sample);
        let options = applied(&config, &["--do-sample=false", "--num-beams", "2"]).unwrap();
        assert!(!options.do_sample);
        assert_eq!((options.num_beams, options.temperature, options.top_p), (2, 1.0, 1.0));
        assert!(applied(&config, &["--num-beams", "2"]).is_err(), "sampling has no beams");
    }

    #[test]
    fn flags_without_effect_are_refused() {
        for flags in [
            &["--seed", "1"][..],
            &["--top-p", "1"],
            &["--num-beams", "1", "--early-stopping", "true"],
            &["--do-sample", "--early-stopping", "true"],
            &["--diversity-penalty", "1"],
            &["--early-stopping", "perhaps"],
            &["--max-length", "5", "--max-new-tokens", "4"],
        ] {
            assert!(applied(&GenerationConfig::default(), flags).is_err(), "{flags:?}");
        }
    }
}
