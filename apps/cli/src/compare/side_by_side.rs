//! What every setting says of a photo.

use super::settings::Setting;
use super::sweep::Sweep;
use anyhow::Result;
use glimpse_bundle::printable;
use glimpse_runtime::Caption;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Settings { image: &'a str, settings: Vec<Found<'a>> },
    Error { image: &'a str, error: &'a str },
}

#[derive(Serialize)]
struct Found<'a> {
    num_beams: usize,
    length_penalty: f32,
    /// Of all photos: the decoder's and the search's time.
    words_per_second: f64,
    /// The word, from 1, where the best caption first differs from that of the first setting.
    parts_at: Option<usize>,
    captions: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    generated_text: &'a str,
    /// Log-probability of the whole caption.
    sum_logprobs: f32,
    score: f32,
    token_ids: &'a [u32],
    token_logprobs: &'a [f32],
}

impl<'a> From<&'a Caption> for Said<'a> {
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

/// Where two captions part ways: the first word, from 1, that differs.
pub fn parts_at(a: &[u32], b: &[u32]) -> Option<usize> {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (common < a.len().max(b.len())).then_some(common + 1)
}

pub fn print(
    out: &mut impl Write,
    json: bool,
    sweep: &Sweep,
    settings: &[Setting],
    names: &[String],
) -> Result<()> {
    let width = settings.iter().map(|setting| setting.name.len()).max().unwrap_or(0);
    for (position, image) in names.iter().enumerate() {
        let mut first: Option<&Caption> = None;
        let mut found = Vec::new();
        for (setting, run) in settings.iter().zip(&sweep.runs) {
            let Some(captions) = run.examples.get(&position) else { continue };
            let Some(best) = captions.first() else { continue };
            found.push(Found {
                num_beams: setting.options.num_beams,
                length_penalty: setting.options.length_penalty,
                words_per_second: run.tokens as f64 / run.decoding.as_secs_f64(),
                parts_at: parts_at(&first.get_or_insert(best).token_ids, &best.token_ids),
                captions: captions.iter().map(Said::from).collect(),
            });
        }
        if json {
            let line = match sweep.failed.get(&position) {
                Some(error) => Line::Error { image, error },
                None => Line::Settings { image, settings: found },
            };
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
            continue;
        }
        if found.is_empty() {
            continue; // Not a photo: said already.
        }
        writeln!(out, "{}", printable(image))?;
        writeln!(out, "  {:width$} {:>8} {:>7} {:>8}", "", "log-prob", "score", "words/s")?;
        for (setting, found) in settings.iter().zip(&found) {
            for (rank, said) in found.captions.iter().enumerate() {
                let Said { generated_text, sum_logprobs, score, .. } = said;
                let name = if rank == 0 { setting.name.as_str() } else { "" };
                write!(out, "  {name:width$} {sum_logprobs:8.3} {score:7.3} ")?;
                match (rank, found.parts_at) {
                    (0, Some(word)) => {
                        write!(
                            out,
                            "{:8.0}  {generated_text}  [word {word} differs]",
                            found.words_per_second
                        )?;
                    }
                    (0, None) => write!(out, "{:8.0}  {generated_text}", found.words_per_second)?,
                    _ => write!(out, "{:8}  {generated_text}", "")?,
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parts_at;

    #[test]
    fn captions_part_at_the_first_difference() {
        assert_eq!(parts_at(&[4, 5, 2], &[4, 5, 2]), None);
        assert_eq!(parts_at(&[4, 5, 2], &[4, 6, 2]), Some(2));
        assert_eq!(parts_at(&[4, 5, 2], &[4, 5]), Some(3));
        assert_eq!(parts_at(&[4, 5], &[4, 5, 2]), Some(3));
    }
}
