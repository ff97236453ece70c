//! Rows as text: one JSON object a line, one JSON array, or CSV (RFC 4180).

use super::rows::Cell;
use super::view::View;
use crate::json::{self, Value};

/// In which form a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// Comma-separated values (RFC 4180); `header` for a first line with the names.
    Csv {
        /// Whether the names come first.
        header: bool,
    },
}

impl Format {
    /// Value of `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv { .. } => "text/csv; charset=utf-8",
        }
    }
}

/// Appends a table to a text, row by row: [`Writer::open`], [`Writer::row`] for each, [`Writer::close`].
#[derive(Debug)]
pub struct Writer<'v> {
    view: &'v View,
    format: Format,
    rows: u64,
}

impl<'v> Writer<'v> {
    /// A table of this view.
    pub const fn new(view: &'v View, format: Format) -> Self {
        Self { view, format, rows: 0 }
    }

    /// Rows written so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// What comes before the rows.
    pub fn open(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => out.push(b'['),
            Format::Ndjson | Format::Csv { header: false } => {}
            Format::Csv { header: true } => {
                for (n, column) in self.view.columns.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    field(&column.name, out);
                }
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// One row: a cell for each column of the view.
    pub fn row(&mut self, row: &[Cell<'_>], out: &mut Vec<u8>) {
        if self.format == Format::Json && self.rows > 0 {
            out.push(b',');
        }
        self.rows += 1;
        let cells = self.view.columns.iter().zip(row).enumerate();
        if let Format::Csv { .. } = self.format {
            for (n, (column, cell)) in cells {
                if n > 0 {
                    out.push(b',');
                }
                csv(&value(cell, column.collection), out);
            }
            out.extend_from_slice(b"\r\n");
            return;
        }
        out.push(b'{');
        for (n, (column, cell)) in cells {
            if n > 0 {
                out.push(b',');
            }
            json::write_key(&column.name, out);
            value(cell, column.collection).write_to(out);
        }
        out.push(b'}');
        if self.format == Format::Ndjson {
            out.push(b'\n');
        }
    }

    /// What comes after the rows.
    pub fn close(&self, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.push(b']');
        }
    }
}

/// A cell as JSON: `null` for nothing, a list for a collection.
pub(super) fn value(cell: &Cell<'_>, collection: bool) -> Value {
    if collection {
        return Value::Array(cell.iter().map(|item| item.to_json()).collect());
    }
    cell.first().map_or(Value::Null, |item| item.to_json())
}

/// Nothing is an empty field and the empty text a quoted one; lists and objects are their JSON.
fn csv(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) if text.is_empty() => out.extend_from_slice(b"\"\""),
        Value::String(text) => field(text, out),
        Value::Bool(_) | Value::Number(_) => value.write_to(out),
        Value::Array(_) | Value::Object(_) => field(&value.to_string(), out),
    }
}

/// RFC 4180: a field with a comma, a quote or a line break stands in quotes, and its quotes are doubled.
fn field(text: &str, out: &mut Vec<u8>) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
