//! Zip archives without compression, as `torch.save` writes them: taken apart, and put together with right checksums, so
//! that what is inside can be damaged without being found out at once.

use flate2::Crc;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Vec<u8>,
}

/// The entries, by the directory at the end; `None` where it is no archive, or one with compression.
pub(crate) fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let number = |at: usize, length: usize| -> Option<usize> {
        let digits = bytes.get(at..at + length)?;
        Some(digits.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte)))
    };
    let (count, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut entries = Vec::new();
    for _ in 0..count {
        if bytes.get(at..at + 4)? != b"PK\x01\x02" || number(at + 10, 2)? != 0 {
            return None;
        }
        let (size, name) = (number(at + 24, 4)?, number(at + 28, 2)?);
        let local = number(at + 42, 4)?;
        let start = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
        entries.push(Entry {
            name: bytes.get(at + 46..at + 46 + name)?.to_vec(),
            content: bytes.get(start..start + size)?.to_vec(),
        });
        at += 46 + name + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    Some(entries)
}

/// An archive of these entries.
pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for Entry { name, content } in entries {
        let offset = (out.len() as u32).to_le_bytes();
        let mut crc = Crc::new();
        crc.update(content);
        let mut common = vec![10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend([(content.len() as u32).to_le_bytes(); 2].concat());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend([b"PK\x03\x04", &common[..], name, content].concat());
        directory.extend([b"PK\x01\x02\x0a\0", &common[..], &[0; 10], &offset, name].concat());
    }
    let count = (entries.len() as u16).to_le_bytes();
    let place = [(directory.len() as u32).to_le_bytes(), (out.len() as u32).to_le_bytes()].concat();
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &place, &[0, 0]].concat());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_is_taken_apart() {
        let entry = |name: &str, content: &[u8]| Entry { name: name.into(), content: content.to_vec() };
        let made = vec![entry("archive/data.pkl", b"\x80\x02}q\0."), entry("archive/version", b"")];
        assert_eq!(entries(&archive(&made)), Some(made));
        assert_eq!(entries(b"PK"), None);
    }
}
