//! The figures as one table and as JSON.

use serde_json::{Value, json};

/// One line: a figure, and what was aimed at where something was.
struct Row {
    name: String,
    value: f64,
    unit: String,
    aim: Option<Aim>,
}

/// What a figure should come to.
#[derive(Clone, Copy)]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Aim {
    fn met(self, value: f64) -> bool {
        match self {
            Aim::AtLeast(aim) => value >= aim,
            Aim::AtMost(aim) => value <= aim,
        }
    }

    fn text(self) -> String {
        match self {
            Aim::AtLeast(aim) => format!("≥ {}", short(aim)),
            Aim::AtMost(aim) => format!("≤ {}", short(aim)),
        }
    }
}

/// All lines of a run.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a figure without an aim.
    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &str) {
        self.add(Row { name: name.into(), value, unit: unit.to_owned(), aim: None });
    }

    /// Adds a figure with its aim.
    pub fn aimed(&mut self, name: impl Into<String>, value: f64, unit: &str, aim: Aim) {
        self.add(Row { name: name.into(), value, unit: unit.to_owned(), aim: Some(aim) });
    }

    /// For each rate that stands under both names, how many times the first is ahead of the second.
    pub fn compare(&mut self, ours: &str, theirs: &str) {
        let rate = |row: &&Row| row.unit.ends_with("/s");
        let pairs: Vec<(String, f64)> = self
            .0
            .iter()
            .filter(rate)
            .filter_map(|row| {
                let what = row.name.strip_prefix(ours)?.strip_prefix(": ")?;
                let name = format!("{theirs}: {what}");
                let other = self.0.iter().find(|other| other.name == name)?;
                Some((what.to_owned(), row.value / other.value))
            })
            .collect();
        for (what, times) in pairs {
            let aim = if what == "read" { 1.0 } else { 2.0 };
            self.aimed(format!("{what}: the box against the peer"), times, "times", Aim::AtLeast(aim));
        }
    }

    fn add(&mut self, row: Row) {
        eprintln!("  {}: {} {}", row.name, short(row.value), row.unit);
        self.0.push(row);
    }

    /// The table in columns.
    pub fn text(&self) -> String {
        let width = self.0.iter().map(|r| r.name.chars().count()).max().unwrap_or(0);
        let mut out = format!("{:width$}  {:>9}  {:11}  {:>9}  met\n", "figure", "value", "unit", "aim");
        for row in &self.0 {
            let aim = row.aim.map(Aim::text).unwrap_or_default();
            let met = row.aim.map_or("", |aim| if aim.met(row.value) { "yes" } else { "NO" });
            let line =
                format!("{:width$}  {:>9}  {:11}  {aim:>9}  {met}", row.name, short(row.value), row.unit);
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .0
            .iter()
            .map(|row| {
                let aim = row.aim.map(Aim::text);
                let met = row.aim.map(|aim| aim.met(row.value));
                json!({ "figure": row.name, "value": row.value, "unit": row.unit, "aim": aim, "met": met })
            })
            .collect();
        json!({ "figures": rows })
    }
}

/// Three significant digits, whole numbers from a hundred on.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle of an odd number of values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
