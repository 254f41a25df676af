//! The rows of a text file, taken apart at their separators.

use crate::columns::Columns;
use crate::names::is_picture;

/// One row; a quoted caption may go on in further lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its first line, from 1.
    pub number: usize,
    /// The text of that line.
    pub line: &'a str,
    /// Its columns.
    pub fields: Vec<String>,
    /// Whether a quote has no partner.
    pub is_broken: bool,
}

/// The rows of `text` that are not blank. `columns` tells a row from a quoted caption that goes on.
pub(crate) fn records<'a>(
    text: &'a str,
    separator: char,
    columns: &Columns,
) -> impl Iterator<Item = Record<'a>> {
    let (mut rest, mut next) = (text, 1);
    std::iter::from_fn(move || {
        loop {
            let line = rest.lines().next()?;
            let number = next;
            let quoted = if separator == ',' && line.contains('"') { quoted(rest, columns) } else { None };
            let (fields, is_broken, bytes) = match quoted {
                Some((fields, bytes)) => (fields, false, bytes),
                None => (split(line, separator), separator == ',' && line.contains('"'), after_line(rest)),
            };
            next += rest[..bytes].matches('\n').count();
            rest = &rest[bytes..];
            if !line.trim().is_empty() {
                return Some(Record { number, line, fields, is_broken });
            }
        }
    })
}

/// The columns of one line.
pub(crate) fn split(line: &str, separator: char) -> Vec<String> {
    let bare = || line.split(separator).map(str::to_string).collect();
    if separator != ',' || !line.contains('"') {
        return bare();
    }
    csv_record(line).map_or_else(bare, |(fields, _)| fields)
}

/// The first record of `text`, and the bytes that it takes. `None` where its quotes lead into other rows: then a
/// quote without its partner costs one row, not the rest of the file.
fn quoted(text: &str, columns: &Columns) -> Option<(Vec<String>, usize)> {
    let (fields, bytes) = csv_record(text)?;
    let mut further = text[..bytes].lines().skip(1).peekable();
    if further.peek().is_none() {
        // At the end of the file too, a quote needs its partner.
        let is_whole = bytes < text.len() || text[..bytes].matches('"').count().is_multiple_of(2);
        return is_whole.then_some((fields, bytes));
    }
    let is_row = |line: &str| {
        columns.image < columns.caption
            && line.split(',').nth(columns.image).is_some_and(|name| is_picture(unquoted(name)))
    };
    let is_whole = fields.len() == columns.count && is_picture(fields[columns.image].trim());
    (is_whole && !further.any(is_row)).then_some((fields, bytes))
}

fn csv_record(text: &str) -> Option<(Vec<String>, usize)> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(512)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).ok()? {
        return None;
    }
    let mut bytes = (reader.position().byte() as usize).min(text.len());
    // The reader leaves the second half of a Windows line end for the next record.
    if text[..bytes].ends_with('\r') && text[bytes..].starts_with('\n') {
        bytes += 1;
    }
    Some((record.iter().map(str::to_string).collect(), bytes))
}

fn after_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

fn unquoted(name: &str) -> &str {
    name.trim().trim_matches('"')
}
