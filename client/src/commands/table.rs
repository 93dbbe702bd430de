//! Tables: columns that line up, two spaces between them.

use crate::printable::line;

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// Starts with the names of the columns.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()], right: Vec::new() }
    }

    /// Starts without a head.
    pub fn bare() -> Self {
        Self { rows: Vec::new(), right: Vec::new() }
    }

    /// Lines a column of numbers up at its right.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row; what a cell holds stays in its line.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| line(cell).into_owned()).collect());
    }

    /// The table as text, without spaces at the ends of lines.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let width = widths[column];
                    if self.right.contains(&column) {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["product", "size"]).right(1);
        table.row(["é".into(), "7".into()]);
        table.row(["lsst_daf_butler".into(), "1234".into()]);
        assert_eq!(
            table.render(),
            "product          size\né                   7\nlsst_daf_butler  1234\n"
        );
    }

    #[test]
    fn a_cell_stays_a_cell() {
        let mut table = Table::bare();
        table.row(["made\nok".into(), "\x1b[8m".into()]);
        table.row(["a".into(), "b".into()]);
        assert_eq!(table.render(), "made\\nok  \\u{1b}[8m\na         b\n");
    }
}
