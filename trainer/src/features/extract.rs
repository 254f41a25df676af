use super::Entry;
use super::cache::{CacheSpec, GRIDS, INDEX, read_spec, write_spec};
use super::views::Views;
use crate::READ_AHEAD;
use crate::backbone::FeatureExtractor;
use crate::{Error, FolderLock, Observer, Result};
use glimpse_bundle::for_each_ordered;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use tch::{Kind, Tensor};

/// How to fill a cache.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Photos a step of the backbone.
    pub batch_size: usize,
    /// Threads that decode and resize; on the CPU each runs the backbone on what it prepared.
    pub workers: usize,
}

impl ExtractOptions {
    /// The fastest settings: a thread a core, and the backbone's own batches.
    pub fn new(backbone: &FeatureExtractor) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { batch_size: backbone.batch_size(), workers: cores }
    }
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

/// What a worker made of a batch.
enum Made {
    /// f32 [grids, 3, height, width], for a device that only one thread feeds.
    PixelValues(Tensor),
    /// f16 [grids, cells, feature_dim], as they are written.
    Grids(Vec<u8>),
}

/// Fills the cache in `dir`, going on where an earlier run stopped.
///
/// Grids are appended in the order of `spec`, so that the file's length says how far it got.
///
/// # Errors
/// [`Error::InUse`] where another process fills it, [`Error::OtherPhotos`], [`Error::DiskFull`], [`Error::Photo`] and
/// [`Error::Io`].
pub fn extract(
    dir: &Path,
    spec: &CacheSpec,
    images: &Path,
    backbone: &FeatureExtractor,
    options: &ExtractOptions,
    observer: &dyn Observer,
) -> Result<ExtractReport> {
    let _lock = FolderLock::take(dir)?;
    let path = dir.join(GRIDS);
    let is_begun = dir.join(INDEX).is_file();
    if is_begun {
        let found = read_spec(dir)?;
        let finished = std::fs::metadata(&path).is_ok_and(|file| file.len() == found.total_bytes());
        if finished && found.covers(spec) {
            return Ok(ExtractReport { resumed: found.total_grids(), computed: 0, per_second: 0.0 });
        }
        if found != *spec {
            return Err(Error::OtherPhotos { path: dir.to_path_buf() });
        }
    }
    let mut file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
    if !is_begun {
        // Without its index, the file may hold other features.
        file.set_len(0).map_err(Error::io(&path))?;
    }
    let written = file.metadata().map_err(Error::io(&path))?.len() / spec.grid_bytes() as u64;
    let (first_entry, resumed) = whole_entries(spec, written as usize);
    let offset = (resumed * spec.grid_bytes()) as u64;
    file.set_len(offset).map_err(Error::io(&path))?;
    file.seek(SeekFrom::Start(offset)).map_err(Error::io(&path))?;

    check_space(dir, spec.total_bytes() - offset)?;
    if !is_begun {
        write_spec(dir, spec)?;
    }

    observer.begin("features", resumed, spec.total_grids());
    let start = std::time::Instant::now();
    let views = Views::new(&spec.key.preprocessor, spec.key.augmentation, spec.key.view_seed)?;
    let entries = &spec.entries[first_entry..];
    let batches: Vec<&[Entry]> = entries.chunks(options.batch_size.max(1)).collect();

    // Layers of a few milliseconds, cut among threads that wait for each other, take more of each core than photos of
    // which every thread has its own.
    let each_alone = backbone.device() == tch::Device::Cpu;
    let _threads = each_alone.then(SingleThreaded::begin);
    let make = |batch: &&[Entry]| {
        let pixel_values = decode(batch, images, &views)?;
        Ok::<_, Error>(if each_alone {
            Made::Grids(grids(backbone, &pixel_values))
        } else {
            Made::PixelValues(pixel_values)
        })
    };
    let mut computed = 0;
    for_each_ordered(
        &batches,
        options.workers,
        READ_AHEAD * options.workers,
        make,
        |_, made| -> Result<()> {
            let bytes = match made? {
                Made::Grids(bytes) => bytes,
                Made::PixelValues(pixel_values) => grids(backbone, &pixel_values),
            };
            file.write_all(&bytes).map_err(Error::io(&path))?;
            let count = bytes.len() / spec.grid_bytes();
            computed += count;
            observer.advance(count, "");
            Ok(())
        },
    )?;
    file.sync_all().map_err(Error::io(&path))?;
    observer.end();
    let per_second = computed as f64 / start.elapsed().as_secs_f64().max(1e-9);
    Ok(ExtractReport { resumed, computed, per_second })
}

/// Refuses a disk without room for so many bytes more.
fn check_space(dir: &Path, bytes: u64) -> Result<()> {
    let needed = bytes >> 20;
    let available = fs4::available_space(dir).map_err(Error::io(dir))? >> 20;
    if needed > available {
        return Err(Error::DiskFull { path: dir.to_path_buf(), available, needed });
    }
    Ok(())
}

/// f32 [views of all entries, 3, height, width]
fn decode(entries: &[Entry], images: &Path, views: &Views) -> Result<Tensor> {
    let mut values = Vec::new();
    for entry in entries {
        let path = images.join(&entry.file_name);
        let picture = glimpse_bundle::image::open(&path).map_err(|source| Error::Photo { path, source })?;
        views.append(&picture, &entry.file_name, entry.views, &mut values)?;
    }
    let size = views.output_size();
    Ok(Tensor::from_slice(&values).view([-1, 3, i64::from(size.height), i64::from(size.width)]))
}

/// f16 [grids, cells, feature_dim] as it is written.
fn grids(backbone: &FeatureExtractor, pixel_values: &Tensor) -> Vec<u8> {
    let grids = backbone.forward(pixel_values).to_kind(Kind::Half).to_device(tch::Device::Cpu).contiguous();
    let mut bytes = vec![0; 2 * grids.numel()];
    grids.copy_data_u8(&mut bytes, grids.numel());
    bytes
}

/// While it lives, libtorch runs each layer on the thread that asks for it.
struct SingleThreaded {
    before: i32,
}

impl SingleThreaded {
    fn begin() -> Self {
        let before = tch::get_num_threads();
        tch::set_num_threads(1);
        Self { before }
    }
}

impl Drop for SingleThreaded {
    fn drop(&mut self) {
        tch::set_num_threads(self.before);
    }
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
