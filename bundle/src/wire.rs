//! The wire format of Protocol Buffers, as far as small jobs on ONNX graphs need it: finding what a graph refers to,
//! moving weights out of it, writing two nodes. It copies no weights, where a full parser would.
//!
//! It reads all that the official parser reads (groups, repeated fields), so that a graph cannot hide from a check
//! behind a rare encoding. See <https://protobuf.dev/programming-guides/encoding/>.

use std::ops::Range;

/// Wire type of a number.
pub const VARINT: u64 = 0;
/// Wire type of text, bytes and messages.
const LENGTH_DELIMITED: u64 = 2;
/// Wire types that begin and end a group, a message without a length.
const GROUP: (u64, u64) = (3, 4);
/// Groups inside groups; the official parser allows 100 messages inside each other.
const DEEPEST: usize = 100;

/// One field of a message; ranges are positions in the bytes given to [`Fields::of`].
#[derive(Debug, Clone)]
pub struct Field {
    /// Its number in the message's definition.
    pub number: u64,
    /// Tag, length and content.
    pub whole: Range<usize>,
    /// What is inside a field with a length.
    pub content: Option<Range<usize>>,
}

/// The fields of a message, one level deep; an item is `None` where the bytes are not a message, and is the last.
#[derive(Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    rest: Range<usize>,
}

impl<'a> Fields<'a> {
    /// The fields of the message at these positions.
    pub fn of(bytes: &'a [u8], message: Range<usize>) -> Self {
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
        let content = self.content(tag, 0)?;
        Some(Field { number: tag >> 3, whole: start..self.rest.start, content })
    }

    /// Passes over what follows a tag; `Some(None)` where it has no length.
    fn content(&mut self, tag: u64, depth: usize) -> Option<Option<Range<usize>>> {
        Some(match tag & 7 {
            VARINT => self.varint().map(|_| None)?,
            1 => self.skip(8).map(|_| None)?,
            LENGTH_DELIMITED => {
                let length = self.varint()?;
                Some(self.skip(length)?)
            }
            kind if kind == GROUP.0 && depth < DEEPEST => loop {
                let inner = self.varint()?;
                if inner & 7 == GROUP.1 {
                    (inner >> 3 == tag >> 3).then_some(())?;
                    break None;
                }
                self.content(inner, depth + 1)?;
            },
            5 => self.skip(4).map(|_| None)?,
            _ => return None,
        })
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
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field with a length: text, bytes or a message.
pub fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | LENGTH_DELIMITED);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A message of these fields, each text, bytes or a message.
pub fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, content)| put_bytes(&mut message, *number, content));
    message
}

/// A copy of the message at these positions. `replace` gets the number and the content of each field: it writes what is to
/// stand there and gives `true`, or gives `false` and the field stays; `None` ends the copy. `None` too where the bytes are
/// not a message.
pub fn rewrite(
    bytes: &[u8],
    message: Range<usize>,
    mut replace: impl FnMut(&mut Vec<u8>, u64, Option<Range<usize>>) -> Option<bool>,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for field in Fields::of(bytes, message) {
        let field = field?;
        if !replace(&mut out, field.number, field.content)? {
            out.extend_from_slice(&bytes[field.whole]);
        }
    }
    Some(out)
}

/// Numbers of fields in `onnx.proto`.
pub mod onnx {
    /// `ModelProto.graph`
    pub const MODEL_GRAPH: u64 = 7;
    /// `GraphProto.node`
    pub const GRAPH_NODE: u64 = 1;
    /// `GraphProto.initializer`
    pub const GRAPH_INITIALIZER: u64 = 5;
    /// `GraphProto.input`
    pub const GRAPH_INPUT: u64 = 11;
    /// `NodeProto.attribute`
    pub const NODE_ATTRIBUTE: u64 = 5;
    /// `AttributeProto.t`
    pub const ATTRIBUTE_TENSOR: u64 = 5;
    /// `AttributeProto.g`
    pub const ATTRIBUTE_GRAPH: u64 = 6;
    /// `AttributeProto.tensors`
    pub const ATTRIBUTE_TENSORS: u64 = 10;
    /// `AttributeProto.graphs`
    pub const ATTRIBUTE_GRAPHS: u64 = 11;
    /// `ValueInfoProto.name`
    pub const VALUE_INFO_NAME: u64 = 1;
    /// `TensorProto.data_type`, a number
    pub const TENSOR_DATA_TYPE: u64 = 2;
    /// `TensorProto.name`
    pub const TENSOR_NAME: u64 = 8;
    /// `TensorProto.raw_data`
    pub const TENSOR_RAW_DATA: u64 = 9;
    /// `TensorProto.external_data`
    pub const TENSOR_EXTERNAL_DATA: u64 = 13;
    /// `TensorProto.data_location`, a number
    pub const TENSOR_DATA_LOCATION: u64 = 14;
    /// `TensorProto.EXTERNAL`, a value of `data_location`
    pub const EXTERNAL: u64 = 1;
    /// `StringStringEntryProto.key`
    pub const ENTRY_KEY: u64 = 1;
    /// `StringStringEntryProto.value`
    pub const ENTRY_VALUE: u64 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_replaced_dropped_and_kept() {
        let before = message(&[(1, b"kept"), (2, b"replaced"), (3, b"dropped")]);
        let change = |out: &mut Vec<u8>, number, _| {
            if number == 2 {
                put_bytes(out, 5, b"new");
            }
            Some(number > 1)
        };
        let after = rewrite(&before, 0..before.len(), change);
        assert_eq!(after, Some(message(&[(1, b"kept"), (5, b"new")])));
        assert_eq!(rewrite(&before, 0..before.len() - 1, change), None, "cut short");
        assert_eq!(rewrite(&before, 0..before.len(), |_, _, _| None), None);
    }

    fn numbers(message: &[u8]) -> Option<Vec<u64>> {
        Fields::of(message, 0..message.len()).map(|field| Some(field?.number)).collect()
    }

    #[test]
    fn every_wire_type_is_passed_over() {
        let mut message = Vec::new();
        put_varint(&mut message, 1 << 3 | VARINT);
        put_varint(&mut message, u64::MAX);
        message.extend([2 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        put_bytes(&mut message, 3, b"text");
        // Group 4, which holds a number and an empty group.
        message.extend([4 << 3 | 3, 1 << 3, 7, 9 << 3 | 3, 9 << 3 | 4, 4 << 3 | 4]);
        message.extend([5 << 3 | 5, 0, 0, 0, 0]);
        assert_eq!(numbers(&message), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(numbers(&message[..message.len() - 1]), None, "cut short");
    }

    #[test]
    fn what_is_not_a_message_ends() {
        for bytes in
            [&[0xff; 40][..], &[4 << 3 | 4], &[4 << 3 | 3, 5 << 3 | 4], &[1 << 3 | 6], &[3 << 3 | 2, 200]]
        {
            assert_eq!(numbers(bytes), None, "{bytes:?}");
        }
        assert_eq!(numbers(&[3; 4000]), None, "groups without an end");
    }
}
