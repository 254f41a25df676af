//! The captions to score: generated, or read from a file.

use super::super::complain;
use super::super::inputs::Input;
use super::super::progress::progress_bar;
use super::Args;
use super::partial::Partial;
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use glimpse_bundle::{sha256_of_file, with_causes, write_whole};
use glimpse_captions::{CaptionResult, CaptionedImage, match_results, read_results};
use glimpse_runtime::{Captioned, Captioner, GenerationConfig, StreamOptions};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// The speed of captioning, with the time to read and decode files.
#[derive(Debug, Serialize)]
pub struct Speed {
    /// Photos captioned by this run, without those of an earlier one.
    pub photos: usize,
    /// Photos per second.
    pub photos_per_second: f64,
}

/// The captions to score, one for each image.
pub struct Hypotheses {
    /// The images that have a caption.
    pub images: Vec<CaptionedImage>,
    /// Their captions.
    pub captions: Vec<String>,
    /// The images that have none, with the reason.
    pub failed: Vec<(String, String)>,
    pub speed: Option<Speed>,
    /// The system or the search that generated the captions.
    pub setting: String,
}

impl Hypotheses {
    /// Captions of another system, from a results file.
    pub fn read(path: &Path, images: Vec<CaptionedImage>) -> Result<Self> {
        let (captions, others) = match_results(read_results(path)?, &images)
            .with_context(|| format!("--results {}", path.display()))?;
        if others > 0 {
            complain(format_args!("note: {others} results are of other images and are left out"));
        }
        let setting = path.display().to_string();
        Ok(Self { images, captions, failed: Vec::new(), speed: None, setting })
    }
}

/// Captions every photo that has no caption yet from an earlier, stopped run with the same settings.
pub fn caption(
    args: &Args,
    matches: &ArgMatches,
    folder: &Path,
    images: Vec<CaptionedImage>,
) -> Result<Hypotheses> {
    if !folder.is_dir() {
        bail!("--images {} is not a folder", folder.display());
    }
    let captioner = args.model.open()?;
    let options = args.search.given(matches)?.over(captioner.generation_config())?;
    options.validate(captioner.bundle().config.architecture.vocab_size)?;
    if options.num_return_sequences > 1 {
        bail!(
            "num_return_sequences is {}, but one caption for each photo is scored",
            options.num_return_sequences
        );
    }
    let dir = captioner.bundle().dir();
    let sums = sha256_of_file(&dir.join(glimpse_bundle::CHECKSUMS))?;
    let setting = format!("{}, {}", dir.display(), super::report::describe(&options));
    let photos = folder.canonicalize()?;
    let key = format!("{sums} {:?} {:?} {options:?} {photos:?}", captioner.device(), args.model.precision());
    let mut partial = args.output.as_deref().map(|output| Partial::open(output, &key)).transpose()?;

    let known =
        images.iter().map(|image| partial.as_mut().and_then(|partial| partial.take(&image.image_id())));
    let captions = known.collect();
    let mut work = Work { images: &images, captions, failed: Vec::new(), partial: partial.as_mut() };
    let speed = work.caption(&captioner, &options, args.model.stream_options(), folder)?;
    let Work { captions, failed, .. } = work;

    let (images, captions): (Vec<_>, Vec<_>) =
        images.into_iter().zip(captions).filter_map(|(image, caption)| Some((image, caption?))).unzip();
    if let (Some(output), false) = (&args.output, captions.is_empty()) {
        write_results(output, &images, &captions)?;
        // If photos failed, the next run captions only these.
        if let (Some(partial), true) = (partial, failed.is_empty()) {
            partial.remove()?;
        }
    }
    Ok(Hypotheses { images, captions, failed, speed, setting })
}

/// The captions of a run while it goes on.
struct Work<'a> {
    images: &'a [CaptionedImage],
    /// One for each image; `None` where it is missing.
    captions: Vec<Option<String>>,
    /// The images that could not be captioned, with the reason.
    failed: Vec<(String, String)>,
    partial: Option<&'a mut Partial>,
}

impl Work<'_> {
    /// Captions the images that have no caption. Returns the speed, if any photo was captioned.
    fn caption(
        &mut self,
        captioner: &Captioner,
        options: &GenerationConfig,
        stream: StreamOptions,
        folder: &Path,
    ) -> Result<Option<Speed>> {
        let positions: Vec<usize> =
            (0..self.images.len()).filter(|&position| self.captions[position].is_none()).collect();
        let known = self.images.len() - positions.len();
        if known > 0 {
            complain(format_args!("note: {known} photos have captions from an earlier run; continuing"));
        }
        let path = |&position: &usize| Input::File(folder.join(&self.images[position].file_name));
        let inputs: Vec<_> = positions.iter().map(path).collect();
        let progress = progress_bar(inputs.len());
        let start = Instant::now();
        let photos: Vec<_> = inputs.iter().map(Input::photo).collect();
        let answers = captioner.stream(photos, options, stream)?;
        for (number, ((&position, input), answer)) in positions.iter().zip(&inputs).zip(answers).enumerate() {
            if let Some(line) = self.add(position, &input.name(), answer)? {
                progress.suspend(|| complain(line));
            }
            progress.inc(1);
            if (number + 1) % stream.batch_size == 0 {
                self.flush()?;
            }
        }
        self.flush()?;
        progress.finish_and_clear();
        let photos = inputs.len() - self.failed.len();
        let seconds = start.elapsed().as_secs_f64();
        Ok((photos > 0).then(|| Speed { photos, photos_per_second: photos as f64 / seconds }))
    }

    /// Stores the answer for the image at `position`. Returns a line for the user if there is a warning or an error.
    fn add(
        &mut self,
        position: usize,
        name: &str,
        answer: glimpse_runtime::Result<Captioned>,
    ) -> Result<Option<String>> {
        let image = &self.images[position];
        let Captioned { captions, warning, .. } = match answer {
            Ok(captioned) => captioned,
            Err(error) => {
                let reason = with_causes(&error);
                let line = format!("{name}: {reason}");
                self.failed.push((image.file_name.clone(), reason));
                return Ok(Some(line));
            }
        };
        let best = captions.into_iter().next().context("a photo got no caption")?;
        if let Some(partial) = &mut self.partial {
            partial.add(&image.image_id(), &best.generated_text)?;
        }
        self.captions[position] = Some(best.generated_text);
        Ok(warning.map(|warning| format!("warning: {name}: {warning}")))
    }

    fn flush(&mut self) -> Result<()> {
        self.partial.as_mut().map_or(Ok(()), |partial| partial.flush())
    }
}

/// Writes COCO results JSON; the file appears complete or not at all.
fn write_results(path: &Path, images: &[CaptionedImage], captions: &[String]) -> Result<()> {
    let results = images.iter().zip(captions);
    let results: Vec<_> = results
        .map(|(image, caption)| CaptionResult { image_id: image.image_id(), caption: caption.clone() })
        .collect();
    let text = serde_json::to_vec(&results)?;
    write_whole(path, &text).with_context(|| format!("--output {}", path.display()))
}
