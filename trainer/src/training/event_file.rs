use crate::{Error, Result};
use prost::Message;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that TensorBoard reads: TFRecords of `tensorflow.Event`; only scalars are written.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

/// Field numbers of tensorflow's event.proto and summary.proto.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    // Optional, so that a 0 is written.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

impl EventFile {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> Result<Self> {
        // It grows, and a start makes it anew from metrics.jsonl.
        #[allow(clippy::disallowed_methods)]
        let file = File::create(path).map_err(Error::io(path))?;
        let mut events = Self { path: path.to_path_buf(), file };
        let version = Event { file_version: Some("brain.Event:2".into()), ..Event::default() };
        events.write(&version)?;
        Ok(events)
    }

    /// Adds named values of a step; `time` is in seconds from 1970.
    pub fn add(&mut self, time: f64, step: i64, scalars: &[(&str, f64)]) -> Result<()> {
        let value =
            |(tag, value): &(&str, f64)| Value { tag: (*tag).into(), simple_value: Some(*value as f32) };
        let summary = Some(Summary { value: scalars.iter().map(value).collect() });
        self.write(&Event { wall_time: time, step, file_version: None, summary })
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        // In one write, so that a stopped run does not leave half of a record.
        self.file.write_all(&record(&event.encode_to_vec())).map_err(Error::io(&self.path))
    }
}

/// Length, checksum, data, checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), data, &checksum(data)].concat()
}

/// CRC-32C, masked as TFRecord requires.
fn checksum(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by tensorboard 2.20's own `EventFileWriter`.
    #[test]
    fn bytes_equal_tensorboards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut events = EventFile::create(&path).unwrap();
        events.add(1.5, 3, &[("loss/train", 2.5), ("zero", 0.0)]).unwrap();
        let hex: String = std::fs::read(path).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("event_file.hex").trim());
    }
}
