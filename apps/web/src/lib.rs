//! Writes the page as static files for any host: photos are captioned in the browser, by onnxruntime-web and a bundle's
//! encoder and decoder, and never leave it. After the first visit the page needs no network.
//!
//! | file | topic |
//! |---|---|
//! | `page/search.js` | greedy search and beams, as the crate `generation` does them |
//! | `page/photo.js`, `page/resample.js` | from a file to `pixel_values`, as `bundle::image` |
//! | `page/captioner.js`, `page/detokenizer.js` | the loop over encoder and decoder; ids to text |
//! | `page/worker.js`, `page/engine.js`, `page/download.js` | the network beside the page, and its files |
//! | `page/service-worker.js` | visits without a network |
//!
//! `docs/web.md` says how to use and host it.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod error;
mod files;
mod onnxruntime;
mod site;

pub use error::{Error, Result};
pub use files::Written;
pub use onnxruntime::ONNXRUNTIME_WEB_VERSION;
pub use site::{Site, build};
