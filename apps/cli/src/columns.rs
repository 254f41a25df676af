//! Text in columns: no lines, no colours.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Row, Table};

/// Lays rows out in columns of `indent` spaces before each line and two between columns. The columns in `left` are
/// aligned to the left, the others, which hold numbers, to the right.
pub fn columns(indent: u16, left: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).add_rows(rows.into_iter().map(Row::from));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { indent } else { 2 }, 0));
        column.set_cell_alignment(if left.contains(&index) {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        });
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let rows =
            [["", "score", "caption"], ["greedy", "-1.5", "a dog"], ["", "-10.25", "a b\u{e9}b\u{e9} 犬"]];
        let text = columns(2, &[0, 2], rows.map(|row| row.map(String::from).to_vec()));
        let expected =
            "           score  caption\n  greedy    -1.5  a dog\n          -10.25  a b\u{e9}b\u{e9} 犬\n";
        assert_eq!(text, expected);
        assert_eq!(columns(0, &[], []), "");
    }
}
