//! Text layouts: one caption a line.

use crate::builder::Builder;
use crate::columns::Columns;
use crate::names::is_picture;
use crate::records::{Record, records, split};
use crate::{Error, FindingKind, Layout, Result, Split};
use std::collections::BTreeMap;
use std::path::Path;

/// Rows that decide whether a layout fits.
const SAMPLE: usize = 50;
/// Fewer rows than this do not tell a further column from commas in captions.
const TELLING: usize = 3;

/// One row, taken apart but not yet trimmed.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    file_name: String,
    number: Option<u32>,
    split: Option<String>,
    caption: String,
    mended: Option<FindingKind>,
    /// How many columns it has.
    fields: usize,
    /// Whether its last column is a single word.
    ends_in_word: bool,
}

/// A row, or what is wrong with it.
type Found = Result<Row, FindingKind>;

/// A file's columns, and its rows with the numbers of their lines, from 1.
struct Table {
    columns: Columns,
    has_header: bool,
    rows: Vec<(usize, Found)>,
    /// Whether some quote has no partner.
    is_broken: bool,
}

/// Adds every row of a text file.
pub(crate) fn read(path: &Path, layout: Layout, text: &str, builder: &mut Builder) -> Result<()> {
    let table = Table::new(layout, text, usize::MAX);
    if let Some(separator) = layout.separator() {
        table.check(path, separator, text)?;
    }
    builder.drop_columns(&table.columns.dropped);
    let cut = table.cut_at_comma(layout);
    for ((line, row), cut) in table.rows.into_iter().zip(cut) {
        builder.count_row();
        match row {
            Err(kind) => builder.leave_out(line, kind, None),
            Ok(row) => add(path, line, row, cut, builder)?,
        }
    }
    Ok(())
}

fn add(path: &Path, line: usize, row: Row, cut: bool, builder: &mut Builder) -> Result<()> {
    let file_name = row.file_name.trim();
    if let Some(kind) = row.mended {
        builder.note(line, kind);
    }
    if let Some(split) = row.split.as_deref().map(str::trim).filter(|split| !split.is_empty())
        && !file_name.is_empty()
    {
        let split: Split =
            split.parse().map_err(|source| Error::SplitCell { path: path.into(), line, source })?;
        builder.describe(file_name, None, Some(split))?;
    }
    if cut && !builder.keeps_cut(line) {
        builder.leave_out(line, FindingKind::CutAtComma, Some(file_name));
    } else {
        builder.add(line, file_name, row.number, &row.caption);
    }
    Ok(())
}

/// Whether most of the first rows have the columns of this layout.
pub(crate) fn fits(layout: Layout, text: &str) -> bool {
    let table = Table::new(layout, text, SAMPLE);
    let Table { columns, has_header, rows, .. } = &table;
    let mut rows = &rows[..];
    if let Some(separator) = layout.separator() {
        if *has_header && columns.layout(separator) != layout {
            return false;
        }
        rows = &rows[usize::from(table.has_unknown_header(&split(first_line(text), separator)))..];
    }
    // Any text with a comma has two columns; only names tell captions from it.
    let named = |row: &Row| layout != Layout::Kaggle || *has_header || is_picture(row.file_name.trim());
    let numbered = |row: &Row| layout == Layout::Kaggle || *has_header || row.number.is_some();
    let fitting = rows.iter().filter(|(_, row)| row.as_ref().is_ok_and(|row| named(row) && numbered(row)));
    !rows.is_empty() && fitting.count() * 2 > rows.len() || rows.is_empty() && *has_header
}

impl Table {
    /// Reads at most `most` rows.
    fn new(layout: Layout, text: &str, most: usize) -> Self {
        let Some(separator) = layout.separator() else {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            let rows = lines.take(most).map(|(number, line)| (number, token(line))).collect();
            return Self { columns: Columns::of_layout(layout), has_header: false, rows, is_broken: false };
        };
        let first = first_line(text);
        let header = Columns::of_header(&split(first, separator));
        let has_header = header.is_some();
        let columns = header.unwrap_or_else(|| Columns::of_layout(layout));
        let mut is_broken = false;
        let mut rows = Vec::new();
        for record in records(text, separator, &columns).skip(usize::from(has_header)).take(most) {
            is_broken |= record.is_broken;
            // Files that were put together repeat their header.
            let is_header = has_header && record.line.trim() == first.trim();
            let row = if is_header { Err(FindingKind::NotARow) } else { row(&columns, separator, &record) };
            rows.push((record.number, row));
        }
        Self { columns, has_header, rows, is_broken }
    }

    /// Refuses columns that leave a doubt.
    fn check(&self, path: &Path, separator: char, text: &str) -> Result<()> {
        if let Some(name) = &self.columns.twice {
            return Err(Error::TwoColumns { path: path.into(), name: name.clone() });
        }
        let first = split(first_line(text), separator);
        if self.has_unknown_header(&first)
            && let Some(missing) = Columns::missing(&first)
        {
            let header = first_line(text).chars().take(80).collect();
            let (missing, known) = (missing.what, missing.known);
            return Err(Error::UnknownColumns { path: path.into(), header, missing, known });
        }
        if let Some((line, found)) = self.further_column() {
            return Err(Error::FurtherColumn {
                path: path.into(),
                line,
                found,
                expected: self.columns.count,
            });
        }
        Ok(())
    }

    /// Whether the first line names columns, although not by names that are known: the other rows name pictures
    /// where it has a word.
    fn has_unknown_header(&self, first: &[String]) -> bool {
        let Some(photo) = first.get(self.columns.image).filter(|_| first.len() > 1 && !self.has_header)
        else {
            return false;
        };
        let is_name = |text: &String| !is_picture(text.trim()) && text.split_whitespace().count() <= 3;
        let is_word = !photo.contains(|c: char| c.is_ascii_digit() || c == '.');
        let others = self.rows.iter().skip(1).filter_map(|(_, row)| row.as_ref().ok());
        let pictures: Vec<bool> = others.map(|row| is_picture(row.file_name.trim())).collect();
        let named = pictures.iter().filter(|is_picture| **is_picture).count();
        is_word && first.iter().all(is_name) && named * 2 > pictures.len()
    }

    /// The line of a row with a column that has no name, and its number of columns. Commas in captions come in
    /// some rows and not in others; a further column is in all of them.
    fn further_column(&self) -> Option<(usize, usize)> {
        let count = self.columns.count;
        let rows = self.rows.iter().filter_map(|(line, row)| Some((*line, row.as_ref().ok()?)));
        let rows: Vec<_> = rows.filter(|(_, row)| row.fields >= count).collect();
        let mut by_width = BTreeMap::<usize, usize>::new();
        for (_, row) in &rows {
            *by_width.entry(row.fields).or_default() += 1;
        }
        let (&width, &alike) = by_width.iter().max_by_key(|(_, alike)| **alike)?;
        let is_even = width > count && alike * 10 >= rows.len() * 9;
        let is_word = rows.iter().all(|(_, row)| row.fields > count && row.ends_in_word);
        let (line, row) = rows.iter().find(|(_, row)| row.fields > count)?;
        (rows.len() >= TELLING && (is_even || is_word)).then_some((*line, row.fields))
    }

    /// Which rows end in a blank where the rest of the caption was cut off, and not in a full stop.
    ///
    /// Where more than half of all rows end in a blank, it is padding and tells nothing. Where every comma in a
    /// caption is quoted, the program that wrote the file knew of commas, and cut none.
    fn cut_at_comma(&self, layout: Layout) -> Vec<bool> {
        let sound = || self.rows.iter().filter_map(|(_, row)| row.as_ref().ok());
        let blank_end = |row: &Row| row.mended.is_none() && row.caption.ends_with(' ');
        let padded = sound().filter(|row| blank_end(row)).count() * 2 > self.rows.len();
        let quotes_commas = !self.is_broken
            && sound().all(|row| row.mended.is_none())
            && sound().any(|row| row.caption.contains(','));
        let may_be_cut = layout.separator() == Some(',') && !padded && !quotes_commas;
        let cut =
            |row: &Row| may_be_cut && blank_end(row) && !row.caption.trim_end().ends_with(['.', '!', '?']);
        self.rows.iter().map(|(_, row)| row.as_ref().is_ok_and(cut)).collect()
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// `name.jpg#0<tab>caption`
fn token(line: &str) -> Found {
    let (key, caption) = line.split_once('\t').ok_or(FindingKind::NotARow)?;
    let (file_name, number) = key.rsplit_once('#').ok_or(FindingKind::NotARow)?;
    let number = number.trim().parse().map_err(|_| FindingKind::NotARow)?;
    Ok(Row {
        file_name: file_name.into(),
        number: Some(number),
        split: None,
        caption: caption.into(),
        mended: None,
        fields: 2,
        ends_in_word: false,
    })
}

/// A row by its columns; the caption takes what is more than `columns` know.
fn row(columns: &Columns, separator: char, record: &Record) -> Found {
    let fields = &record.fields;
    let (count, held) = (columns.count, fields.len());
    if held < 2 {
        return Err(FindingKind::NotARow);
    }
    if separator == '|' && held == 2 && (columns.image, columns.number, columns.caption) == (0, Some(1), 2) {
        return number_and_caption(fields);
    }
    let lacks_caption = held + 1 == count && columns.caption == held;
    if held + columns.unnamed_at_end < count && !lacks_caption {
        return Err(FindingKind::NotARow);
    }
    let surplus = held.saturating_sub(count);
    let at = |column: usize| if column > columns.caption { column + surplus } else { column };
    let field = |column: usize| fields.get(at(column)).map_or("", String::as_str);
    let caption = fields.get(columns.caption..=columns.caption + surplus).unwrap_or_default();
    // `name.jpg,0,A caption` is a row of another layout.
    if surplus > 0 && columns.number.is_none() && caption[0].trim().parse::<u32>().is_ok() {
        return Err(FindingKind::NotARow);
    }
    let number = match columns.number {
        Some(column) => Some(number(field(column)).ok_or(FindingKind::NotARow)?),
        None => None,
    };
    Ok(Row {
        file_name: field(columns.image).into(),
        number,
        split: columns.split.map(|column| field(column).into()),
        caption: caption.join(&separator.to_string()),
        mended: (surplus > 0 && separator == ',').then_some(FindingKind::UnquotedComma),
        fields: held,
        ends_in_word: fields.last().is_some_and(|last| !last.trim().contains(' ')),
    })
}

/// "3", or "3.0" as pandas writes a column of which some cells are empty.
fn number(field: &str) -> Option<u32> {
    let field = field.trim();
    field.strip_suffix(".0").unwrap_or(field).parse().ok()
}

/// `name.jpg| 4   caption`: one known file has such a row.
fn number_and_caption(fields: &[String]) -> Found {
    let second = fields[1].trim();
    let end = second.find(|c: char| !c.is_ascii_digit()).unwrap_or(second.len());
    let number = second[..end].parse().map_err(|_| FindingKind::NotARow)?;
    Ok(Row {
        file_name: fields[0].clone(),
        number: Some(number),
        split: None,
        caption: second[end..].into(),
        mended: (end < second.len()).then_some(FindingKind::MissingSeparator),
        fields: 3,
        ends_in_word: false,
    })
}
