//! What an ONNX file refers to and how it is controlled, read without its weights.
//!
//! Field numbers are those of `onnx.proto`.

use crate::wire::Fields;
use crate::{Error, Result, bounded};
use memmap2::Mmap;
use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// What has to be known of a graph before ONNX Runtime opens it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GraphOutline {
    /// Where weights lie outside of the file, as the file spells it.
    pub(crate) external_files: BTreeSet<String>,
    /// Operators that run a graph of their own, such as `Loop`; `If`, which runs one once, is not counted.
    pub(crate) loops: BTreeSet<String>,
    /// Whether the model defines functions; nested ones can grow without bound when they are expanded.
    pub(crate) has_functions: bool,
}

/// Graphs inside graphs; the official parser stops at 100 messages, three for each graph.
const DEEPEST: usize = 40;

impl GraphOutline {
    /// Reads the outline. `None` where the file is not a Protocol Buffers message: ONNX Runtime cannot read it either.
    ///
    /// # Errors
    /// [`Error::NotAFile`], [`Error::TooLarge`] or [`Error::Io`].
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        if bounded::file_size(path, bounded::MAX_FILE_BYTES)? == 0 {
            return Ok(None);
        }
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: no other process may write to the file meanwhile. All that writes bundles here puts new files in
        // place of old ones, and leaves those that are mapped as they are.
        let bytes = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        Ok(Self::of(&bytes))
    }

    /// The outline of a file's bytes; `None` as in [`read`](Self::read).
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let mut walk = Walk { bytes, found: Self::default() };
        walk.model(0..bytes.len())?;
        Some(walk.found)
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    found: GraphOutline,
}

impl Walk<'_> {
    /// Hands each field with a length to `visit`; `None` where the bytes are not a message.
    fn each(
        &mut self,
        message: Range<usize>,
        mut visit: impl FnMut(&mut Self, u64, Range<usize>) -> Option<()>,
    ) -> Option<()> {
        for field in Fields::of(self.bytes, message) {
            let field = field?;
            if let Some(content) = field.content {
                visit(self, field.number, content)?;
            }
        }
        Some(())
    }

    fn model(&mut self, message: Range<usize>) -> Option<()> {
        self.each(message, |walk, number, content| match number {
            7 => walk.graph(content, 0),
            // Training information: two graphs.
            20 => walk.each(content, |walk, number, graph| match number {
                1 | 2 => walk.graph(graph, 0),
                _ => Some(()),
            }),
            25 => {
                walk.found.has_functions = true;
                walk.each(
                    content,
                    |walk, number, node| if number == 7 { walk.node(node, 0) } else { Some(()) },
                )
            }
            _ => Some(()),
        })
    }

    fn graph(&mut self, message: Range<usize>, depth: usize) -> Option<()> {
        (depth < DEEPEST).then_some(())?;
        self.each(message, |walk, number, content| match number {
            1 => walk.node(content, depth),
            5 => walk.tensor(content),
            15 => walk.sparse_tensor(content),
            _ => Some(()),
        })
    }

    fn node(&mut self, message: Range<usize>, depth: usize) -> Option<()> {
        let mut operator = String::new();
        let mut holds_a_graph = false;
        self.each(message, |walk, number, content| match number {
            4 => {
                operator = String::from_utf8_lossy(&walk.bytes[content]).into_owned();
                Some(())
            }
            5 => {
                holds_a_graph |= walk.attribute(content, depth)?;
                Some(())
            }
            _ => Some(()),
        })?;
        if holds_a_graph && operator != "If" {
            self.found.loops.insert(operator);
        }
        Some(())
    }

    /// Whether the attribute is a graph, or several.
    fn attribute(&mut self, message: Range<usize>, depth: usize) -> Option<bool> {
        let mut is_graph = false;
        self.each(message, |walk, number, content| match number {
            5 | 10 => walk.tensor(content),
            6 | 11 => {
                is_graph = true;
                walk.graph(content, depth + 1)
            }
            22 | 23 => walk.sparse_tensor(content),
            _ => Some(()),
        })?;
        Some(is_graph)
    }

    fn sparse_tensor(&mut self, message: Range<usize>) -> Option<()> {
        self.each(message, |walk, number, content| match number {
            1 | 2 => walk.tensor(content),
            _ => Some(()),
        })
    }

    fn tensor(&mut self, message: Range<usize>) -> Option<()> {
        self.each(
            message,
            |walk, number, content| if number == 13 { walk.external(content) } else { Some(()) },
        )
    }

    /// An entry of a tensor's external data: a key and a value.
    fn external(&mut self, message: Range<usize>) -> Option<()> {
        let (mut is_location, mut values) = (false, Vec::new());
        self.each(message, |walk, number, content| {
            match number {
                1 => is_location |= walk.bytes[content] == *b"location",
                2 => values.push(String::from_utf8_lossy(&walk.bytes[content]).into_owned()),
                _ => {}
            }
            Some(())
        })?;
        if is_location {
            // An entry without a value names the folder itself, which no list holds.
            self.found.external_files.extend(if values.is_empty() { vec![String::new()] } else { values });
        }
        Some(())
    }
}

/// The names that an ONNX file gives to the files in which it keeps weights, as it spells them.
///
/// # Errors
/// [`Error::NotAFile`], [`Error::TooLarge`] above 2 GiB or [`Error::Io`].
pub fn external_files(graph: &Path) -> Result<BTreeSet<String>> {
    Ok(GraphOutline::read(graph)?.unwrap_or_default().external_files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message;

    fn external_tensor(location: &str) -> Vec<u8> {
        let entry = |key: &str, value: &str| message(&[(1, key.as_bytes()), (2, value.as_bytes())]);
        message(&[(8, b"weight"), (13, &entry("offset", "0")), (13, &entry("location", location))])
    }

    fn outline(graph: &[(u64, &[u8])]) -> GraphOutline {
        GraphOutline::of(&message(&[(2, b"producer"), (7, &message(graph))])).unwrap()
    }

    #[test]
    fn files_are_found_wherever_a_tensor_may_be() {
        let tensor = external_tensor("w.bin");
        let node = |attribute: &[u8]| message(&[(4, b"Constant"), (5, attribute)]);
        let sparse = message(&[(2, &tensor)]);
        let subgraph = message(&[(5, &tensor)]);
        for graph in [
            message(&[(5, &tensor)]),
            message(&[(15, &sparse)]),
            message(&[(1, &node(&message(&[(5, &tensor)])))]),
            message(&[(1, &node(&message(&[(10, &tensor)])))]),
            message(&[(1, &node(&message(&[(22, &sparse)])))]),
            message(&[(1, &node(&message(&[(6, &subgraph)])))]),
            message(&[(1, &node(&message(&[(11, &subgraph)])))]),
        ] {
            let model = message(&[(7, &graph)]);
            let expected = BTreeSet::from(["w.bin".to_string()]);
            assert_eq!(GraphOutline::of(&model).unwrap().external_files, expected);
            let training = message(&[(20, &message(&[(2, &graph)]))]);
            assert_eq!(GraphOutline::of(&training).unwrap().external_files, expected);
        }
        let function = message(&[(25, &message(&[(7, &node(&message(&[(5, &tensor)])))]))]);
        let found = GraphOutline::of(&function).unwrap();
        assert!(found.has_functions && found.external_files.contains("w.bin"));
        assert_eq!(outline(&[(5, &message(&[(8, b"inside"), (9, &[0; 64])]))]), GraphOutline::default());
    }

    #[test]
    fn what_runs_a_graph_again_is_named() {
        let with_graph =
            |operator: &[u8], graph: &[u8]| message(&[(4, operator), (5, &message(&[(6, graph)]))]);
        let repeated = with_graph(b"Loop", b"");
        assert!(outline(&[(1, &repeated)]).loops.contains("Loop"));
        let hidden = with_graph(b"If", &message(&[(1, &repeated)]));
        assert!(outline(&[(1, &hidden)]).loops.contains("Loop"));
        assert!(outline(&[(1, &with_graph(b"If", b""))]).loops.is_empty());
        assert!(outline(&[(1, &message(&[(4, b"MatMul")]))]).loops.is_empty());
    }

    #[test]
    fn what_is_not_a_message_has_no_outline() {
        assert_eq!(GraphOutline::of(b"no graph"), None);
        let mut deep = Vec::new();
        for _ in 0..60 {
            let attribute = message(&[(6, &deep)]);
            deep = message(&[(1, &message(&[(4, b"If"), (5, &attribute)]))]);
        }
        assert_eq!(GraphOutline::of(&message(&[(7, &deep)])), None);
    }
}
