//! The captions that are scored: made now, or read.

use super::super::complain;
use super::super::inputs::Input;
use super::super::progress::progress_bar;
use super::Args;
use super::partial::Partial;
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use glimpse_bundle::{sha256_of_file, with_causes, write_whole};
use glimpse_captions::{CaptionResult, CaptionedImage, match_results, read_results};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// How fast photos were captioned, files read and decoded included.
#[derive(Debug, Serialize)]
pub struct Speed {
    /// Photos captioned by this run; those of an earlier one do not count.
    pub photos: usize,
    /// Photos a second.
    pub photos_per_second: f64,
}

/// One caption an image.
pub struct Hypotheses {
    /// The images that have a caption.
    pub images: Vec<CaptionedImage>,
    /// Their captions.
    pub captions: Vec<String>,
    /// Those that have none, with the reason.
    pub failed: Vec<(String, String)>,
    pub speed: Option<Speed>,
    /// What made the captions.
    pub setting: String,
}

impl Hypotheses {
    /// Another system's, from a results file.
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

/// Captions every photo that an earlier, stopped run of the same settings did not.
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
        bail!("num_return_sequences is {}: one caption a photo is scored", options.num_return_sequences);
    }
    let dir = captioner.bundle().dir();
    let sums = sha256_of_file(&dir.join(glimpse_bundle::CHECKSUMS))?;
    let setting = format!("{}, {}", dir.display(), super::report::describe(&options));
    let photos = folder.canonicalize()?;
    let key = format!("{sums} {:?} {:?} {options:?} {photos:?}", captioner.device(), args.model.precision());
    let mut partial = args.output.as_deref().map(|output| Partial::open(output, &key)).transpose()?;
    let mut captions: Vec<Option<String>> = images
        .iter()
        .map(|image| partial.as_mut().and_then(|partial| partial.take(&image.image_id())))
        .collect();

    let open: Vec<usize> = (0..images.len()).filter(|&position| captions[position].is_none()).collect();
    let resumed = images.len() - open.len();
    if resumed > 0 {
        complain(format_args!("note: {resumed} photos were captioned before; going on"));
    }
    let inputs: Vec<_> =
        open.iter().map(|&position| Input::File(folder.join(&images[position].file_name))).collect();
    let progress = progress_bar(inputs.len());
    let mut failed = Vec::new();
    let start = Instant::now();
    let photos: Vec<_> = inputs.iter().map(Input::photo).collect();
    let stream = args.model.stream_options();
    let answers = captioner.stream(photos, &options, stream)?;
    for (place, (&position, answer)) in open.iter().zip(answers).enumerate() {
        match answer {
            Ok(answer) => {
                if let Some(warning) = answer.warning {
                    let name = inputs[place].name();
                    progress.suspend(|| complain(format_args!("warning: {name}: {warning}")));
                }
                let best = answer.captions.into_iter().next().context("a photo got no caption")?;
                if let Some(partial) = &mut partial {
                    partial.add(&images[position].image_id(), &best.generated_text)?;
                }
                captions[position] = Some(best.generated_text);
            }
            Err(error) => {
                let reason = with_causes(&error);
                progress.suspend(|| complain(format_args!("{}: {reason}", inputs[place].name())));
                failed.push((images[position].file_name.clone(), reason));
            }
        }
        progress.inc(1);
        if (place + 1) % stream.batch_size == 0 {
            partial.as_mut().map_or(Ok(()), Partial::flush)?;
        }
    }
    partial.as_mut().map_or(Ok(()), Partial::flush)?;
    progress.finish_and_clear();
    let photos = inputs.len() - failed.len();
    let speed = (photos > 0)
        .then(|| Speed { photos, photos_per_second: photos as f64 / start.elapsed().as_secs_f64() });

    let (images, captions): (Vec<_>, Vec<_>) =
        images.into_iter().zip(captions).filter_map(|(image, caption)| Some((image, caption?))).unzip();
    if let (Some(output), false) = (&args.output, captions.is_empty()) {
        write_results(output, &images, &captions)?;
        // What failed may be mended, and then only that is to be captioned.
        if let (Some(partial), true) = (partial, failed.is_empty()) {
            partial.remove()?;
        }
    }
    Ok(Hypotheses { images, captions, failed, speed, setting })
}

/// Writes COCO results JSON, whole or not at all.
fn write_results(path: &Path, images: &[CaptionedImage], captions: &[String]) -> Result<()> {
    let results = images.iter().zip(captions);
    let results: Vec<_> = results
        .map(|(image, caption)| CaptionResult { image_id: image.image_id(), caption: caption.clone() })
        .collect();
    let text = serde_json::to_vec(&results)?;
    write_whole(path, &text).with_context(|| format!("--output {}", path.display()))
}
