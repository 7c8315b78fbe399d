//! What a run of the bench says: sections of tables and bounds, as text for a terminal and as JSON for `report.py`.

use serde::Serialize;
use serde_json::Value;

/// What a column's numbers are; how they are written follows from it.
#[derive(Clone, Copy, Serialize)]
pub enum Unit {
    #[serde(rename = "text")]
    Text,
    #[serde(rename = "count")]
    Count,
    #[serde(rename = "MB/s")]
    Rate,
    #[serde(rename = "x")]
    Ratio,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "ns")]
    Nanoseconds,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    unit: Unit,
}

/// A table, and the bounds that its figures are held against.
#[derive(Serialize)]
pub struct Section {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
    bounds: Vec<Bound>,
}

/// A figure that was promised, and the one that was measured.
#[derive(Serialize)]
struct Bound {
    what: &'static str,
    at_least: Option<f64>,
    at_most: Option<f64>,
    measured: f64,
    unit: Unit,
    holds: bool,
}

impl Section {
    pub fn new(id: &'static str, title: &'static str, about: &'static str, columns: &[(&'static str, Unit)]) -> Self {
        let columns = columns.iter().map(|&(name, unit)| Column { name, unit }).collect();
        Self { id, title, about, columns, rows: Vec::new(), bounds: Vec::new() }
    }

    /// Adds a row; its cells stand in the order of the columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Value>) {
        self.rows.push(cells.into_iter().collect());
        assert_eq!(self.rows.last().map(Vec::len), Some(self.columns.len()), "a cell for each column");
    }

    /// Holds a figure against what it must reach.
    pub fn at_least(&mut self, what: &'static str, bound: f64, unit: Unit, measured: f64) {
        self.bounds.push(Bound {
            what,
            at_least: Some(bound),
            at_most: None,
            measured,
            unit,
            holds: measured >= bound,
        });
    }

    /// Holds a figure against what it must not pass.
    pub fn at_most(&mut self, what: &'static str, bound: f64, unit: Unit, measured: f64) {
        self.bounds.push(Bound {
            what,
            at_least: None,
            at_most: Some(bound),
            measured,
            unit,
            holds: measured <= bound,
        });
    }

    /// Prints it for a person.
    pub fn print(&self) {
        println!("\n{}", self.title);
        let header = self.columns.iter().map(|column| column.name.to_owned()).collect();
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().zip(&self.columns).map(|(cell, column)| column.unit.show(cell)).collect());
        let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        for line in &lines {
            let cells = line.iter().zip(&self.columns).enumerate().map(|(at, (cell, column))| match column.unit {
                Unit::Text => format!("{cell:<0$}", width(at)),
                _ => format!("{cell:>0$}", width(at)),
            });
            println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        for bound in &self.bounds {
            let (word, limit) = bound
                .at_least
                .map(|least| ("at least", least))
                .or(bound.at_most.map(|most| ("at most", most)))
                .unwrap_or_default();
            let verdict = if bound.holds { "holds" } else { "MISSED" };
            let (limit, measured) = (bound.unit.show(&limit.into()), bound.unit.show(&bound.measured.into()));
            println!("  {}: {measured}, {word} {limit}: {verdict}", bound.what);
        }
    }
}

impl Unit {
    fn show(self, cell: &Value) -> String {
        match (self, cell.as_f64()) {
            (_, None) => cell.as_str().unwrap_or("-").to_owned(),
            (Self::Text, Some(number)) => number.to_string(),
            (Self::Count, Some(number)) => format!("{number:.0}"),
            (Self::Rate, Some(number)) if number < 10.0 => format!("{number:.1} MB/s"),
            (Self::Rate, Some(number)) => format!("{number:.0} MB/s"),
            (Self::Ratio, Some(number)) => format!("{number:.2}"),
            (Self::Milliseconds, Some(number)) => format!("{number:.1} ms"),
            (Self::Nanoseconds, Some(number)) => format!("{number:.0} ns"),
        }
    }
}
