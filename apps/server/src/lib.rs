//! Captions photos over HTTP, in batches across requests.
//!
//! The program `glimpse-serve` is [`run`](fn@run) with [`Args`]. A program with a server of its own takes [`router`]:
//!
//! ```no_run
//! use glimpse_runtime::Captioner;
//! use glimpse_server::{AppState, Limits, router};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let captioner = Captioner::from_bundle("models/flickr8k-edge")?;
//! let state = AppState::new(captioner, Limits::default(), None, None)?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! glimpse_server::serve(listener, router(state.clone()), state).await;
//! # Ok(())
//! # }
//! ```
//!
//! `docs/serve.md` describes the paths, the options and the limits.

mod args;
mod batcher;
mod body;
mod captions;
mod config;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod heap;
mod info;
mod lifecycle;
mod listen;
mod metrics;
mod openapi;
mod options;
mod page;
mod refusal;
mod request;
mod router;
mod run;
mod schema;
mod signals;
mod state;
mod token;

pub use args::Args;
pub use config::Limits;
pub use heap::share_heap;
pub use lifecycle::{Active, Lifecycle};
pub use listen::serve;
pub use metrics::install as install_metrics;
pub use router::router;
pub use run::run;
pub use state::AppState;
pub use token::Token;
