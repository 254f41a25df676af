use crate::{Error, Result};
use glimpse_export::backbone::{backbone, backbones};
use hf_hub::api::sync::{ApiBuilder, ApiError};
use std::path::PathBuf;

const FILE: &str = "model.safetensors";

/// The backbone's weight file from the Hugging Face hub: out of the hub's cache on this machine
/// (under `HF_HOME`, as Python's huggingface_hub has it), else downloaded into it.
pub(super) fn fetch(name: &str) -> Result<PathBuf> {
    fetch_with(ApiBuilder::from_env(), name)
}

fn fetch_with(api: ApiBuilder, name: &str) -> Result<PathBuf> {
    let Some(repository) = backbone(name)?.hub_repository else {
        let known = backbones().iter().filter(|backbone| backbone.hub_repository.is_some());
        let known: Vec<_> = known.map(|backbone| backbone.name).collect();
        return Err(Error::NotOnHub { name: name.to_string(), known: known.join(", ") });
    };
    let get = || -> Result<PathBuf, ApiError> { api.build()?.model(repository.to_string()).get(FILE) };
    get().map_err(|error| Error::Hub { repository, file: FILE, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::{FILE, fetch_with};
    use hf_hub::Cache;
    use hf_hub::api::sync::ApiBuilder;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;

    const CONTENT: &[u8] = b"the weights";

    fn api(cache: &Path, endpoint: String) -> ApiBuilder {
        ApiBuilder::from_cache(Cache::new(cache.to_path_buf())).with_endpoint(endpoint).with_progress(false)
    }

    /// Answers one request for the file the way the hub does.
    fn answer(mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let request = lines.next().unwrap();
        assert!(
            request.starts_with(&format!("GET /timm/resnet50.tv_in1k/resolve/main/{FILE} ")),
            "{request}"
        );
        let headers: Vec<String> =
            lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
        let range = headers.iter().find_map(|line| line.strip_prefix("range: bytes="));
        let (start, end) = match range.and_then(|range| range.split_once('-')) {
            Some((start, end)) => (start.parse().unwrap(), end.parse().unwrap_or(CONTENT.len() - 1)),
            None => (0, CONTENT.len() - 1),
        };
        let body = &CONTENT[start..=end.min(CONTENT.len() - 1)];
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nx-repo-commit: c0ffee\r\netag: \"0123\"\r\n\
             content-range: bytes {start}-{end}/{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            CONTENT.len(),
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
    }

    #[test]
    fn a_file_is_downloaded_once() {
        let cache = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
        let path = fetch_with(api(cache.path(), endpoint), "resnet50").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CONTENT);
        assert_eq!(
            path,
            cache.path().join("models--timm--resnet50.tv_in1k/snapshots/c0ffee").join(FILE),
            "the layout of the hub's cache"
        );

        // No server listens there.
        let offline = api(cache.path(), "http://127.0.0.1:9".into());
        assert_eq!(fetch_with(offline, "resnet50").unwrap(), path);
    }

    #[test]
    fn no_network_is_one_line_that_says_what_to_do() {
        let cache = tempfile::tempdir().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error =
            fetch_with(api(cache.path(), format!("http://{closed}")), "resnet50").unwrap_err().to_string();
        assert!(error.contains("model.safetensors of timm/resnet50.tv_in1k"), "{error}");
        assert!(error.contains("give `backbone_weights` a .safetensors or .pth file"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn a_backbone_that_the_hub_lacks_is_refused_without_asking_it() {
        let cache = tempfile::tempdir().unwrap();
        let error =
            fetch_with(api(cache.path(), "nowhere".into()), "efficientnet-lite0").unwrap_err().to_string();
        assert!(error.contains("efficientnet-lite0") && error.contains("resnet50"), "{error}");
    }
}
