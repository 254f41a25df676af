//! The device that libtorch computes on.

use crate::{Error, Result};
use tch::Device;

/// Reads `auto`, `cpu`, `cuda` or `cuda:INDEX`, and refuses a GPU that libtorch cannot use.
pub fn parse(text: &str) -> Result<Device> {
    let invalid = |reason: String| Err(Error::Invalid { what: "`device`", reason });
    let index = match text.split_once(':') {
        None if text == "auto" => return Ok(Device::cuda_if_available()),
        None if text == "cpu" => return Ok(Device::Cpu),
        None if text == "cuda" => 0,
        Some(("cuda", index)) => match index.parse() {
            Ok(index) => index,
            Err(_) => return invalid(format!("{index:?} is no number of a GPU")),
        },
        _ => return invalid(format!("{text:?} is none of auto, cpu, cuda, cuda:INDEX")),
    };
    let found = tch::Cuda::device_count();
    if index as i64 >= found {
        return invalid(format!(
            "{text} was asked for, but libtorch sees {found} GPUs; check the driver, and that LIBTORCH holds the CUDA packages (`make deps-gpu`)"
        ));
    }
    Ok(Device::Cuda(index))
}
