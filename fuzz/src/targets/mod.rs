//! What reads input from outside.

mod captions;
mod graphs;
mod http;
mod images;
mod json;
#[cfg(feature = "trainer")]
mod weights;

use crate::Target;

/// All of them.
pub const TARGETS: &[Target] = &[
    images::IMAGE,
    json::BUNDLE,
    json::TOKENIZER_JSON,
    json::TEXT,
    json::OPTIONS,
    graphs::GRAPH,
    graphs::SELF_CONTAINED,
    captions::CAPTIONS,
    captions::RESULTS,
    http::REQUEST,
    #[cfg(feature = "trainer")]
    weights::WORD_VECTORS,
    #[cfg(feature = "trainer")]
    weights::STATE_DICT,
    #[cfg(feature = "trainer")]
    weights::CHECKPOINT,
];

/// A file of the project, which tests read too.
fn project_file(path: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of a folder of the project, in order of its name.
fn project_folder(path: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names.iter().map(|name| project_file(&format!("{path}/{name}"))).collect()
}
