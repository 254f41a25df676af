//! Ways to choose the words of a step. A new one is a file here, and a variant of `Strategy` in `image`.

mod beams;
mod chains;
mod warp;

pub(super) use beams::BeamGroup;
pub(super) use chains::Chains;
pub use warp::warp;
