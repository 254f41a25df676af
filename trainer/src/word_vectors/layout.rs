//! Which of word2vec's layouts a file has, and how many numbers its vectors have.

use super::rows::Reason;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Text,
    Binary,
}

/// What the first bytes of a file show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub encoding: Encoding,
    pub dimension: usize,
    /// Words, as the first line says; GloVe's files do not.
    pub count: Option<usize>,
    /// Bytes of the first line where it is not a row.
    pub header: usize,
}

impl Layout {
    /// Recognises the layout by all whole lines of `head`, not by the first row alone: a text file has lines that
    /// end in numbers, and the file is text; a binary file is neither.
    pub fn recognise(head: &[u8], is_whole_file: bool) -> Result<Self, Reason> {
        let first = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let sizes = sizes(first);
        let header = if sizes.is_some() { (first.len() + 1).min(head.len()) } else { 0 };
        let rows = whole_lines(&head[header..], is_whole_file);
        let usual = usual_dimension(&rows);
        let layout = |encoding, dimension| Self { encoding, dimension, count: sizes.map(|s| s.0), header };
        let neither = || Err("it is neither word2vec's binary nor its text layout".into());
        match (sizes, usual) {
            (Some((_, 0)), _) => Err("its vectors have no numbers".into()),
            (None, None) if first.is_empty() => Err("its vectors have no numbers".into()),
            (None, None) => neither(),
            (None, Some(usual)) => Ok(layout(Encoding::Text, usual)),
            (Some((_, dimension)), Some(usual)) if usual == dimension => {
                Ok(layout(Encoding::Text, dimension))
            }
            (Some((_, dimension)), Some(usual)) if is_text(&head[header..]) => {
                Err(format!("its first line says vectors of {dimension} numbers, and its rows have {usual}"))
            }
            (Some(_), None) if is_text(&head[header..]) => neither(),
            (Some((_, dimension)), _) => Ok(layout(Encoding::Binary, dimension)),
        }
    }
}

/// "3000000 300"
fn sizes(line: &[u8]) -> Option<(usize, usize)> {
    let mut fields = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(Ok(count)), Some(Ok(dimension)), None) => Some((count, dimension)),
        _ => None,
    }
}

/// Lines that end within `bytes`, blank ones left out.
fn whole_lines(bytes: &[u8], is_whole_file: bool) -> Vec<&[u8]> {
    let end = match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(end) if !is_whole_file => end,
        None if !is_whole_file => 0,
        _ => bytes.len(),
    };
    let lines = bytes[..end].split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.filter(|line| !line.is_empty()).collect()
}

/// How many numbers most lines end in, the word before them not counted; of equals, what the first line has.
/// `None` where that is none.
fn usual_dimension(lines: &[&[u8]]) -> Option<usize> {
    let numbers = |line: &&[u8]| {
        let fields = line.split(|&byte| byte == b' ').count();
        let numbers = line.rsplit(|&byte| byte == b' ').take_while(|field| number(field).is_some()).count();
        numbers.min(fields - 1)
    };
    let mut counts = BTreeMap::<usize, usize>::new();
    lines.iter().map(numbers).for_each(|dimension| *counts.entry(dimension).or_default() += 1);
    let most = *counts.values().max()?;
    let usual = lines.iter().map(numbers).find(|dimension| counts[dimension] == most)?;
    (usual > 0).then_some(usual)
}

/// Whether there are no bytes that a text does not have. The end of `bytes` may be in the middle of a character.
fn is_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t');
    !bytes.iter().any(is_control)
}

/// A number of a text row.
pub(super) fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}
