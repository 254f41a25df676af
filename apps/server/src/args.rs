//! Flags, each with a variable `GLIMPSE_*`.

use crate::config::Limits;
use crate::token::Token;
use glimpse_bundle::{SHIPPED_BUNDLE, shipped_bundle};
use glimpse_runtime::{CaptionerOptions, Device, PrecisionChoice};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Caption photos over HTTP with an exported bundle and ONNX Runtime.
///
/// SIGTERM and Ctrl-C: no new photos are taken, those that are here are answered, then it ends. A second one ends it at
/// once.
#[derive(Debug, clap::Parser)]
#[command(name = "glimpse-serve", version)]
pub struct Args {
    /// The bundle [default: models/flickr8k-edge in the working directory or beside the program]
    #[arg(long, value_name = "DIR", env = "GLIMPSE_MODEL")]
    model: Option<PathBuf>,
    /// auto, cpu, cuda or cuda:INDEX; auto takes CUDA where it works, cuda takes it or fails
    #[arg(long, default_value = "auto", env = "GLIMPSE_DEVICE")]
    device: Device,
    /// fp32, fp16, int8, or one for the encoder and one for the decoder (fp32,int8)
    #[arg(long, default_value = "auto", env = "GLIMPSE_PRECISION")]
    precision: PrecisionChoice,
    /// Threads of ONNX Runtime, and photos decoded at once [default: the physical cores]
    #[arg(long, value_name = "N", env = "GLIMPSE_THREADS", value_parser = count(1024))]
    threads: Option<usize>,
    /// The ONNX Runtime library, or the folder that holds it [default: searched]
    #[arg(long, value_name = "PATH", env = "GLIMPSE_ORT_LIB")]
    ort_lib: Option<PathBuf>,
    /// The address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "127.0.0.1", env = "GLIMPSE_HOST")]
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value = "8080", env = "GLIMPSE_PORT", value_parser = port)]
    pub(crate) port: u16,
    /// Requests need `Authorization: Bearer TOKEN`; the variable hides it from the list of processes
    #[arg(long, value_name = "TOKEN", env = "GLIMPSE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// What is logged to stderr: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "GLIMPSE_LOG")]
    pub(crate) log: tracing::Level,
    /// One JSON object for each line of the log
    #[arg(long, env = "GLIMPSE_LOG_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) log_json: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, clap::Args)]
struct LimitArgs {
    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value = "33554432", env = "GLIMPSE_MAX_BODY_BYTES", value_parser = count(1 << 40))]
    max_body_bytes: usize,
    /// Bytes of all bodies that are held at the same time
    #[arg(long, value_name = "BYTES", default_value = "268435456", env = "GLIMPSE_MAX_BUFFERED_BYTES", value_parser = count(1 << 40))]
    max_buffered_bytes: usize,
    /// Photos of a request
    #[arg(long, value_name = "N", default_value = "32", env = "GLIMPSE_MAX_PHOTOS", value_parser = count(100_000))]
    max_photos: usize,
    /// Beams of a photo, those of all searches of a request together
    #[arg(long, value_name = "N", default_value = "32", env = "GLIMPSE_MAX_BEAMS", value_parser = count(1000))]
    max_beams: usize,
    /// Length of a caption in tokens, start token counted
    #[arg(long, value_name = "N", default_value = "100", env = "GLIMPSE_MAX_TOKENS", value_parser = count(10_000))]
    max_tokens: usize,
    /// Photos that wait or are captioned; when there is no place for all photos of a request, it is refused
    #[arg(long, value_name = "N", default_value = "256", env = "GLIMPSE_QUEUE_SIZE", value_parser = count(1_000_000))]
    queue_size: usize,
    /// Photos that run through the network together
    #[arg(long, value_name = "N", default_value = "8", env = "GLIMPSE_BATCH_SIZE", value_parser = count(100_000))]
    batch_size: usize,
    /// Connections that are open at the same time; others wait
    #[arg(long, value_name = "N", default_value = "1024", env = "GLIMPSE_MAX_CONNECTIONS", value_parser = count(1_000_000))]
    max_connections: usize,
    /// Seconds that a client may take for headers, and between two requests
    #[arg(long, value_name = "SECONDS", default_value = "10", env = "GLIMPSE_HEADER_TIMEOUT", value_parser = seconds)]
    header_timeout: Duration,
    /// Seconds that a client may take for a body, or read nothing of an answer
    #[arg(long, value_name = "SECONDS", default_value = "30", env = "GLIMPSE_BODY_TIMEOUT", value_parser = seconds)]
    body_timeout: Duration,
    /// Seconds that a request may wait for its captions
    #[arg(long, value_name = "SECONDS", default_value = "60", env = "GLIMPSE_REQUEST_TIMEOUT", value_parser = seconds)]
    request_timeout: Duration,
    /// Seconds that requests are waited for after SIGTERM
    #[arg(long, value_name = "SECONDS", default_value = "60", env = "GLIMPSE_SHUTDOWN_TIMEOUT", value_parser = seconds)]
    shutdown_timeout: Duration,
}

impl Args {
    /// The bundle to open; where none is found, the path that is searched for, and opening it says so.
    pub(crate) fn model(&self) -> PathBuf {
        self.model.clone().or_else(shipped_bundle).unwrap_or_else(|| SHIPPED_BUNDLE.into())
    }

    /// How the bundle is opened.
    pub(crate) fn captioner_options(&self) -> CaptionerOptions {
        let mut options = CaptionerOptions::default().with_device(self.device).with_precision(self.precision);
        options.onnxruntime.library = self.ort_lib.clone();
        options.onnxruntime.threads = self.threads;
        options
    }

    /// What requests have to send. An empty token is none.
    pub(crate) fn token(&self) -> Option<Token> {
        self.token.as_deref().filter(|token| !token.is_empty()).map(Token::new)
    }

    pub(crate) fn limits(&self) -> Limits {
        let given = &self.limits;
        Limits {
            max_body_bytes: given.max_body_bytes,
            max_buffered_bytes: given.max_buffered_bytes,
            max_photos: given.max_photos,
            max_beams: given.max_beams,
            max_tokens: given.max_tokens,
            queue_size: given.queue_size,
            batch_size: given.batch_size,
            max_connections: given.max_connections,
            header_timeout: given.header_timeout,
            body_timeout: given.body_timeout,
            request_timeout: given.request_timeout,
            shutdown_timeout: given.shutdown_timeout,
        }
    }
}

/// Kubernetes sets `GLIMPSE_PORT` too, to an address, where a service is called `glimpse`.
fn port(text: &str) -> Result<u16, String> {
    if text.contains("://") {
        return Err("an address, as Kubernetes sets it for a service called glimpse: give the pod enableServiceLinks: \
             false, or name the port with --port"
            .into());
    }
    text.parse().map_err(|_| "not a port from 0 to 65535".into())
}

/// Reads a count from 1 to `most`.
fn count(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("not a whole number from 1 to {most}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds above 0, at most 86400".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[test]
    fn flags_default_to_the_librarys_limits() {
        // Variables of whoever runs the tests would be read too.
        let args = Args::parse_from(["glimpse-serve", "--max-beams", "7", "--header-timeout", "0.5"]);
        let header_timeout = Duration::from_millis(500);
        let expected = Limits { max_beams: 7, header_timeout, ..Limits::default() };
        assert_eq!(args.limits(), expected);
        assert!(args.host.is_loopback() && args.token().is_none());
    }

    #[test]
    fn an_address_of_kubernetes_is_no_port() {
        assert_eq!((port("0"), port("65535")), (Ok(0), Ok(65_535)));
        assert!(port("65536").unwrap_err().contains("0 to 65535"));
        assert!(port("tcp://10.0.0.1:8080").unwrap_err().contains("enableServiceLinks: false"));
    }

    #[test]
    fn each_flag_has_a_variable() {
        let command = Args::command();
        let flags: Vec<_> = command
            .get_arguments()
            .filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()))
            .collect();
        assert!(flags.len() > 20);
        for flag in flags {
            let expected = format!("GLIMPSE_{}", flag.get_id().as_str().to_uppercase());
            assert_eq!(flag.get_env().unwrap().to_str(), Some(&*expected));
        }
    }
}
