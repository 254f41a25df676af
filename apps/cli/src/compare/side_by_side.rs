//! The captions of every setting for a photo, side by side.

use super::super::columns::columns;
use super::settings::Setting;
use super::sweep::Sweep;
use anyhow::Result;
use glimpse_bundle::printable;
use glimpse_runtime::Caption;
use serde::Serialize;
use std::io::{self, Write};

/// A line of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Settings { image: &'a str, settings: Vec<SettingResult<'a>> },
    Error { image: &'a str, error: &'a str },
}

/// The captions of one setting for one photo.
#[derive(Serialize)]
struct SettingResult<'a> {
    num_beams: usize,
    length_penalty: f32,
    /// Tokens for each second of the decoder and the search, over all photos.
    #[serde(rename = "words_per_second")]
    tokens_per_second: f64,
    /// See [`first_difference`]; between the best captions of this setting and of the first one.
    #[serde(rename = "parts_at")]
    first_difference: Option<usize>,
    captions: Vec<ComparedCaption<'a>>,
}

#[derive(Serialize)]
struct ComparedCaption<'a> {
    generated_text: &'a str,
    /// Log-probability of the whole caption.
    sum_logprobs: f32,
    score: f32,
    token_ids: &'a [u32],
    token_logprobs: &'a [f32],
}

impl<'a> From<&'a Caption> for ComparedCaption<'a> {
    fn from(caption: &'a Caption) -> Self {
        let Caption { generated_text, score, token_ids, token_logprobs, .. } = caption;
        Self {
            generated_text,
            sum_logprobs: token_logprobs.iter().sum(),
            score: *score,
            token_ids,
            token_logprobs,
        }
    }
}

/// The first token, counted from 1, in which two captions differ.
pub fn first_difference(a: &[u32], b: &[u32]) -> Option<usize> {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (common < a.len().max(b.len())).then_some(common + 1)
}

/// Prints the captions of every photo, as text or as JSON.
pub fn print(
    out: &mut impl Write,
    json: bool,
    sweep: &Sweep,
    settings: &[Setting],
    names: &[String],
) -> Result<()> {
    for (position, image) in names.iter().enumerate() {
        let results = results(sweep, settings, position);
        if json {
            let line = match sweep.failed.get(&position) {
                Some(error) => Line::Error { image, error },
                None => Line::Settings { image, settings: results },
            };
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
        } else if !results.is_empty() {
            print_photo(out, image, settings, &results)?;
        }
    }
    Ok(())
}

/// The results of all settings for the photo at `position`; empty if it could not be captioned.
fn results<'a>(sweep: &'a Sweep, settings: &[Setting], position: usize) -> Vec<SettingResult<'a>> {
    let mut first: Option<&Caption> = None;
    let mut results = Vec::new();
    for (setting, run) in settings.iter().zip(&sweep.runs) {
        let Some(captions) = run.examples.get(&position) else { continue };
        let Some(best) = captions.first() else { continue };
        results.push(SettingResult {
            num_beams: setting.options.num_beams,
            length_penalty: setting.options.length_penalty,
            tokens_per_second: run.tokens as f64 / run.decoding.as_secs_f64(),
            first_difference: first_difference(&first.get_or_insert(best).token_ids, &best.token_ids),
            captions: captions.iter().map(ComparedCaption::from).collect(),
        });
    }
    results
}

fn print_photo(
    out: &mut impl Write,
    image: &str,
    settings: &[Setting],
    results: &[SettingResult<'_>],
) -> io::Result<()> {
    writeln!(out, "{}", printable(image))?;
    write!(out, "{}", columns(2, &[0, 4], rows(settings, results)))
}

/// The captions of a photo for people: a header, then the n-best list of each setting.
fn rows(settings: &[Setting], results: &[SettingResult<'_>]) -> Vec<Vec<String>> {
    let mut rows = vec![["", "log-prob", "score", "words/s", ""].map(str::to_owned).to_vec()];
    for (setting, result) in settings.iter().zip(results) {
        for (rank, caption) in result.captions.iter().enumerate() {
            let ComparedCaption { generated_text, sum_logprobs, score, .. } = caption;
            let (sum_logprobs, score) = (format!("{sum_logprobs:.3}"), format!("{score:.3}"));
            let mut text = printable(generated_text).to_string();
            let (mut name, mut speed) = (String::new(), String::new());
            if rank == 0 {
                (name, speed) = (setting.name.clone(), format!("{:.0}", result.tokens_per_second));
                if let Some(number) = result.first_difference {
                    text += &format!("  [word {number} differs]");
                }
            }
            rows.push(vec![name, sum_logprobs, score, speed, text]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn captions_differ_first_in_this_token() {
        assert_eq!(first_difference(&[4, 5, 2], &[4, 5, 2]), None);
        assert_eq!(first_difference(&[4, 5, 2], &[4, 6, 2]), Some(2));
        assert_eq!(first_difference(&[4, 5, 2], &[4, 5]), Some(3));
        assert_eq!(first_difference(&[4, 5], &[4, 5, 2]), Some(3));
    }
}
