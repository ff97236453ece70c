//! Code systems as tables: a line a concept, columns by the names in the first line; commas with quotes (RFC 4180) or tabs.
//!
//! | column | holds |
//! |---|---|
//! | `code` | the code |
//! | `display` | what it means |
//! | `definition` | the same in full |
//! | `parent` | codes right above, several with `;` between them |
//! | `inactive`, `abstract` | `true` or `1` |
//! | `designation:hi` | the text in a language |
//! | any other | a property of that name, as text; empty cells are none |
//!
//! A table of LOINC is known by its own names: `LOINC_NUM`, `LONG_COMMON_NAME` and `STATUS` (`DEPRECATED` is inactive).

use super::super::concept::{Concept, Designation, Property};

/// Most columns.
const MOST_COLUMNS: usize = 512;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Code,
    Display,
    Definition,
    Parent,
    Inactive,
    Abstract,
    Language(String),
    Property(String),
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub struct Table {
    separator: char,
    columns: Vec<Column>,
}

impl Table {
    /// Reads the first line.
    ///
    /// # Errors
    /// A sentence: no column of codes, or too many columns.
    pub fn of(head: &str, separator: char) -> Result<Self, String> {
        let head = head.trim_start_matches('\u{feff}');
        let names = cells(head, separator).ok_or("the first line has a quote that does not end")?;
        if names.len() > MOST_COLUMNS {
            return Err(format!("more than {MOST_COLUMNS} columns"));
        }
        let loinc = names.iter().any(|name| name == "LOINC_NUM");
        let column = |name: &String| match name.trim() {
            "LOINC_NUM" => Column::Code,
            "LONG_COMMON_NAME" if loinc => Column::Display,
            "code" if !loinc => Column::Code,
            "display" if !loinc => Column::Display,
            "definition" => Column::Definition,
            "parent" => Column::Parent,
            "inactive" => Column::Inactive,
            "abstract" => Column::Abstract,
            other => match other.strip_prefix("designation:") {
                Some(language) => Column::Language(language.to_owned()),
                None => Column::Property(other.to_owned()),
            },
        };
        let columns: Vec<Column> = names.iter().map(column).collect();
        if columns.iter().filter(|c| **c == Column::Code).count() != 1 {
            return Err("the first line names the columns, one of them \"code\"".to_owned());
        }
        Ok(Self { separator, columns })
    }

    /// Whether a line ends inside quotes, so that the next one belongs to it.
    pub fn goes_on(&self, line: &str) -> bool {
        self.separator != '\t' && line.bytes().filter(|b| *b == b'"').count() % 2 == 1
    }

    /// Reads a line: the concept and the codes right above it; none for an empty line.
    ///
    /// # Errors
    /// A sentence: no code, or more cells than columns.
    pub fn concept(&self, line: &str) -> Result<Option<(Concept, Vec<String>)>, String> {
        if line.trim().is_empty() {
            return Ok(None);
        }
        let cells = cells(line, self.separator).ok_or("a quote does not end")?;
        if cells.len() > self.columns.len() {
            return Err(format!("{} cells under {} columns", cells.len(), self.columns.len()));
        }
        let (mut concept, mut parents) = (Concept::default(), Vec::new());
        for (column, cell) in self.columns.iter().zip(cells) {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            let flag = matches!(cell, "true" | "TRUE" | "1" | "yes");
            match column {
                Column::Code => concept.code = cell.to_owned(),
                Column::Display => concept.display = Some(cell.to_owned()),
                Column::Definition => concept.definition = Some(cell.to_owned()),
                Column::Parent => {
                    parents
                        .extend(cell.split(';').map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned));
                }
                Column::Inactive => concept.inactive |= flag,
                Column::Abstract => concept.is_abstract = flag,
                Column::Language(language) => concept.designations.push(Designation {
                    language: Some(language.clone()),
                    usage: None,
                    value: cell.to_owned(),
                }),
                Column::Property(name) => {
                    concept.inactive |= name == "STATUS" && matches!(cell, "DEPRECATED" | "RETIRED");
                    concept.properties.push((name.clone(), Property::Text(cell.to_owned())));
                }
            }
        }
        if concept.code.is_empty() {
            return Err("a line without a code".to_owned());
        }
        Ok(Some((concept, parents)))
    }
}

/// The cells of a line; none when a quote does not end. Tabs know no quotes.
fn cells(line: &str, separator: char) -> Option<Vec<String>> {
    let line = line.trim_end_matches(['\r', '\n']);
    if separator == '\t' {
        return Some(line.split('\t').map(str::to_owned).collect());
    }
    let (mut out, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                cell.push('"');
                letters.next();
            }
            '"' => quoted = !quoted,
            c if c == separator && !quoted => out.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    out.push(cell);
    (!quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_parts_of_a_concept() {
        let table = Table::of("code,display,parent,inactive,designation:hi,class", ',').unwrap();
        let line = "a1,\"Fever, \"\"high\"\"\",x; y,1,बुखार,sign";
        let (concept, parents) = table.concept(line).unwrap().unwrap();
        assert_eq!((concept.code.as_str(), concept.display.as_deref()), ("a1", Some("Fever, \"high\"")));
        assert_eq!(
            (parents, concept.inactive, concept.is_abstract),
            (vec!["x".to_owned(), "y".to_owned()], true, false)
        );
        assert_eq!(concept.designations[0].value, "बुखार");
        assert_eq!(concept.properties, [("class".to_owned(), Property::Text("sign".to_owned()))]);
        assert_eq!(table.concept("  ").unwrap(), None);
        for wrong in ["a,b,c,d,e,f,g", ",b", "a,\"b"] {
            assert!(table.concept(wrong).is_err(), "{wrong}");
        }
        assert!(table.goes_on("a,\"b") && !table.goes_on("a,\"b\""));
        assert!(Table::of("display", ',').is_err() && Table::of("code,code", ',').is_err());
    }

    #[test]
    fn loinc_is_known_by_its_own_names() {
        let table = Table::of("\"LOINC_NUM\",\"COMPONENT\",\"LONG_COMMON_NAME\",\"STATUS\"", ',').unwrap();
        let (concept, _) =
            table.concept("\"2823-3\",\"Potassium\",\"Potassium in serum\",\"DEPRECATED\"").unwrap().unwrap();
        assert_eq!(
            (concept.code.as_str(), concept.display.as_deref(), concept.inactive),
            ("2823-3", Some("Potassium in serum"), true)
        );
        let tabs = Table::of("\u{feff}code\tdisplay", '\t').unwrap();
        assert_eq!(
            tabs.concept("1\ta \"quote\"").unwrap().unwrap().0.display.as_deref(),
            Some("a \"quote\"")
        );
    }
}
