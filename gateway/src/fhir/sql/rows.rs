//! The rows of one resource: selects are evaluated from the outside in, those beside one another are joined.

use std::rc::Rc;

use super::column::{Column, described};
use super::view::{Iterate, Located, Own, Select, View};
use crate::fhirpath::{Context, Error, ErrorKind, Host, Item, Node};
use crate::json::Value;

/// Most cells that the rows of one resource have, those on the way to them counted.
pub const MOST_CELLS: usize = 1_000_000;
/// Most FHIRPath steps that one resource is worth, over all paths of the view.
pub const MOST_STEPS: u64 = 10_000_000;
/// Deepest that `repeat` goes.
pub const MOST_REPEAT: usize = 100;

/// What a cell holds: nothing, one value, or the values of a collection.
pub type Cell<'a> = Rc<[Item<'a>]>;

type Row<'a> = Vec<Cell<'a>>;

/// What the rows depend on besides the view and the resource.
pub struct Around<'a> {
    /// What `now()` answers, the same for the whole table.
    pub now: jiff::Timestamp,
    /// The clinic's time zone.
    pub zone: &'a jiff::tz::TimeZone,
    /// Answers what lies outside the resource.
    pub host: &'a dyn Host<'a>,
}

/// Why a resource gives no rows: a value that does not fit its column, a filter that is no condition, a broken bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct RowError {
    /// The path in the view, such as `ViewDefinition.select[0].column[1].path`.
    pub place: String,
    /// What is wrong, with the name of the column.
    pub message: String,
    /// Whether a bound was met, and not a value that does not fit.
    pub is_limit: bool,
}

impl View {
    /// Gives each row of a resource to `sink`: one cell a column. A resource of another type has none.
    ///
    /// # Errors
    /// [`RowError`] before any row of the resource was given.
    pub fn rows<'a>(
        &'a self,
        resource: &'a Value,
        around: &Around<'a>,
        sink: &mut dyn FnMut(&[Cell<'a>]),
    ) -> Result<(), RowError> {
        if resource.str("resourceType") != Some(self.kind.as_str()) {
            return Ok(());
        }
        let mut context = Context::new(resource).with_now(around.now, around.zone).with_host(around.host);
        for constant in &self.constants {
            let node = Node::element(Some(&constant.value), None, constant.kind);
            // A constant is a value, not an element: dates compare as dates.
            let value = Item::Node(node).system().into_iter().collect();
            context.set_variable(&constant.name, value);
        }
        let mut run = Run { context, steps: MOST_STEPS, cells: MOST_CELLS };
        let focus = Item::Node(Node::resource(resource));
        for filter in &self.filters {
            if !run.holds(filter, &focus)? {
                return Ok(());
            }
        }
        let mut parts = Vec::with_capacity(self.selects.len());
        for select in &self.selects {
            parts.push(run.select(select, Some(&focus), 0)?);
        }
        let rows = run.joined(parts, "ViewDefinition.select")?;
        for row in &rows {
            sink(row);
        }
        Ok(())
    }
}

struct Run<'a> {
    context: Context<'a>,
    /// Work that is left.
    steps: u64,
    /// Cells that are left.
    cells: usize,
}

impl<'a> Run<'a> {
    fn holds(&mut self, filter: &'a Located, focus: &Item<'a>) -> Result<bool, RowError> {
        let found = self.evaluate(filter, Some(focus), 0)?;
        match found.as_slice() {
            [] => Ok(false),
            [one] => one.as_bool().ok_or_else(|| {
                let message =
                    format!("a filter is true, false or empty, not a value of type {}", described(one));
                wrong(&filter.place, message)
            }),
            many => {
                let message = format!("a filter is true, false or empty, not {} values", many.len());
                Err(wrong(&filter.place, message))
            }
        }
    }

    fn select(
        &mut self,
        select: &'a Select,
        focus: Option<&Item<'a>>,
        index: i64,
    ) -> Result<Vec<Row<'a>>, RowError> {
        let foci = match &select.iterate {
            Iterate::Once => return self.at(select, focus, index),
            Iterate::Each(path) => self.evaluate(path, focus, index)?,
            Iterate::EachOrNull(path) => {
                let found = self.evaluate(path, focus, index)?;
                if found.is_empty() {
                    return self.at(select, None, 0);
                }
                found
            }
            Iterate::Repeat(paths) => {
                let mut found = Vec::new();
                self.repeat(paths, focus, index, 0, &mut found)?;
                found
            }
        };
        let mut rows = Vec::new();
        for (n, item) in foci.iter().enumerate() {
            rows.extend(self.at(select, Some(item), i64::try_from(n).unwrap_or(i64::MAX))?);
        }
        Ok(rows)
    }

    /// What the paths find from here, each followed by what they find from there.
    fn repeat(
        &mut self,
        paths: &'a [Located],
        focus: Option<&Item<'a>>,
        index: i64,
        depth: usize,
        found: &mut Vec<Item<'a>>,
    ) -> Result<(), RowError> {
        for path in paths {
            let items = self.evaluate(path, focus, index)?;
            if depth == MOST_REPEAT && !items.is_empty() {
                let message =
                    format!("the path is repeated more than {MOST_REPEAT} times, which is the limit");
                return Err(RowError { is_limit: true, ..wrong(&path.place, message) });
            }
            for item in items {
                self.take(1, &path.place)?;
                found.push(item.clone());
                self.repeat(paths, Some(&item), index, depth + 1, found)?;
            }
        }
        Ok(())
    }

    /// The rows of a select for one focus; without one every path is empty.
    fn at(
        &mut self,
        select: &'a Select,
        focus: Option<&Item<'a>>,
        index: i64,
    ) -> Result<Vec<Row<'a>>, RowError> {
        let mut own = Vec::with_capacity(select.own.len());
        for column in &select.own {
            own.push(self.cell(column, focus, index)?);
        }
        let mut parts = vec![vec![own]];
        for nested in &select.selects {
            parts.push(self.select(nested, focus, index)?);
        }
        if !select.union.is_empty() {
            let mut all = Vec::new();
            for part in &select.union {
                all.extend(self.select(part, focus, index)?);
            }
            parts.push(all);
        }
        self.joined(parts, "ViewDefinition.select")
    }

    fn cell(&mut self, own: &'a Own, focus: Option<&Item<'a>>, index: i64) -> Result<Cell<'a>, RowError> {
        let mut items = self.evaluate(&own.path, focus, index)?;
        // A primitive that has extensions alone has no value.
        items.retain(|item| item.as_node().is_none_or(|node| node.value().is_some()));
        fits(&own.column, &items).map_err(|message| wrong(&own.path.place, message))?;
        self.take(items.len().max(1), &own.path.place)?;
        Ok(items.into())
    }

    /// Every combination of a row of each part.
    fn joined(&mut self, parts: Vec<Vec<Row<'a>>>, place: &str) -> Result<Vec<Row<'a>>, RowError> {
        let mut parts = parts.into_iter();
        let mut rows = parts.next().unwrap_or_default();
        for part in parts {
            let mut out = Vec::new();
            for row in &rows {
                for other in &part {
                    self.take((row.len() + other.len()).max(1), place)?;
                    out.push(row.iter().chain(other).cloned().collect());
                }
            }
            rows = out;
        }
        Ok(rows)
    }

    fn take(&mut self, cells: usize, place: &str) -> Result<(), RowError> {
        match self.cells.checked_sub(cells) {
            Some(left) => {
                self.cells = left;
                Ok(())
            }
            None => {
                let message = format!("one resource gives more than {MOST_CELLS} cells, which is the limit");
                Err(RowError { is_limit: true, ..wrong(place, message) })
            }
        }
    }

    fn evaluate(
        &mut self,
        path: &'a Located,
        focus: Option<&Item<'a>>,
        index: i64,
    ) -> Result<Vec<Item<'a>>, RowError> {
        self.context.set_variable("rowIndex", vec![Item::Integer(index)]);
        self.context.set_most_steps(self.steps);
        let found = match focus {
            Some(focus) => path.expression.evaluate(&self.context, focus.clone()),
            None => path.expression.evaluate_alone(&self.context),
        };
        self.steps = self.steps.saturating_sub(self.context.spent());
        found.map_err(|error| failed(&path.place, &error))
    }
}

/// Whether the values of a path may stand in the column; otherwise why not.
fn fits(column: &Column, items: &[Item<'_>]) -> Result<(), String> {
    let name = &column.name;
    if !column.collection && items.len() > 1 {
        let text = format!(
            "column \"{name}\" has {} values, and without \"collection\": true it holds one",
            items.len()
        );
        return Err(text);
    }
    let other = items.iter().find(|item| !column.wanted.takes(item));
    let kind = column.kind.as_deref().unwrap_or_default();
    match other {
        None => Ok(()),
        Some(item) => {
            Err(format!("column \"{name}\" is of type {kind}, and the value is of type {}", described(item)))
        }
    }
}

fn wrong(place: &str, message: String) -> RowError {
    RowError { place: place.to_owned(), message, is_limit: false }
}

fn failed(place: &str, error: &Error) -> RowError {
    RowError { is_limit: error.kind == ErrorKind::Limit, ..wrong(place, error.to_string()) }
}
