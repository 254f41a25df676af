//! Text layouts: one caption a line.

use crate::dataset::Builder;
use crate::{FindingKind, Layout};
use std::borrow::Cow;

/// Rows that decide whether a layout fits.
const SAMPLE: usize = 50;
/// First or last column of a header, in lower case.
const HEADER_WORDS: [&str; 14] = [
    "image",
    "image_name",
    "image_id",
    "imagename",
    "img",
    "file",
    "filename",
    "file_name",
    "name",
    "caption",
    "captions",
    "comment",
    "comments",
    "text",
];
const PICTURE_SUFFIXES: [&str; 9] =
    [".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm"];

/// One line, taken apart but not yet trimmed.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    file_name: String,
    number: Option<u32>,
    caption: String,
    mended: Option<FindingKind>,
}

/// Adds every row of a text file.
pub(crate) fn read(layout: Layout, text: &str, builder: &mut Builder) {
    let rows: Vec<_> = rows(layout, text).collect();
    let cut = cut_at_comma(layout, &rows);
    for ((line, row), cut) in rows.into_iter().zip(cut) {
        builder.count_row();
        match row {
            Err(kind) => builder.leave_out(line, kind, None),
            Ok(row) => {
                let file_name = row.file_name.trim();
                if let Some(kind) = row.mended {
                    builder.note(line, kind);
                }
                if cut && !builder.keeps_cut(line) {
                    builder.leave_out(line, FindingKind::CutAtComma, Some(file_name));
                } else {
                    builder.add(line, file_name, row.number, &row.caption);
                }
            }
        }
    }
}

/// Whether most of the first rows have the columns of this layout.
pub(crate) fn fits(layout: Layout, text: &str) -> bool {
    let has_header =
        text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| is_header(layout, line));
    let (mut fitting, mut rows_seen) = (0, 0);
    for (_, row) in rows(layout, text).take(SAMPLE) {
        rows_seen += 1;
        // Any text with a comma has two columns; only names tell captions from it.
        let named = |row: &Row| layout != Layout::Kaggle || has_header || is_picture(row.file_name.trim());
        let numbered = |row: &Row| layout == Layout::Kaggle || row.number.is_some();
        fitting += usize::from(row.is_ok_and(|row| named(&row) && numbered(&row)));
    }
    rows_seen > 0 && fitting * 2 > rows_seen || rows_seen == 0 && has_header
}

/// Whether a file name ends as a picture's does.
pub(crate) fn is_picture(file_name: &str) -> bool {
    let lower = file_name.to_ascii_lowercase();
    PICTURE_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix))
}

/// Lines with their numbers from 1, without blank ones and the header.
fn rows(layout: Layout, text: &str) -> impl Iterator<Item = (usize, Result<Row, FindingKind>)> {
    let mut lines = lines(layout, text).filter(|(_, line)| !line.trim().is_empty()).peekable();
    lines.next_if(|(_, line)| is_header(layout, line));
    lines.map(move |(number, line)| (number, row(layout, &line)))
}

/// Lines with their numbers from 1; a quoted caption that goes on in further lines is one.
fn lines(layout: Layout, text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let has_quotes = matches!(layout, Layout::ResultsComma | Layout::Kaggle);
    let mut rest = text.lines();
    let mut next = 1;
    std::iter::from_fn(move || {
        let (first, number) = (rest.next()?, next);
        let further = if has_quotes { further_lines(first, rest.clone()) } else { 0 };
        next += 1 + further;
        let join = |line: Cow<'_, str>, more: &str| Cow::Owned(format!("{line} {more}"));
        Some((number, rest.by_ref().take(further).fold(Cow::Borrowed(first), join)))
    })
}

/// In how many more lines the first one's quote ends: 0 where it has no partner before the next row.
fn further_lines<'a>(first: &str, rest: impl Iterator<Item = &'a str>) -> usize {
    let is_odd = |line: &str| line.matches('"').count() % 2 == 1;
    // Told apart by a picture's name.
    let is_row =
        |line: &str| line.split(',').next().is_some_and(|name| is_picture(name.trim().trim_matches('"')));
    if !is_odd(first) || !is_row(first) || !(first.starts_with('"') || first.contains(",\"")) {
        return 0;
    }
    rest.take_while(|line| !is_row(line)).position(is_odd).map_or(0, |end| end + 1)
}

fn row(layout: Layout, line: &str) -> Result<Row, FindingKind> {
    match layout {
        Layout::Token => token(line),
        Layout::ResultsPipe => pipe(line),
        Layout::ResultsComma => results_comma(line),
        Layout::Kaggle => kaggle(line),
        Layout::Karpathy | Layout::Coco => Err(FindingKind::NotARow),
    }
}

fn is_header(layout: Layout, line: &str) -> bool {
    let separator = match layout {
        Layout::ResultsPipe => '|',
        Layout::ResultsComma | Layout::Kaggle => ',',
        Layout::Token | Layout::Karpathy | Layout::Coco => return false,
    };
    let columns: Vec<_> =
        line.split(separator).map(|name| name.trim().trim_matches('"').to_lowercase()).collect();
    let known = |name: Option<&String>| name.is_some_and(|name| HEADER_WORDS.contains(&name.as_str()));
    columns.len() > 1 && known(columns.first()) && known(columns.last())
}

/// `name.jpg#0<tab>caption`
fn token(line: &str) -> Result<Row, FindingKind> {
    let (key, caption) = line.split_once('\t').ok_or(FindingKind::NotARow)?;
    let (file_name, number) = key.rsplit_once('#').ok_or(FindingKind::NotARow)?;
    let number = number.trim().parse().map_err(|_| FindingKind::NotARow)?;
    Ok(Row { file_name: file_name.into(), number: Some(number), caption: caption.into(), mended: None })
}

/// `name.jpg| 0| caption`; one known file has a row `name.jpg| 4   caption`.
fn pipe(line: &str) -> Result<Row, FindingKind> {
    let mut columns = line.splitn(3, '|');
    let (Some(file_name), Some(second)) = (columns.next(), columns.next()) else {
        return Err(FindingKind::NotARow);
    };
    let (number, caption, mended) = match columns.next() {
        Some(caption) => (second.trim().parse().ok(), caption, None),
        None => {
            let second = second.trim();
            let end = second.find(|c: char| !c.is_ascii_digit()).unwrap_or(second.len());
            let number = second[..end].parse().map_err(|_| FindingKind::NotARow)?;
            (Some(number), &second[end..], (end < second.len()).then_some(FindingKind::MissingSeparator))
        }
    };
    let number = Some(number.ok_or(FindingKind::NotARow)?);
    Ok(Row { file_name: file_name.into(), number, caption: caption.into(), mended })
}

/// `name.jpg, 0, caption`
fn results_comma(line: &str) -> Result<Row, FindingKind> {
    let columns = comma_columns(line)?;
    let [file_name, number, caption @ ..] = columns.as_slice() else { return Err(FindingKind::NotARow) };
    let number = number.trim().parse().map_err(|_| FindingKind::NotARow)?;
    let mended = (caption.len() > 1).then_some(FindingKind::UnquotedComma);
    Ok(Row { file_name: file_name.clone(), number: Some(number), caption: caption.join(","), mended })
}

/// `name.jpg,caption`
fn kaggle(line: &str) -> Result<Row, FindingKind> {
    let columns = comma_columns(line)?;
    let [file_name, caption @ ..] = columns.as_slice() else { return Err(FindingKind::NotARow) };
    if caption.is_empty() || caption.len() > 1 && caption[0].trim().parse::<u32>().is_ok() {
        return Err(FindingKind::NotARow);
    }
    let mended = (caption.len() > 1).then_some(FindingKind::UnquotedComma);
    Ok(Row { file_name: file_name.clone(), number: None, caption: caption.join(","), mended })
}

/// The columns of one line. Line by line, so that a quote without its partner costs one row, not the
/// rest of the file.
fn comma_columns(line: &str) -> Result<Vec<String>, FindingKind> {
    if !line.contains('"') {
        return Ok(line.split(',').map(str::to_string).collect());
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).buffer_capacity(512).from_reader(line.as_bytes());
    let record = reader.records().next().and_then(Result::ok).ok_or(FindingKind::NotARow)?;
    Ok(record.iter().map(str::to_string).collect())
}

/// Which rows end in a blank where the rest of the caption was cut off, and not in a full stop. Where
/// more than half of all rows end in a blank, it is padding and tells nothing.
fn cut_at_comma(layout: Layout, rows: &[(usize, Result<Row, FindingKind>)]) -> Vec<bool> {
    let blank_end = |row: &Row| row.mended.is_none() && row.caption.ends_with(' ');
    let padded = rows.iter().filter(|(_, row)| row.as_ref().is_ok_and(blank_end)).count() * 2 > rows.len();
    let comma = matches!(layout, Layout::ResultsComma | Layout::Kaggle);
    let cut =
        |row: &Row| comma && !padded && blank_end(row) && !row.caption.trim_end().ends_with(['.', '!', '?']);
    rows.iter().map(|(_, row)| row.as_ref().is_ok_and(cut)).collect()
}
