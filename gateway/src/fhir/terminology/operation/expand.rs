//! ValueSet/$expand.

use super::super::expand::{Asked, Entry, Expansion, expand as list};
use super::super::{Designation, Source, ValueSet, canonical};
use super::Refusal;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhir::parameters::Parameters;
use crate::json::{Object, Value};

/// What the caller adds to an expansion.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// `expansion.identifier`, unique.
    pub identifier: &'a str,
    /// `expansion.timestamp`.
    pub timestamp: &'a str,
    /// Most codes of a value set.
    pub most: usize,
}

/// The value set with its codes. `stored` is the one that the address names, when it names one.
///
/// # Errors
/// [`Refusal`] as its variants say.
pub fn expand(
    source: &dyn Source,
    mut given: Parameters,
    stored: Option<&Value>,
    listing: Listing<'_>,
) -> Result<Value, Refusal> {
    let (set, definition) = named(source, &mut given, stored)?;
    let wish = Wish::of(given)?;
    let asked = Asked {
        filter: wish.filter.as_deref(),
        offset: wish.offset.unwrap_or_default(),
        count: wish.count,
        active_only: wish.active_only == Some(true),
        selectable_only: wish.selectable_only == Some(true),
        without: &wish.without,
        designations: wish.designations == Some(true) || !wish.texts.is_empty(),
        language: wish.language.as_deref(),
        most: listing.most,
    };
    let found = list(source, &wish.versioned(set), &asked)?;
    wish.check_versions(&found)?;
    let contains: Vec<Value> = found.entries.iter().map(|e| entry(e, &asked, &wish.texts)).collect();
    let expansion = Object::new()
        .with("identifier", listing.identifier)
        .with("timestamp", listing.timestamp)
        .with("total", found.total)
        .with("offset", found.offset)
        .with("parameter", wish.told(&found))
        .with_some("contains", (!contains.is_empty()).then_some(contains));
    Ok(answer(definition.as_ref(), wish.definition == Some(true), Value::Object(expansion)))
}

/// The value set that is meant, and its resource when there is one at hand.
pub(super) fn named(
    source: &dyn Source,
    given: &mut Parameters,
    stored: Option<&Value>,
) -> Result<(ValueSet, Option<Value>), Refusal> {
    let (url, version) = (given.text("url")?, given.text("valueSetVersion")?);
    let sent = given.resource("valueSet")?;
    if let Some(resource) = stored.cloned().or(sent) {
        if resource.str("resourceType") != Some("ValueSet") {
            return Err(Refusal::invalid("The parameter \"valueSet\" is a ValueSet."));
        }
        return Ok((ValueSet::from_json(&resource)?, Some(resource)));
    }
    let url = url.ok_or_else(|| {
        Refusal::required("Name the value set: by \"url\", as \"valueSet\", or by its id in the address.")
    })?;
    let (name, behind) = canonical(&url);
    let version = version.or_else(|| behind.map(str::to_owned));
    let found = source.value_set(name, version.as_deref());
    let found = found.filter(|set| version.is_none() || set.version.is_none() || set.version == version);
    let found = found.ok_or_else(|| {
        let behind = version.as_ref().map(|v| format!("|{v}")).unwrap_or_default();
        Refusal::missing(format!("The value set {name}{behind} is not known here."))
    })?;
    let mut head = Object::new().with("url", found.url.as_str());
    for (key, text) in [("version", &found.version), ("title", &found.name)] {
        head = head.with_some(key, text.as_deref());
    }
    Ok(((*found).clone(), Some(Value::Object(head))))
}

/// What is asked for beside the value set.
struct Wish {
    filter: Option<String>,
    language: Option<String>,
    offset: Option<usize>,
    count: Option<usize>,
    active_only: Option<bool>,
    selectable_only: Option<bool>,
    designations: Option<bool>,
    definition: Option<bool>,
    /// Tokens of the designations that are wanted.
    texts: Vec<String>,
    without: Vec<String>,
    /// System and version, where the value set names none.
    versions: Vec<(String, String)>,
    /// The same, in any case.
    forced: Vec<(String, String)>,
    /// The same, to be found so.
    checked: Vec<(String, String)>,
}

impl Wish {
    fn of(mut given: Parameters) -> Result<Self, Refusal> {
        let mut number = |name: &str| -> Result<Option<usize>, Refusal> {
            let Some(number) = given.integer(name)? else { return Ok(None) };
            let wrong = |_| Refusal::invalid(format!("The parameter \"{name}\" is a whole number from 0."));
            Ok(Some(usize::try_from(number).map_err(wrong)?))
        };
        let (offset, count) = (number("offset")?, number("count")?);
        let without = given.texts("exclude-system")?;
        let without = without.iter().map(|url| canonical(url).0.to_owned()).collect();
        // The list is flat and holds no expressions, whatever is said.
        given.flag("excludeNested")?;
        given.flag("excludePostCoordinated")?;
        let wish = Self {
            filter: given.text("filter")?,
            language: given.text("displayLanguage")?,
            offset,
            count,
            active_only: given.flag("activeOnly")?,
            selectable_only: given.flag("excludeNotForUI")?,
            designations: given.flag("includeDesignations")?,
            definition: given.flag("includeDefinition")?,
            texts: given.texts("designation")?,
            without,
            versions: pairs(&mut given, "system-version")?,
            forced: pairs(&mut given, "force-system-version")?,
            checked: pairs(&mut given, "check-system-version")?,
        };
        given.finish()?;
        Ok(wish)
    }

    fn versioned(&self, mut set: ValueSet) -> ValueSet {
        let soft = self.versions.iter().map(|pair| (pair, false));
        for ((system, version), always) in soft.chain(self.forced.iter().map(|pair| (pair, true))) {
            for part in set.include.iter_mut().chain(&mut set.exclude) {
                if part.system.as_ref() == Some(system) && (always || part.version.is_none()) {
                    part.version = Some(version.clone());
                }
            }
        }
        set
    }

    fn check_versions(&self, found: &Expansion) -> Result<(), Refusal> {
        let wanted = self.versions.iter().chain(&self.forced).chain(&self.checked);
        for (system, version) in wanted {
            let other = found.used.iter().find(|(own, used)| own == system && used.as_ref() != Some(version));
            if let Some((_, used)) = other {
                let used = used.as_deref().unwrap_or("one without a number");
                let text = format!("Of the code system {system} the version {used} is here, not {version}.");
                return Err(Refusal::Impossible(Outcome::error(IssueCode::NotFound, text)));
            }
        }
        Ok(())
    }

    /// What was applied, as `expansion.parameter`.
    fn told(&self, found: &Expansion) -> Vec<Value> {
        let one = |name: &str, member: &str, value: Value| {
            Value::Object(Object::new().with("name", name).with(member, value))
        };
        let mut told = Vec::new();
        told.extend(self.filter.as_ref().map(|t| one("filter", "valueString", t.into())));
        told.extend(self.language.as_ref().map(|t| one("displayLanguage", "valueCode", t.into())));
        for (name, number) in [("offset", self.offset), ("count", self.count)] {
            told.extend(number.map(|n| one(name, "valueInteger", n.into())));
        }
        for (name, flag) in [
            ("activeOnly", self.active_only),
            ("excludeNotForUI", self.selectable_only),
            ("includeDesignations", self.designations),
            ("includeDefinition", self.definition),
            ("excludeNested", Some(true)),
        ] {
            told.extend(flag.map(|f| one(name, "valueBoolean", f.into())));
        }
        told.extend(self.without.iter().map(|url| one("exclude-system", "valueUri", url.into())));
        for (system, version) in &found.used {
            let version = version.as_ref().map(|v| format!("|{v}")).unwrap_or_default();
            told.push(one("used-codesystem", "valueUri", format!("{system}{version}").into()));
        }
        told
    }
}

/// Canonical addresses with their versions.
fn pairs(given: &mut Parameters, name: &str) -> Result<Vec<(String, String)>, Refusal> {
    let one = |text: String| match canonical(&text) {
        (system, Some(version)) => Ok((system.to_owned(), version.to_owned())),
        _ => Err(Refusal::invalid(format!("\"{name}\" is written system|version."))),
    };
    given.texts(name)?.into_iter().map(one).collect()
}

fn entry(entry: &Entry, asked: &Asked<'_>, texts: &[String]) -> Value {
    let wanted = |d: &&Designation| {
        texts.is_empty()
            || texts.iter().any(|token| match token.split_once('|') {
                Some(("urn:ietf:bcp:47", language)) => d.speaks(language),
                Some((system, code)) => d.usage.as_ref().is_some_and(|(s, c)| s == system && c == code),
                None => d.speaks(token),
            })
    };
    let list: Vec<Value> = entry.designations.iter().filter(wanted).map(Designation::to_json).collect();
    let list = (asked.designations && !list.is_empty()).then_some(list);
    let object = Object::new()
        .with_some("system", (!entry.system.is_empty()).then_some(entry.system.as_str()))
        .with_some("abstract", entry.is_abstract.then_some(true))
        .with_some("inactive", entry.inactive.then_some(true))
        .with("code", entry.code.as_str())
        .with_some("display", entry.display.as_deref())
        .with_some("designation", list);
    Value::Object(object)
}

/// Elements of the definition that an expansion keeps.
const KEPT: &[&str] =
    &["url", "identifier", "version", "name", "title", "status", "experimental", "date", "publisher"];

fn answer(definition: Option<&Value>, whole: bool, expansion: Value) -> Value {
    let mut object = Object::new().with("resourceType", "ValueSet");
    for (key, value) in definition.and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let kept = KEPT.contains(&key) || whole && !matches!(key, "resourceType" | "expansion" | "text");
        if kept {
            object.insert(key, value.clone());
        }
    }
    if !object.contains_key("status") {
        object.insert("status", "active");
    }
    Value::Object(object.with("expansion", expansion))
}
