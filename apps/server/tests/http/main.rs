//! The server as clients see it, with the shipped bundle. Each test is skipped, with a line, where there is no ONNX
//! Runtime.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod captions;
mod client;
mod load;
mod openapi;
mod operations;
mod program;
mod refusals;
mod slow;
