//! What the tests that cross crates share.
//!
//! | module | topic |
//! |---|---|
//! | [`places`] | where the project's files lie |
//! | [`programs`] | `glimpse` and Python, run as a user would |
//! | [`wheel`] | the Python wheel |
//! | [`photos`] | real photos |
//! | [`models`] | bundles with seeded random weights |

pub mod models;
pub mod photos;
pub mod places;
pub mod programs;
pub mod wheel;

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So does what needs no private item in the sketches of the architecture.
#[cfg(doctest)]
#[doc = include_str!("../../ARCHITECTURE.md")]
struct Architecture;
