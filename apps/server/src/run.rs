//! The program: opens the bundle, listens, and ends when it is told to.

use crate::args::Args;
use crate::router::router;
use crate::state::AppState;
use crate::{listen, metrics, options, signals};
use anyhow::{Context, Result, anyhow};
use glimpse_bundle::Size;
use glimpse_bundle::image::RgbImage;
use glimpse_runtime::Captioner;
use serde_json::Map;
use std::io::IsTerminal;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Serves until a signal ends it.
///
/// # Errors
/// A bundle that cannot be opened, no ONNX Runtime, or an address that is taken.
pub fn run(args: &Args) -> Result<()> {
    log(args);
    let metrics = metrics::install().context("metrics cannot be counted")?;
    let model = args.model();
    let captioner = Captioner::open(&model, &args.captioner_options())?;
    if let Some(reason) = captioner.fallback() {
        tracing::warn!(reason, "captioning on the CPU, as CUDA cannot be used");
    }
    let device = captioner.device();
    warm_up(&captioner).context("the network does not run")?;
    let limits = args.limits();
    let vocab_size = captioner.bundle().config.architecture.vocab_size;
    options::searches(captioner.generation_config(), vocab_size, &Map::new(), &limits)
        .map_err(|refusal| anyhow!("the bundle's own options are over the limits: {}", refusal.error()))?;
    let token = args.token();
    if !args.host.is_loopback() && token.is_none() {
        tracing::warn!("whoever reaches {} may caption: there is no token", args.host);
    }
    let state = AppState::new(captioner, limits, token, Some(metrics.clone()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = SocketAddr::new(args.host, args.port);
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?;
        signals::watch(state.clone())?;
        tokio::spawn(crate::metrics::keep_small(metrics));
        let address = listener.local_addr()?;
        tracing::info!(model = %model.display(), %device, "listening on http://{address}");
        listen::serve(listener, router(state.clone()), state).await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// The first run of a graph takes longer than others, and a network that does not run is better known before photos come.
fn warm_up(captioner: &Captioner) -> glimpse_runtime::Result<()> {
    let Size { height, width } = captioner.preprocessor().config().output_size();
    captioner.caption(RgbImage::new(width, height), captioner.generation_config()).map(|_| ())
}

fn log(args: &Args) {
    // A closed stderr must not end the thread that logs: no word about lines that cannot be written.
    let log = tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if args.log_json {
        log.json().init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
