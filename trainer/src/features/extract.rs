use super::Entry;
use super::cache::{CacheSpec, GRIDS, INDEX, read_spec, write_spec};
use super::views::Views;
use crate::ahead::ahead;
use crate::backbone::FeatureExtractor;
use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use tch::{Kind, Tensor};

/// How to fill a cache.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Photos a step of the backbone.
    pub batch_size: usize,
    /// Threads that decode and resize ahead of the backbone.
    pub workers: usize,
}

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub struct ExtractReport {
    /// Grids that were there already.
    pub resumed: usize,
    /// Grids computed now.
    pub computed: usize,
    /// Grids per second.
    pub per_second: f64,
}

/// A batch on its way from the workers to the backbone.
struct Batch {
    pixel_values: Vec<f32>,
    grids: usize,
}

/// Fills the cache in `dir`, going on where an earlier run stopped.
///
/// Grids are appended in the order of `spec`, so that the file's length says how far it got.
pub fn extract(
    dir: &Path,
    spec: &CacheSpec,
    images: &Path,
    backbone: &FeatureExtractor,
    options: &ExtractOptions,
) -> Result<ExtractReport> {
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    if dir.join(INDEX).is_file() {
        let found = read_spec(dir)?;
        let finished = std::fs::metadata(dir.join(GRIDS)).is_ok_and(|file| file.len() == found.total_bytes());
        if finished && found.covers(spec) {
            return Ok(ExtractReport { resumed: found.total_grids(), computed: 0, per_second: 0.0 });
        }
        if found.key != spec.key || found.entries != spec.entries {
            return Err(Error::OtherCache {
                path: dir.to_path_buf(),
                found: found.key.to_string(),
                wanted: format!("{} over {} photos", spec.key, spec.entries.len()),
            });
        }
    } else {
        write_spec(dir, spec)?;
    }

    let path = dir.join(GRIDS);
    let mut file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
    let written = file.metadata().map_err(Error::io(&path))?.len() / spec.grid_bytes() as u64;
    let (first_entry, resumed) = whole_entries(spec, written as usize);
    let offset = (resumed * spec.grid_bytes()) as u64;
    file.set_len(offset).map_err(Error::io(&path))?;
    file.seek(SeekFrom::Start(offset)).map_err(Error::io(&path))?;

    let needed = (spec.total_bytes() - offset) >> 20;
    let available = fs4::available_space(dir).map_err(Error::io(dir))? >> 20;
    if needed > available {
        return Err(Error::DiskFull { path: dir.to_path_buf(), available, needed });
    }

    let bar = ProgressBar::new(spec.total_grids() as u64).with_position(resumed as u64);
    bar.set_style(style());
    let start = std::time::Instant::now();
    let views = Views::new(&spec.key.preprocessor, spec.key.augmentation, spec.key.view_seed)?;
    let size = spec.key.preprocessor.output_size();
    let entries = &spec.entries[first_entry..];
    let mut computed = 0;

    let batches: Vec<&[Entry]> = entries.chunks(options.batch_size.max(1)).collect();
    let decode = |batch: &&[Entry]| decode_batch(batch, images, &views);
    ahead(&batches, options.workers, decode, |_, batch| -> Result<()> {
        let batch = batch?;
        let shape = [batch.grids as i64, 3, i64::from(size.height), i64::from(size.width)];
        let grids = backbone.forward(&Tensor::from_slice(&batch.pixel_values).view(shape));
        let grids = grids.to_kind(Kind::Half).to_device(tch::Device::Cpu).contiguous();
        let mut bytes = vec![0u8; batch.grids * spec.grid_bytes()];
        grids.copy_data_u8(&mut bytes, grids.numel());
        file.write_all(&bytes).map_err(Error::io(&path))?;
        computed += batch.grids;
        bar.inc(batch.grids as u64);
        Ok(())
    })?;
    file.sync_all().map_err(Error::io(&path))?;
    bar.finish_and_clear();
    let per_second = computed as f64 / start.elapsed().as_secs_f64().max(1e-9);
    Ok(ExtractReport { resumed, computed, per_second })
}

fn decode_batch(entries: &[Entry], images: &Path, views: &Views) -> Result<Batch> {
    let mut batch = Batch { pixel_values: Vec::new(), grids: 0 };
    for entry in entries {
        let path = images.join(&entry.file_name);
        let picture = glimpse_bundle::image::open(&path).map_err(|source| Error::Photo { path, source })?;
        views.append(&picture, &entry.file_name, entry.views, &mut batch.pixel_values)?;
        batch.grids += entry.views;
    }
    Ok(batch)
}

/// The number of entries whose grids are all among the first `written`, and the number of those grids.
fn whole_entries(spec: &CacheSpec, written: usize) -> (usize, usize) {
    let mut grids = 0;
    for (i, entry) in spec.entries.iter().enumerate() {
        if grids + entry.views > written {
            return (i, grids);
        }
        grids += entry.views;
    }
    (spec.entries.len(), grids)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("features {bar:30} {pos}/{len} [{elapsed}<{eta}, {per_sec}]")
        .expect("the template is fixed")
}
