//! Image networks that give the grid of features, each described once.
//!
//! A [`Backbone`] is data: blocks of convolutions with their batch norms, strides, padding and weight names. Two
//! interpreters read it: [`Backbone::build`] here, which adds the network to an ONNX graph, and
//! `glimpse_trainer::backbone`, which runs it in libtorch. A new backbone is one file here and one entry in
//! [`backbones`].

mod build;
mod description;
mod efficientnet_lite;
mod layer;
mod resnet50;

use crate::{Error, Result};
pub use description::{Backbone, Block, Layer, MapShape, Shortcut};
pub use layer::{Activation, ConvBn, MaxPool, Padding};
use std::sync::LazyLock;

/// Every backbone.
pub fn backbones() -> &'static [Backbone] {
    static BACKBONES: LazyLock<Vec<Backbone>> =
        LazyLock::new(|| vec![resnet50::describe(), efficientnet_lite::lite0()]);
    &BACKBONES
}

/// The backbone of this name.
///
/// # Errors
/// [`Error::UnknownBackbone`], which lists them all.
pub fn backbone(name: &str) -> Result<&'static Backbone> {
    backbones().iter().find(|backbone| backbone.name == name).ok_or_else(|| {
        let known: Vec<_> = backbones().iter().map(|backbone| backbone.name).collect();
        Error::UnknownBackbone { name: name.into(), known: known.join(", ") }
    })
}
