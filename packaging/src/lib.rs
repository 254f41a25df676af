//! What a release holds beside the programs: manual pages, completions of shells, licences, and the list of its parts.
//! `dist.sh` builds the programs and packs all of it.

mod documents;
mod licences;
mod parts;
mod sbom;

pub use documents::{completions, manual_pages, programs};
pub use licences::licences;
pub use parts::{Package, PackageId, Parts, crates_of};
pub use sbom::{Release, sbom};
