//! Captions photos with an exported bundle and ONNX Runtime.
pub mod search;
