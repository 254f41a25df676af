//! Where the bundle lies that comes with the programs.

use std::env;
use std::path::{Path, PathBuf};

/// The bundle that this project ships, as a path below a folder that holds a release or the repository.
pub const SHIPPED_BUNDLE: &str = "models/flickr8k-edge";

/// The folder of [`SHIPPED_BUNDLE`]: in the working directory, else beside the program, else above the program. `None`
/// where there is none.
pub fn shipped_bundle() -> Option<PathBuf> {
    let program = env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    first_below([Path::new("")].into_iter().chain(program.ancestors().skip(1)))
}

fn first_below<'a>(bases: impl Iterator<Item = &'a Path>) -> Option<PathBuf> {
    bases.map(|base| base.join(SHIPPED_BUNDLE)).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_the_bundle_wins() {
        let top = tempfile::tempdir().unwrap();
        let (near, far) = (top.path().join("bin"), top.path());
        std::fs::create_dir_all(&near).unwrap();
        assert_eq!(first_below([&*near, far].into_iter()), None);
        for base in [far, &near] {
            std::fs::create_dir_all(base.join(SHIPPED_BUNDLE)).unwrap();
            assert_eq!(first_below([&*near, far].into_iter()), Some(base.join(SHIPPED_BUNDLE)));
        }
    }
}
