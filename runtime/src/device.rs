use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use std::fmt;
use std::str::FromStr;

/// Where the graphs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// CUDA if the loaded ONNX Runtime has it and it works, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// This CUDA device or nothing: never a silent fall back.
    Cuda(u16),
}

impl Device {
    /// The memory that graphs on this device compute in. [`Device::Auto`] has none but the CPU's.
    pub(crate) fn memory(self) -> ort::Result<MemoryInfo<'static>> {
        let (device, index) = match self {
            Self::Auto | Self::Cpu => (AllocationDevice::CPU, 0),
            Self::Cuda(index) => (AllocationDevice::CUDA, i32::from(index)),
        };
        MemoryInfo::new(device, index, AllocatorType::Device, MemoryType::Default)
    }
}

/// Not a device's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no device; use auto, cpu, cuda or cuda:INDEX")]
pub struct UnknownDevice(String);

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(name.to_string());
        match name.split_once(':') {
            None if name == "auto" => Ok(Self::Auto),
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, device) in [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda:3", Device::Cuda(3))] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for name in ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", ""] {
            assert!(name.parse::<Device>().is_err(), "{name}");
        }
    }
}
