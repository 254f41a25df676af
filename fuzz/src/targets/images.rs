use super::project_folder;
use crate::{Target, check_error, mutate};
use glimpse_bundle::image::{Limits, load};
use glimpse_bundle::{Error, Preprocessor, PreprocessorConfig, Size};

/// What decoding may take here: small, so that a picture that takes more than it says is found out.
const MAX_BYTES: u64 = 16 << 20;

/// A photo's bytes, to pixels.
pub(super) const IMAGE: Target = Target {
    name: "image",
    seeds: || {
        let folders = ["formats", "refused", "faults", "jpeg"];
        let files = folders.iter().flat_map(|name| project_folder(&format!("bundle/tests/image/{name}")));
        files.filter(|file| file.len() < 1 << 13).collect()
    },
    mutate: mutate::picture,
    run,
    // What it may take, the file, and a little for tables and metadata.
    max_heap: MAX_BYTES as usize + (6 << 20),
};

fn run(input: &[u8]) {
    let mut limits = Limits::default();
    (limits.max_bytes, limits.max_file_bytes) = (MAX_BYTES, 1 << 20);
    let read = load(input.into(), &limits, |photo| {
        let (width, height) = photo.image.dimensions();
        assert!(width > 0 && height > 0 && width.max(height) <= limits.max_side);
        let mut config = PreprocessorConfig::squash(1, [0.0; 3], [1.0; 3]);
        config.size = Size { height: 8, width: 8 };
        let preprocessor = Preprocessor::new(config).unwrap_or_else(|error| panic!("{error}"));
        if u64::from(width) * u64::from(height) < 1 << 18
            && let Err(error) = preprocessor.resize(&photo.image)
        {
            check_error(error);
        }
    });
    match read {
        Ok(()) => {}
        Err(Error::Image(error)) => check_error(error),
        Err(other) => panic!("not an error of a picture: {other}"),
    }
}
