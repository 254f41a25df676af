//! What the exporter promises, from the outside.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod averages;
mod bundles;
mod checkpoints;
mod common;
mod graphs;
mod logit_adjustment;
mod parity;
