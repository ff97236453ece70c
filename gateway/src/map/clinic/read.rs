//! The document: `{"concepts": [...], "zsegments": [...]}`, read with every fault and its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::{self, LONGEST, LONGEST_DOCUMENT, MOST_CONCEPTS, MOST_FAULTS, MOST_RULES};
use super::{Form, Inner, Kind, MapFault, Maps, Rule, Target, system_table};
use crate::hl7::path::Path;
use crate::json::{Limits, Object, Value, parse};
use crate::map::concepts;

impl Maps {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, at most the first fifty faults.
    pub fn read(document: &[u8]) -> Result<Self, Vec<MapFault>> {
        let limits = Limits { max_bytes: LONGEST_DOCUMENT, max_depth: 8 };
        let json = parse(document, &limits).map_err(|e| {
            vec![MapFault { place: e.path.clone(), reason: format!("No acceptable JSON: {e}") }]
        })?;
        let mut reader = Reader::default();
        let inner = reader.document(&json);
        if reader.faults.is_empty() { Ok(Self(Arc::new(inner))) } else { Err(reader.faults) }
    }
}

#[derive(Default)]
struct Reader {
    faults: Vec<MapFault>,
}

impl Reader {
    fn wrong(&mut self, place: &str, reason: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(MapFault { place: place.to_owned(), reason: reason.into() });
        }
    }

    fn need(&mut self, place: &str, right: Result<(), String>) -> Option<()> {
        right.map_err(|why| self.wrong(place, why)).ok()
    }

    fn document(&mut self, json: &Value) -> Inner {
        let mut inner = Inner::default();
        let Some(object) = self.object(json, "", &["concepts", "zsegments"]) else { return inner };
        for (at, entry) in self.list(object, "concepts", MOST_CONCEPTS).iter().enumerate() {
            let place = format!("concepts[{at}]");
            let Some((table, sent, target)) = self.concept(entry, &place) else { continue };
            let table = inner.tables.entry(table).or_default();
            if table.insert(sent.to_lowercase(), target).is_some() {
                self.wrong(&place, format!("The code \"{sent}\" of this table has an entry already."));
            }
        }
        let mut seen = BTreeSet::new();
        for (at, entry) in self.list(object, "zsegments", MOST_RULES).iter().enumerate() {
            let place = format!("zsegments[{at}]");
            let Some(rule) = self.rule(entry, &place) else { continue };
            let name = match &rule.form {
                Form::Extension { resource, url, .. } => format!("{resource} {url}"),
                Form::Identifier { resource, system } => format!("{resource} {system}"),
                Form::Observation { code, .. } => format!("{} {}", code.system, code.code),
            };
            if !seen.insert((rule.segment.clone(), rule.source, name)) {
                self.wrong(&place, "There is a rule for this field and this place already.");
            }
            inner.rules.push(rule);
        }
        inner
    }

    /// `{"table" | "codeSystem", "code", "to": {"system", "code", "display"}}`.
    fn concept(&mut self, entry: &Value, place: &str) -> Option<(String, String, Target)> {
        let object = self.object(entry, place, &["table", "codeSystem", "code", "to"])?;
        let sent = self.required(object, place, "code");
        let table = self.table(object, place);
        let inner = format!("{place}.to");
        let Some(to) = object.get("to") else {
            self.wrong(&inner, "Say where the code leads: {\"system\", \"code\", \"display\"}.");
            return None;
        };
        let to = self.object(to, &inner, &["system", "code", "display"])?;
        let own = table.as_deref().and_then(concepts::system_of).map(str::to_owned);
        let system = match (to.get("system"), &table) {
            (None, Some(_)) if own.is_some() => own,
            // What is wrong with the table has been said.
            (None, None) => None,
            (Some(_) | None, _) => self.address(to, &inner, "system"),
        };
        let code = self.required(to, &inner, "code");
        let display = self.text(to, &inner, "display").unwrap_or_default();
        let (table, sent, system, code) = (table?, sent?, system?, code?);
        self.need(&format!("{inner}.code"), check::code(&code))?;
        self.need(&inner, check::bound(&table, &system, &code))?;
        Some((table, sent, Target { system, code, display }))
    }

    fn table(&mut self, object: &Object, place: &str) -> Option<String> {
        match (object.contains_key("table"), object.contains_key("codeSystem")) {
            (true, false) => {
                let name = self.required(object, place, "table")?;
                self.need(&format!("{place}.table"), check::table(&name))?;
                Some(name)
            }
            (false, true) => Some(system_table(&self.required(object, place, "codeSystem")?)),
            (true, true) | (false, false) => {
                self.wrong(
                    place,
                    "Name either a table or a codeSystem (the name that senders write in component 3).",
                );
                None
            }
        }
    }

    /// `{"field", "resource", "extension" | "identifier" | "observation"}`.
    fn rule(&mut self, entry: &Value, place: &str) -> Option<Rule> {
        const FORMS: [&str; 3] = ["extension", "identifier", "observation"];
        let object =
            self.object(entry, place, &["field", "resource", "extension", "identifier", "observation"])?;
        let source = self.source(object, place);
        let named: Vec<&str> = FORMS.into_iter().filter(|form| object.contains_key(form)).collect();
        let [form] = named.as_slice() else {
            self.wrong(place, format!("Say one thing that the field becomes: {}.", FORMS.join(", ")));
            return None;
        };
        let inner = format!("{place}.{form}");
        let detail = object.get(form)?;
        let form = match *form {
            "extension" => {
                let resource = self.resource(object, place);
                let detail = self.object(detail, &inner, &["url", "type"])?;
                let (url, kind) = (self.address(detail, &inner, "url"), self.kind(detail, &inner));
                Form::Extension { resource: resource?, url: url?, kind: kind? }
            }
            "identifier" => {
                let resource = self.resource(object, place);
                let detail = self.object(detail, &inner, &["system"])?;
                Form::Identifier { system: self.address(detail, &inner, "system")?, resource: resource? }
            }
            _ => {
                if object.contains_key("resource") {
                    let why = "An observation is a resource of its own; leave resource out.";
                    self.wrong(&format!("{place}.resource"), why);
                }
                self.observation(detail, &inner)?
            }
        };
        let (segment, source) = source?;
        Some(Rule { segment, source, form })
    }

    fn observation(&mut self, detail: &Value, place: &str) -> Option<Form> {
        let detail = self.object(detail, place, &["system", "code", "display", "type", "unit"])?;
        let (system, code) = (self.address(detail, place, "system"), self.required(detail, place, "code"));
        let display = self.text(detail, place, "display").unwrap_or_default();
        let kind = self.kind(detail, place);
        let unit = self.text(detail, place, "unit");
        if unit.is_some() && kind.is_some_and(|kind| kind != Kind::Decimal) {
            self.wrong(&format!("{place}.unit"), "Only a decimal has a unit.");
        }
        if let Some(unit) = unit.as_deref().filter(|unit| !crate::ucum::is_valid(unit)) {
            self.wrong(
                &format!("{place}.unit"),
                format!("\"{unit}\" is no unit of UCUM; write one like mm[Hg]."),
            );
        }
        let code = code?;
        self.need(&format!("{place}.code"), check::code(&code))?;
        Some(Form::Observation { code: Target { system: system?, code, display }, kind: kind?, unit })
    }

    fn source(&mut self, object: &Object, place: &str) -> Option<(String, (u16, u16, u16))> {
        let text = self.required(object, place, "field")?;
        let place = format!("{place}.field");
        let path = match text.parse::<Path>() {
            Ok(path) => path,
            Err(why) => {
                self.wrong(&place, format!("\"{text}\" is {why}."));
                return None;
            }
        };
        let small = |n: u32| u16::try_from(n).ok().filter(|n| *n <= 999);
        let numbers = (small(path.field), small(path.component), small(path.subcomponent));
        let whole = path.repetition == 0 && path.occurrence == 1 && path.field > 0;
        let (true, true, (Some(field), Some(component), Some(sub))) =
            (whole, path.segment.starts_with('Z'), numbers)
        else {
            self.wrong(
                &place,
                "Name a field of a Z-segment, such as ZPI-3 or ZPI-3.1; every repetition of it is read.",
            );
            return None;
        };
        Some((path.segment, (field, component, sub)))
    }

    fn resource(&mut self, object: &Object, place: &str) -> Option<String> {
        let name = self.required(object, place, "resource")?;
        self.need(&format!("{place}.resource"), check::resource(&name))?;
        Some(name)
    }

    fn kind(&mut self, object: &Object, place: &str) -> Option<Kind> {
        let name = self.required(object, place, "type")?;
        let found = Kind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        if found.is_none() {
            let all = Kind::ALL.map(|(name, _)| name).join(", ");
            self.wrong(&format!("{place}.type"), format!("\"{name}\" is none of the types {all}."));
        }
        found
    }

    fn address(&mut self, object: &Object, place: &str, key: &str) -> Option<String> {
        let text = self.required(object, place, key)?;
        self.need(&format!("{place}.{key}"), check::uri(&text))?;
        Some(text)
    }

    fn required(&mut self, object: &Object, place: &str, key: &str) -> Option<String> {
        if !object.contains_key(key) {
            self.wrong(&format!("{place}.{key}"), format!("{key} is missing."));
            return None;
        }
        self.text(object, place, key)
    }

    fn text(&mut self, object: &Object, place: &str, key: &str) -> Option<String> {
        let value = object.get(key)?;
        let found = value.as_str().map(str::trim).filter(|t| !t.is_empty() && t.chars().count() <= LONGEST);
        if found.is_none_or(|t| t.contains(char::is_control)) {
            let why = format!("{key} is a text of 1 to {LONGEST} characters without control characters.");
            self.wrong(&format!("{place}.{key}"), why);
            return None;
        }
        found.map(str::to_owned)
    }

    fn object<'v>(&mut self, value: &'v Value, place: &str, keys: &[&str]) -> Option<&'v Object> {
        let Some(object) = value.as_object() else {
            self.wrong(place, format!("An object with {} is expected here.", keys.join(", ")));
            return None;
        };
        for (key, _) in object.iter().filter(|(key, _)| !keys.contains(key)) {
            let at = if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
            self.wrong(&at, format!("There is no such key; there are {}.", keys.join(", ")));
        }
        Some(object)
    }

    fn list<'v>(&mut self, object: &'v Object, key: &str, most: usize) -> &'v [Value] {
        let Some(value) = object.get(key) else { return &[] };
        match value.as_array() {
            Some(items) if items.len() <= most => items,
            Some(items) => {
                self.wrong(key, format!("{} entries are too many: at most {most}.", items.len()));
                &[]
            }
            None => {
                self.wrong(key, "A list is expected here.");
                &[]
            }
        }
    }
}
