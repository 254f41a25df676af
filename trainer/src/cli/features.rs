use super::progress::Bar;
use super::terminal::note;
use super::{BackboneArgs, DeviceArgs};
use anyhow::Result;
use clap::Args;
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::features::{self, CacheSpec, ExtractOptions};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Run the frozen part of the backbone over every photo once and keep what it gives.
#[derive(Debug, Args)]
pub struct FeaturesArgs {
    /// Folder that `prepare` wrote
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    backbone: BackboneArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Views of each training photo: the plain one, then seeded crops and flips
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    views: u16,
    /// Photos a step [default: what is fastest for the backbone]
    #[arg(long)]
    batch_size: Option<NonZeroUsize>,
    /// Threads that decode photos, and on the CPU run the backbone on them [default: one a core]
    #[arg(long)]
    workers: Option<NonZeroUsize>,
}

impl FeaturesArgs {
    pub fn run(self) -> Result<()> {
        let dataset = PreparedDataset::read(&self.data)?;
        let device = self.device.device()?;
        let key = self.backbone.cache_key()?;
        let dir = features::cache_dir(&self.data, &key);
        let entries = features::entries(&dataset, self.views.into());
        let spec = CacheSpec::new(key, entries)?;
        note(format_args!(
            "{}: {} grids of {} photos, {} MB",
            dir.display(),
            spec.total_grids(),
            spec.entries.len(),
            spec.total_bytes() >> 20
        ));
        let backbone = self.backbone.load(device)?;
        let ExtractOptions { batch_size, workers } = ExtractOptions::new(&backbone);
        let options = ExtractOptions {
            batch_size: self.batch_size.map_or(batch_size, NonZeroUsize::get),
            workers: self.workers.map_or(workers, NonZeroUsize::get),
        };
        let report =
            features::extract(&dir, &spec, &dataset.images_dir, &backbone, &options, &Bar::default())?;
        note(format_args!(
            "{} grids were there, {} computed, {:.1} a second",
            report.resumed, report.computed, report.per_second
        ));
        Ok(())
    }
}
