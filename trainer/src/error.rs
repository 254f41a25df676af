use glimpse_bundle::printable;
use std::path::{Path, PathBuf};

/// What can go wrong between captions and a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A JSON file does not hold what is expected in it.
    #[error("{path}: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why it does not parse.
        source: serde_json::Error,
    },
    /// The backbone's weights are not on disk.
    #[error("{path}: no such weights; give `backbone_weights` a .safetensors or .pth file, or hub to download resnet50's", path = path.display())]
    WeightsMissing {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The Hugging Face hub did not give the backbone's weights.
    #[error(
        "{file} of {repository} on the Hugging Face hub: {reason}; without a network, give `backbone_weights` a .safetensors or .pth file of the same network"
    )]
    Hub {
        /// The hub's name for the network.
        repository: &'static str,
        /// The file asked for.
        file: &'static str,
        /// What failed.
        reason: String,
    },
    /// The hub has no weights of this backbone under the names that are read here.
    #[error("`backbone_weights` hub downloads {known}, not {name}; give a .safetensors or .pth file")]
    NotOnHub {
        /// The backbone.
        name: String,
        /// Those that can be downloaded.
        known: String,
    },
    /// The file is not a state dict.
    #[error("{path}: not a readable state dict: {reason}", path = path.display(), reason = printable(reason))]
    WeightsUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The state dict lacks a weight.
    #[error("{path} holds no weight {name}: it belongs to another network", path = path.display())]
    WeightMissing {
        /// The weight.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A weight has another shape.
    #[error("{path}: {name} has shape {found:?}, expected {expected:?}: it belongs to another network", path = path.display())]
    WeightShape {
        /// The weight.
        name: String,
        /// The file.
        path: PathBuf,
        /// Shape that the network wants.
        expected: Vec<i64>,
        /// Shape in the file.
        found: Vec<i64>,
    },
    /// A file of word vectors is broken, or has none of the vocabulary.
    #[error("{path}: no word vectors: {reason}", path = path.display())]
    WordVectors {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A photo could not be read.
    #[error("{}; `glimpse-train prepare` leaves such photos out", photo_reason(path, source))]
    Photo {
        /// The photo.
        path: PathBuf,
        /// Why.
        source: glimpse_bundle::Error,
    },
    /// Photos that the captions name are missing or unreadable.
    #[error(
        "{count} photos are missing or broken, more than `max_bad_images` {limit} or all there are: is `images` the right folder? The first: {first}"
    )]
    BadImages {
        /// How many.
        count: usize,
        /// How many are tolerated.
        limit: usize,
        /// The first one and why.
        first: String,
    },
    /// There are no features of this backbone yet.
    #[error("{path}: no features of this backbone and preprocessing; run `glimpse-train features` first", path = path.display())]
    NoCache {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The feature cache was made by other settings.
    #[error("{path}: the cache was made with {found}, this run wants {wanted}; run `glimpse-train features` again", path = path.display())]
    OtherCache {
        /// The cache.
        path: PathBuf,
        /// What it was made with.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// The feature cache was begun for other photos, or for another number of views.
    #[error("{path}: the cache is of other photos, or of another number of views; remove that folder to make it anew", path = path.display())]
    OtherPhotos {
        /// The cache.
        path: PathBuf,
    },
    /// The cache is not finished.
    #[error("{path}: the cache holds {done} of {total} grids; run `glimpse-train features` again, it goes on where it stopped", path = path.display())]
    UnfinishedCache {
        /// The cache.
        path: PathBuf,
        /// Grids done.
        done: usize,
        /// Grids in all.
        total: usize,
    },
    /// Another process writes the folder.
    #[error("{path} is in use by another glimpse-train: wait until it ends, or name another folder", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Not enough room for the cache.
    #[error("{path} has room for {available} MB, the cache needs {needed} MB", path = path.display())]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// Megabytes free.
        available: u64,
        /// Megabytes needed.
        needed: u64,
    },
    /// The loss became infinite or NaN.
    #[error(
        "the loss became {loss} in epoch {epoch}, {place}; lower `learning_rate` or `max_grad_norm`{}",
        go_on(checkpoint)
    )]
    NotFinite {
        /// The loss.
        loss: f64,
        /// 1-based epoch.
        epoch: usize,
        /// "step 3" of the epoch, or "validation".
        place: String,
        /// What to go on from, if an epoch was finished.
        checkpoint: Option<PathBuf>,
    },
    /// A setting is out of range, or contradicts another or the files given.
    #[error("{what}: {reason}")]
    Invalid {
        /// The setting.
        what: &'static str,
        /// Why it is refused.
        reason: String,
    },
    /// libtorch failed; its own message.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// From the exporter.
    #[error(transparent)]
    Export(#[from] glimpse_export::Error),
    /// From the bundle's contract.
    #[error(transparent)]
    Bundle(#[from] glimpse_bundle::Error),
}

impl Error {
    /// Wraps an I/O error with the path that it happened at; made for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Wraps a JSON error with the path that it happened at; made for `map_err`.
    pub fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}

/// Why a photo could not be read, after its file name; some reasons begin with it already.
pub(crate) fn photo_reason(path: &Path, reason: &glimpse_bundle::Error) -> String {
    let (path, reason) = (path.display().to_string(), glimpse_bundle::with_causes(reason));
    if reason.contains(&path) { reason } else { format!("{path}: {reason}") }
}

fn go_on(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!(" and go on from {} with `resume` and `change_recipe`", path.display()),
        None => " and begin again: no epoch was finished".into(),
    }
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
