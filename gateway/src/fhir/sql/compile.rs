//! From a ViewDefinition to a [`View`]: everything that can be wrong without a resource is told here, with its place.

use super::column::{Column, Wanted};
use super::members::{COLUMN, ROOT, SELECT, WHERE, Wrong};
use super::view::{Constant, Iterate, Located, Own, Select, View};
use crate::fhir::definitions::{Kind, Primitive};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhirpath::Expression;
use crate::json::{Object, Value};

/// Most columns of a view, those of each part of a union counted.
pub const MOST_COLUMNS: usize = 1_000;
/// Most selects of a view, at all levels.
pub const MOST_SELECTS: usize = 500;
/// Deepest nesting of selects and unions.
pub const MOST_DEPTH: usize = 16;
/// Most constants of a view.
pub const MOST_CONSTANTS: usize = 100;
/// Most paths of one `repeat`.
const MOST_PATHS: usize = 32;
/// Most issues that are told of one view.
const MOST_ISSUES: usize = 100;

/// Variables that need no constant.
const ENVIRONMENT: [&str; 7] = ["context", "resource", "rootResource", "sct", "loinc", "ucum", "rowIndex"];

impl View {
    /// Reads a ViewDefinition.
    ///
    /// # Errors
    /// An [`Outcome`] with everything that is wrong, each with its place such as
    /// `ViewDefinition.select[0].column[1].path`: unknown members, paths that are not FHIRPath, constants that are not
    /// there, names given twice, unions whose parts have other columns, types that do not exist, broken limits.
    pub fn read(definition: &Value) -> Result<Self, Outcome> {
        let mut reader = Reader::default();
        let view = reader.view(definition);
        let mut issues = reader.wrong.0;
        issues.truncate(MOST_ISSUES);
        match view {
            Some(view) if issues.is_empty() => Ok(view),
            _ if issues.is_empty() => {
                Err(Outcome::error(IssueCode::Structure, "This is not a ViewDefinition."))
            }
            _ => Err(Outcome::of(issues)),
        }
    }
}

#[derive(Default)]
struct Reader {
    wrong: Wrong,
    constants: Vec<String>,
    columns: usize,
    selects: usize,
}

impl Reader {
    fn view(&mut self, definition: &Value) -> Option<View> {
        let place = "ViewDefinition";
        let object = self.wrong.object(definition, place, &ROOT)?;
        if object.get("resourceType").is_some_and(|kind| kind.as_str() != Some("ViewDefinition")) {
            self.wrong.add(IssueCode::Structure, place, "The resource is not a ViewDefinition.");
            return None;
        }
        let name = self.wrong.text(object, "name", place);
        if let Some(name) = name {
            self.wrong.name(name, "ViewDefinition.name");
        }
        self.version(object);
        let kind = self.wrong.needed(object, "resource", place).and_then(|name| {
            let kind = ResourceType::parse(name);
            if kind.is_none() {
                let text = "This is not a resource type of FHIR R4.";
                self.wrong.add(IssueCode::Value, "ViewDefinition.resource", text);
            }
            kind
        });
        let constants = self.constants(object);
        self.constants = constants.iter().map(|constant| constant.name.clone()).collect();
        let mut filters = Vec::new();
        for (n, item) in self.wrong.list(object, "where", place).iter().enumerate() {
            let place = format!("ViewDefinition.where[{n}]");
            let Some(filter) = self.wrong.object(item, &place, &WHERE) else { continue };
            if let Some(text) = self.wrong.needed(filter, "path", &place) {
                filters.extend(self.expression(text, format!("{place}.path")));
            }
        }
        let (selects, columns) = self.selects(object, "select", place, 0);
        if selects.is_empty() {
            self.wrong.add(IssueCode::Required, "ViewDefinition.select", "A view needs a select.");
        }
        self.unique(&columns);
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        Some(View { name: name.map(str::to_owned), kind: kind?, columns, constants, filters, selects })
    }

    /// The releases a view is written for, where it says them, must include this one.
    fn version(&mut self, object: &Object) {
        let versions = self.wrong.list(object, "fhirVersion", "ViewDefinition");
        let fits = |version: &Value| version.as_str().is_some_and(|v| v == "4.0" || v.starts_with("4.0."));
        if !versions.is_empty() && !versions.iter().any(fits) {
            let text = "The view is not for FHIR 4.0.";
            self.wrong.add(IssueCode::NotSupported, "ViewDefinition.fhirVersion", text);
        }
    }

    fn constants(&mut self, object: &Object) -> Vec<Constant> {
        let mut constants: Vec<Constant> = Vec::new();
        let items = self.wrong.list(object, "constant", "ViewDefinition");
        if items.len() > MOST_CONSTANTS {
            let text = format!("A view has at most {MOST_CONSTANTS} constants.");
            self.wrong.add(IssueCode::TooCostly, "ViewDefinition.constant", text);
            return constants;
        }
        for (n, item) in items.iter().enumerate() {
            let place = format!("ViewDefinition.constant[{n}]");
            let Value::Object(item) = item else {
                self.wrong.add(IssueCode::Structure, &place, "An object is needed here.");
                continue;
            };
            let Some(name) = self.wrong.needed(item, "name", &place) else { continue };
            self.wrong.name(name, &format!("{place}.name"));
            if ENVIRONMENT.contains(&name) || constants.iter().any(|known| known.name == name) {
                let text = format!("There is a variable %{name} already.");
                self.wrong.add(IssueCode::Duplicate, &format!("{place}.name"), text);
                continue;
            }
            if let Some((kind, value)) = self.constant(item, &place) {
                constants.push(Constant { name: name.to_owned(), kind, value });
            }
        }
        constants
    }

    /// The one `value[x]` of a constant.
    fn constant(&mut self, item: &Object, place: &str) -> Option<(Kind, Value)> {
        let mut found = None;
        for (key, value) in item.iter().filter(|(key, _)| !matches!(*key, "name" | "id" | "extension")) {
            let primitive = key.strip_prefix("value").and_then(|name| {
                let mut letters = name.chars();
                let first = letters.next()?.to_ascii_lowercase();
                let name: String = std::iter::once(first).chain(letters).collect();
                if name == "integer64" { Some(Primitive::Integer) } else { Primitive::parse(&name) }
            });
            let fits = primitive.filter(|p| !matches!(p, Primitive::Xhtml | Primitive::Markdown));
            match fits {
                Some(primitive) if found.is_none() => {
                    let kind = Kind::Primitive(primitive, None);
                    let node = crate::fhirpath::Node::element(Some(value), None, kind);
                    if crate::fhirpath::Item::Node(node).system().is_none() {
                        let text = format!("The value is no {}.", primitive.as_str());
                        self.wrong.add(IssueCode::Value, &format!("{place}.{key}"), text);
                        return None;
                    }
                    found = Some((kind, value.clone()));
                }
                Some(_) => {
                    self.wrong.add(IssueCode::Structure, place, "A constant has one value.");
                    return None;
                }
                None => {
                    let shown: String = key.chars().take(80).collect();
                    let text = format!("\"{shown}\" is not a value of a constant.");
                    self.wrong.add(IssueCode::Structure, place, text);
                    return None;
                }
            }
        }
        if found.is_none() {
            self.wrong.add(IssueCode::Required, &format!("{place}.value"), "A constant needs a value.");
        }
        found
    }

    /// The selects of a list member, and the columns of all of them.
    fn selects(&mut self, object: &Object, key: &str, place: &str, depth: usize) -> (Vec<Select>, Placed) {
        let (mut selects, mut columns) = (Vec::new(), Vec::new());
        for (select, own) in self.each_select(object, key, place, depth) {
            selects.push(select);
            columns.extend(own);
        }
        (selects, columns)
    }

    fn each_select(
        &mut self,
        object: &Object,
        key: &str,
        place: &str,
        depth: usize,
    ) -> Vec<(Select, Placed)> {
        let items = self.wrong.list(object, key, place);
        let mut out = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let place = format!("{place}.{key}[{n}]");
            self.selects += 1;
            if depth >= MOST_DEPTH || self.selects > MOST_SELECTS {
                let text =
                    format!("A view has at most {MOST_SELECTS} selects, nested at most {MOST_DEPTH} deep.");
                self.wrong.add(IssueCode::TooCostly, &place, text);
                break;
            }
            out.extend(self.select(item, &place, depth));
        }
        out
    }

    fn select(&mut self, value: &Value, place: &str, depth: usize) -> Option<(Select, Placed)> {
        let object = self.wrong.object(value, place, &SELECT)?;
        let iterate = self.iterate(object, place);
        let (mut own, mut columns) = (Vec::new(), Vec::new());
        for (n, item) in self.wrong.list(object, "column", place).iter().enumerate() {
            let place = format!("{place}.column[{n}]");
            self.columns += 1;
            if self.columns > MOST_COLUMNS {
                let text = format!("A view has at most {MOST_COLUMNS} columns.");
                self.wrong.add(IssueCode::TooCostly, &place, text);
                break;
            }
            if let Some(column) = self.column(item, &place) {
                columns.push((column.column.clone(), place));
                own.push(column);
            }
        }
        let (selects, nested) = self.selects(object, "select", place, depth + 1);
        columns.extend(nested);
        let mut union = Vec::new();
        let mut first: Option<Placed> = None;
        for (n, (select, placed)) in
            self.each_select(object, "unionAll", place, depth + 1).into_iter().enumerate()
        {
            union.push(select);
            match &first {
                None => first = Some(placed),
                Some(first) => self.same(first, &placed, &format!("{place}.unionAll[{n}]")),
            }
        }
        columns.extend(first.unwrap_or_default());
        Some((Select { iterate, own, selects, union }, columns))
    }

    fn iterate(&mut self, object: &Object, place: &str) -> Iterate {
        let many =
            ["forEach", "forEachOrNull", "repeat"].iter().filter(|key| object.contains_key(key)).count();
        if many > 1 {
            let text = "A select has one of forEach, forEachOrNull and repeat.";
            self.wrong.add(IssueCode::Structure, place, text);
        }
        for (key, or_null) in [("forEach", false), ("forEachOrNull", true)] {
            if let Some(text) = self.wrong.text(object, key, place) {
                let located = self.expression(text, format!("{place}.{key}"));
                return match located {
                    Some(located) if or_null => Iterate::EachOrNull(located),
                    Some(located) => Iterate::Each(located),
                    None => Iterate::Once,
                };
            }
        }
        let paths = self.wrong.list(object, "repeat", place);
        if paths.is_empty() {
            return Iterate::Once;
        }
        if paths.len() > MOST_PATHS {
            let text = format!("repeat has at most {MOST_PATHS} paths.");
            self.wrong.add(IssueCode::TooCostly, &format!("{place}.repeat"), text);
            return Iterate::Once;
        }
        let mut located = Vec::new();
        for (n, path) in paths.iter().enumerate() {
            let place = format!("{place}.repeat[{n}]");
            match path.as_str() {
                Some(text) => located.extend(self.expression(text, place)),
                None => self.wrong.add(IssueCode::Structure, &place, "A text is needed here."),
            }
        }
        Iterate::Repeat(located)
    }

    fn column(&mut self, value: &Value, place: &str) -> Option<Own> {
        let object = self.wrong.object(value, place, &COLUMN)?;
        let name = self.wrong.needed(object, "name", place);
        if let Some(name) = name {
            self.wrong.name(name, &format!("{place}.name"));
        }
        let collection = match object.get("collection") {
            None => false,
            Some(Value::Bool(collection)) => *collection,
            Some(_) => {
                let text = "collection is true or false.";
                self.wrong.add(IssueCode::Structure, &format!("{place}.collection"), text);
                false
            }
        };
        let kind = self.wrong.text(object, "type", place);
        let wanted = match kind.map(Wanted::parse) {
            None => Wanted::Anything,
            Some(Some(wanted)) => wanted,
            Some(None) => {
                let text = "This is not a type of FHIR R4.";
                self.wrong.add(IssueCode::Value, &format!("{place}.type"), text);
                Wanted::Anything
            }
        };
        let path = self.wrong.needed(object, "path", place);
        let path = path.and_then(|text| self.expression(text, format!("{place}.path")))?;
        let column = Column { name: name?.to_owned(), kind: kind.map(str::to_owned), collection, wanted };
        Some(Own { column, path })
    }

    fn expression(&mut self, text: &str, place: String) -> Option<Located> {
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(error) => {
                let text = format!("The path is not FHIRPath: {error}.");
                self.wrong.add(IssueCode::Invalid, &place, text);
                return None;
            }
        };
        let known = |name: &str| {
            ENVIRONMENT.contains(&name)
                || name.starts_with("vs-")
                || name.starts_with("ext-")
                || self.constants.iter().any(|constant| constant == name)
        };
        let unknown: Vec<String> = expression
            .variables()
            .into_iter()
            .filter(|(name, _)| !known(name))
            .map(|(name, at)| format!("At {at}: there is no constant %{name}."))
            .collect();
        for text in &unknown {
            self.wrong.add(IssueCode::Invalid, &place, text.clone());
        }
        unknown.is_empty().then_some(Located { expression, place })
    }

    /// The parts of a union have the same columns in the same order.
    fn same(&mut self, first: &Placed, other: &Placed, place: &str) {
        let fits = |(a, b): (&(Column, String), &(Column, String))| {
            let kinds = a.0.wanted == b.0.wanted || a.0.kind.is_none() || b.0.kind.is_none();
            a.0.name == b.0.name && a.0.collection == b.0.collection && kinds
        };
        if first.len() == other.len() && first.iter().zip(other).all(fits) {
            return;
        }
        let names = |columns: &Placed| {
            columns.iter().take(20).map(|(column, _)| column.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "The parts of a union have the same columns with the same types in the same order: here ({}), in the \
             first part ({}).",
            names(other),
            names(first)
        );
        self.wrong.add(IssueCode::Structure, place, text);
    }

    fn unique(&mut self, columns: &Placed) {
        let mut seen = std::collections::BTreeSet::new();
        for (column, place) in columns {
            if !seen.insert(column.name.as_str()) {
                let text = format!("There is a column \"{}\" already.", column.name);
                self.wrong.add(IssueCode::Duplicate, &format!("{place}.name"), text);
            }
        }
    }
}

/// Columns with their places.
type Placed = Vec<(Column, String)>;
