//! The wire format of Protocol Buffers, as far as two small jobs on ONNX graphs need it.

use std::ops::Range;

/// Wire type of a number.
pub(crate) const VARINT: u64 = 0;
/// Wire type of text, bytes and messages.
const LENGTH_DELIMITED: u64 = 2;

/// One field of a message.
pub(crate) struct Field {
    pub(crate) number: u64,
    /// Tag, length and content.
    pub(crate) whole: Range<usize>,
    /// What is inside a field with a length.
    pub(crate) content: Option<Range<usize>>,
}

/// The fields of a message, one level deep; `None` where the bytes are no message.
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    rest: Range<usize>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8], message: Range<usize>) -> Self {
        Self { bytes: &bytes[..message.end], rest: message }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.rest.start)?;
            self.rest.start += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, length: u64) -> Option<Range<usize>> {
        let end = self.rest.start.checked_add(usize::try_from(length).ok()?)?;
        let skipped = self.rest.start..end;
        (end <= self.rest.end).then(|| self.rest.start = end)?;
        Some(skipped)
    }

    fn field(&mut self) -> Option<Field> {
        let start = self.rest.start;
        let tag = self.varint()?;
        let content = match tag & 7 {
            VARINT => self.varint().map(|_| None)?,
            1 => self.skip(8).map(|_| None)?,
            LENGTH_DELIMITED => {
                let length = self.varint()?;
                Some(self.skip(length)?)
            }
            5 => self.skip(4).map(|_| None)?,
            _ => return None,
        };
        Some(Field { number: tag >> 3, whole: start..self.rest.start, content })
    }
}

impl Iterator for Fields<'_> {
    type Item = Option<Field>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest.start = self.rest.end;
        }
        Some(field)
    }
}

/// Appends a number.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field with a length: text, bytes or a message.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | LENGTH_DELIMITED);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
