//! A server in this process, and a client.

use glimpse_runtime::{Captioner, CaptionerOptions, Device, Error};
use glimpse_server::{AppState, Limits, Token, install_metrics, router, serve};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use ureq::Agent;
use ureq::http::HeaderMap;

pub const PHOTOS: [&str; 5] =
    ["beach.jpg", "canyon.jpg", "dog-in-woods.jpg", "photographer.jpg", "two-dogs.jpg"];

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn photo(name: &str) -> Vec<u8> {
    std::fs::read(project().join("assets/photos").join(name)).unwrap()
}

/// Where `make deps` puts ONNX Runtime, if nothing else is said.
pub fn library() -> Option<PathBuf> {
    let library = project().join(".deps/onnxruntime/capi");
    (std::env::var_os("ORT_DYLIB_PATH").is_none() && library.is_dir()).then_some(library)
}

/// The shipped bundle, opened once.
pub fn captioner() -> Option<Arc<Captioner>> {
    static CAPTIONER: LazyLock<Option<Arc<Captioner>>> = LazyLock::new(|| {
        let mut options = CaptionerOptions::default().with_device(Device::Cpu);
        options.onnxruntime.library = library();
        match Captioner::open(project().join("models/flickr8k-edge"), &options) {
            Err(Error::OnnxRuntime(error)) => {
                println!("skipped: {error}");
                None
            }
            opened => Some(Arc::new(opened.unwrap())),
        }
    });
    CAPTIONER.clone()
}

/// A server on a free port of this machine, for as long as the tests run.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub state: AppState,
}

impl Server {
    pub fn start(limits: Limits, token: Option<&str>) -> Option<Self> {
        let state =
            AppState::new(captioner()?, limits, token.map(Token::new), Some(install_metrics().unwrap()));
        let state = state.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let served = state.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(listener, router(served.clone()), served).await;
            });
        });
        Some(Self { address, state })
    }

    /// One with the default limits, which most tests share.
    pub fn shared() -> Option<Self> {
        static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| Server::start(Limits::default(), None));
        SERVER.clone()
    }

    pub fn get(&self, path: &str) -> Answer {
        get(self.address, path)
    }

    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        post(self.address, path, content_type, body)
    }

    /// Posts a photo as it is.
    pub fn caption(&self, query: &str, photo: &[u8]) -> Answer {
        self.post(&format!("/v1/captions{query}"), "image/jpeg", photo)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The results of an answer with captions.
    pub fn results(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["results"].as_array().unwrap().clone()
    }
}

pub fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).build().new_agent()
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    answer(agent().get(format!("http://{address}{path}")).call().unwrap())
}

pub fn post(address: SocketAddr, path: &str, content_type: &str, body: &[u8]) -> Answer {
    try_post(address, path, content_type, body).unwrap()
}

pub fn try_post(
    address: SocketAddr,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let request = agent().post(format!("http://{address}{path}")).header("Content-Type", content_type);
    request.send(body).map(answer)
}

pub fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let (parts, mut body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text: body.read_to_string().unwrap() }
}

pub const FORM: &str = "multipart/form-data; boundary=parting";

/// A form of photos with their file names, and of options.
pub fn form(photos: &[(&str, &[u8])], options: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in options {
        let head = format!("--parting\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    for (name, bytes) in photos {
        let head = format!(
            "--parting\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--parting--\r\n");
    body
}
