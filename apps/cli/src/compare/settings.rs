//! The settings to compare.

use anyhow::{Result, bail};
use glimpse_runtime::generation::GenerationConfig;

/// One search.
pub struct Setting {
    /// For tables: `greedy`, `3 beams`, `3 beams, length penalty 0.8`.
    pub name: String,
    pub options: GenerationConfig,
}

impl Setting {
    /// For file names: `greedy`, `3-beams-length-penalty-0.8`.
    pub fn slug(&self) -> String {
        self.name.replace(", ", "-").replace(' ', "-")
    }
}

/// Every width with every length penalty. Greedy search does not use the penalty and occurs once. The number of
/// returned captions is at most the width.
pub fn settings(options: &GenerationConfig, widths: &[usize], penalties: &[f32]) -> Result<Vec<Setting>> {
    let widest = widest(widths);
    if widest == 1 && penalties.len() > 1 {
        bail!("--length-penalty has an effect only in beam search, and no width is above 1");
    }
    if options.num_return_sequences > widest {
        bail!("--num-return-sequences {}: every width is smaller", options.num_return_sequences);
    }
    let penalties = if penalties.is_empty() { &[options.length_penalty] } else { penalties };
    let mut settings = Vec::new();
    for &num_beams in widths {
        for &length_penalty in if num_beams == 1 { &penalties[..1] } else { penalties } {
            let mut options = options.clone();
            options.num_beams = num_beams;
            options.length_penalty = length_penalty;
            options.num_return_sequences = options.num_return_sequences.min(num_beams);
            let name = match num_beams {
                1 => "greedy".to_owned(),
                _ if penalties.len() == 1 => format!("{num_beams} beams"),
                _ => format!("{num_beams} beams, length penalty {length_penalty}"),
            };
            if settings.iter().any(|setting: &Setting| setting.name == name) {
                bail!("{name} is given twice");
            }
            settings.push(Setting { name, options });
        }
    }
    Ok(settings)
}

/// The largest width, at least 1. A width of 0 is refused later, with the other options.
pub fn widest(widths: &[usize]) -> usize {
    widths.iter().copied().fold(1, usize::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glimpse_bundle::GenerationConfig;

    #[test]
    fn every_width_has_every_penalty() {
        let mut options = GenerationConfig::default();
        options.num_return_sequences = 3;
        let found = settings(&options, &[1, 2, 5], &[0.5, 1.0]).unwrap();
        let names: Vec<_> = found.iter().map(Setting::slug).collect();
        let expected = [
            "greedy",
            "2-beams-length-penalty-0.5",
            "2-beams-length-penalty-1",
            "5-beams-length-penalty-0.5",
            "5-beams-length-penalty-1",
        ];
        assert_eq!(names, expected);
        let counts: Vec<_> = found.iter().map(|setting| setting.options.num_return_sequences).collect();
        assert_eq!(counts, [1, 2, 2, 3, 3]);
        assert_eq!(settings(&options, &[4], &[]).unwrap()[0].name, "4 beams");
        assert!(settings(&options, &[2, 2], &[]).is_err());
    }
}
