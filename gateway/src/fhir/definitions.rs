//! What R4 says about types and their elements, read once from `tables/structure.txt` into a compact form.
//!
//! The file is written by `gateway/definitions` from the published StructureDefinitions and explains its own format.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::id::ResourceType;

/// A complex type, a resource type, or an element with elements of its own.
#[derive(Debug)]
pub struct Type {
    /// `HumanName`, `Patient`, `Patient.contact`.
    pub name: &'static str,
    /// The type it specialises; `None` for `Element` and `Resource`.
    pub base: Option<TypeId>,
    /// Elements in the order of the definition, inherited ones first.
    pub elements: Vec<Element>,
    /// JSON members in the order of the alphabet: name, number of the element, number of its kind.
    members: Vec<(Cow<'static, str>, u16, u16)>,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub struct Element {
    /// Name, without `[x]`.
    pub name: &'static str,
    /// Least number of occurrences.
    pub min: u16,
    /// Most occurrences; [`u16::MAX`] for any number.
    pub max: u16,
    /// Part of the summary view.
    pub summary: bool,
    /// Whether it stands under a name that tells its type (`value[x]`).
    pub choice: bool,
    /// Types that it may have.
    pub kinds: Vec<Kind>,
}

impl Element {
    /// Whether it stands in a JSON array.
    pub const fn is_list(&self) -> bool {
        self.max > 1
    }
}

/// Type of an element's value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A primitive, with the number of its list of codes where the binding is required.
    Primitive(Primitive, Option<u16>),
    /// A complex type, by number.
    Complex(TypeId),
    /// A Reference, with the number of its list of target types.
    Reference(TypeId, Option<u16>),
    /// Any resource.
    Resource,
}

/// Number of a type in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeId(u16);

macro_rules! primitives {
    ($($name:ident = $text:literal,)*) => {
        /// The primitive types of R4.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // Each is the type of its own name.
        pub enum Primitive { $($name,)* }
        impl Primitive {
            /// The type of a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

primitives! {
    Base64Binary = "base64Binary", Boolean = "boolean", Canonical = "canonical", Code = "code", Date = "date",
    DateTime = "dateTime", Decimal = "decimal", Id = "id", Instant = "instant", Integer = "integer",
    Markdown = "markdown", Oid = "oid", PositiveInt = "positiveInt", String = "string", Time = "time",
    UnsignedInt = "unsignedInt", Uri = "uri", Url = "url", Uuid = "uuid", Xhtml = "xhtml",
}

impl Type {
    /// The element and kind behind a JSON member.
    pub fn member(&self, key: &str) -> Option<(&Element, Kind)> {
        self.place(key).map(|(_, element, kind)| (element, kind))
    }

    /// Like [`Type::member`], with the element's place in [`Type::elements`].
    pub fn place(&self, key: &str) -> Option<(usize, &Element, Kind)> {
        let at = self.members.binary_search_by(|(name, _, _)| (**name).cmp(key)).ok()?;
        let (_, element, kind) = self.members.get(at)?;
        let at = usize::from(*element);
        let element = self.elements.get(at)?;
        Some((at, element, *element.kinds.get(usize::from(*kind))?))
    }
}

/// The type of a number.
pub fn by_id(id: TypeId) -> Option<&'static Type> {
    TABLE.types.get(usize::from(id.0))
}

/// The definition of a resource type.
pub fn resource(kind: ResourceType) -> Option<&'static Type> {
    by_name(kind.as_str())
}

/// The definition of a type by its name.
pub fn by_name(name: &str) -> Option<&'static Type> {
    by_id(*TABLE.names.get(name)?)
}

/// The number of a type by its name.
pub fn id_of(name: &str) -> Option<TypeId> {
    TABLE.names.get(name).copied()
}

/// Whether a type is `ancestor` or specialises it, however many steps away.
pub fn is_a(id: TypeId, ancestor: TypeId) -> bool {
    let mut next = Some(id);
    // No chain of the standard is longer than four; the bound keeps a damaged table from looping.
    for _ in 0..16 {
        match next {
            Some(id) if id == ancestor => return true,
            Some(id) => next = by_id(id).and_then(|t| t.base),
            None => return false,
        }
    }
    false
}

/// Whether a code is in the list of a required binding.
pub fn has_code(set: u16, code: &str) -> bool {
    TABLE.codes.get(usize::from(set)).is_none_or(|codes| codes.contains(&code))
}

/// The codes of a required binding.
pub fn codes(set: u16) -> &'static [&'static str] {
    TABLE.codes.get(usize::from(set)).map(Vec::as_slice).unwrap_or_default()
}

/// The types a reference may point at.
pub fn targets(list: u16) -> &'static [ResourceType] {
    TABLE.targets.get(usize::from(list)).map(Vec::as_slice).unwrap_or_default()
}

struct Table {
    types: Vec<Type>,
    names: HashMap<&'static str, TypeId>,
    codes: Vec<Vec<&'static str>>,
    targets: Vec<Vec<ResourceType>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("tables/structure.txt")));

fn read(text: &'static str) -> Table {
    let mut table =
        Table { types: Vec::new(), names: HashMap::new(), codes: Vec::new(), targets: Vec::new() };
    let lines = || text.lines().filter(|l| !l.starts_with("# "));
    let mut bases = Vec::new();
    for line in lines() {
        if let Some(row) = line.strip_prefix('!') {
            table.codes.push(row.split(' ').skip(1).collect());
        } else if let Some(row) = line.strip_prefix('&') {
            table.targets.push(row.split(' ').skip(1).filter_map(ResourceType::parse).collect());
        } else if let Some((name, base)) = line.strip_prefix('=').and_then(|row| row.split_once(' ')) {
            let id = TypeId(u16::try_from(bases.len()).unwrap_or(u16::MAX));
            table.names.insert(name, id);
            bases.push(base);
            table.types.push(Type { name, base: None, elements: Vec::new(), members: Vec::new() });
        }
    }
    let mut current = 0;
    let mut own: Vec<Vec<Element>> = vec![Vec::new(); bases.len()];
    for line in lines().filter(|l| !l.starts_with(['!', '&'])) {
        if line.starts_with('=') {
            current += 1;
        } else if let (Some(list), Some(element)) = (own.get_mut(current - 1), element(line, &table.names)) {
            list.push(element);
        }
    }
    for (at, definition) in table.types.iter_mut().enumerate() {
        definition.elements = inherited(at, &own, &bases, &table.names);
        definition.base = bases.get(at).and_then(|base| table.names.get(base)).copied();
    }
    let names: Vec<&'static str> = table.types.iter().map(|t| t.name).collect();
    for definition in &mut table.types {
        definition.members = members(&definition.elements, &names);
    }
    table
}

/// Elements of a type, those of its bases first.
fn inherited(at: usize, own: &[Vec<Element>], bases: &[&str], names: &HashMap<&str, TypeId>) -> Vec<Element> {
    let mut chain = vec![at];
    let mut next = at;
    while let Some(base) = bases.get(next).and_then(|b| names.get(b)).map(|id| usize::from(id.0)) {
        if chain.contains(&base) {
            break;
        }
        chain.push(base);
        next = base;
    }
    chain.iter().rev().filter_map(|n| own.get(*n)).flatten().cloned().collect()
}

/// `name min..max[^] type …`
fn element(line: &'static str, names: &HashMap<&'static str, TypeId>) -> Option<Element> {
    let mut words = line.split(' ');
    let full = words.next()?;
    let counts = words.next()?;
    let (min, max) = counts.trim_end_matches('^').split_once("..")?;
    let name = full.strip_suffix("[x]").unwrap_or(full);
    Some(Element {
        name,
        min: min.parse().ok()?,
        max: if max == "*" { u16::MAX } else { max.parse().ok()? },
        summary: counts.ends_with('^'),
        choice: full != name,
        kinds: words.filter_map(|word| kind(word, names)).collect(),
    })
}

fn kind(word: &'static str, names: &HashMap<&'static str, TypeId>) -> Option<Kind> {
    if let Some(path) = word.strip_prefix('@') {
        return names.get(path).copied().map(Kind::Complex);
    }
    if matches!(word, "Resource" | "DomainResource") || ResourceType::parse(word).is_some() {
        return Some(Kind::Resource);
    }
    if let Some((_, list)) = word.split_once('&') {
        return names.get("Reference").map(|id| Kind::Reference(*id, list.parse().ok()));
    }
    let (name, set) = word.split_once('!').map_or((word, None), |(name, set)| (name, set.parse().ok()));
    match (Primitive::parse(name), name) {
        (Some(primitive), _) => Some(Kind::Primitive(primitive, set)),
        (None, "Reference") => names.get(name).map(|id| Kind::Reference(*id, None)),
        (None, _) => names.get(name).copied().map(Kind::Complex),
    }
}

fn members(elements: &[Element], names: &[&'static str]) -> Vec<(Cow<'static, str>, u16, u16)> {
    let mut out = Vec::with_capacity(elements.len());
    for (n, element) in elements.iter().enumerate() {
        for (k, kind) in element.kinds.iter().enumerate() {
            let name = if element.choice {
                Cow::from(choice(element.name, kind, names))
            } else {
                Cow::from(element.name)
            };
            out.push((name, u16::try_from(n).unwrap_or_default(), u16::try_from(k).unwrap_or_default()));
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out.shrink_to_fit();
    out
}

/// `value` and Quantity give `valueQuantity`.
fn choice(name: &str, kind: &Kind, names: &[&'static str]) -> String {
    let suffix = match kind {
        Kind::Primitive(primitive, _) => primitive.as_str(),
        Kind::Complex(id) | Kind::Reference(id, _) => {
            names.get(usize::from(id.0)).copied().unwrap_or_default()
        }
        Kind::Resource => "Resource",
    };
    let mut out = name.to_owned();
    let mut chars = suffix.chars();
    out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
    out.push_str(chars.as_str());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_read() {
        let text = include_str!("tables/structure.txt");
        let rows = text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()));
        let mut words = 0;
        for row in rows {
            let element = element(row, &TABLE.names).unwrap_or_else(|| panic!("{row}"));
            assert_eq!(element.kinds.len(), row.split(' ').count() - 2, "{row}");
            words += 1;
        }
        assert!(words > 4000);
        for kind in ResourceType::all() {
            assert!(resource(kind).is_some_and(|d| d.member("meta").is_some()), "{kind}");
        }
    }

    #[test]
    fn types_know_what_they_specialise() {
        let check = |name: &str, ancestor: &str, expected: bool| {
            assert_eq!(is_a(id_of(name).unwrap(), id_of(ancestor).unwrap()), expected, "{name} {ancestor}");
        };
        check("Age", "Quantity", true);
        check("Patient", "Resource", true);
        check("Patient.contact", "Element", true);
        check("Bundle", "DomainResource", false);
        check("Quantity", "Age", false);
    }

    #[test]
    fn members_are_found_under_their_json_names() {
        let patient = resource(ResourceType::PATIENT).unwrap();
        for (key, name, choice) in [
            ("deceasedBoolean", "deceased", true),
            ("deceasedDateTime", "deceased", true),
            ("name", "name", false),
            ("contained", "contained", false),
            ("text", "text", false),
        ] {
            let (element, _) = patient.member(key).unwrap();
            assert_eq!((element.name, element.choice), (name, choice));
        }
        for unknown in ["deceased", "deceasedString", "resourceType", "value", "namee"] {
            assert!(patient.member(unknown).is_none(), "{unknown}");
        }
        let extension = by_name("Extension").unwrap();
        for key in ["valueQuantity", "valueReference", "valueMarkdown", "valueDosage", "url"] {
            assert!(extension.member(key).is_some(), "{key}");
        }
        assert!(by_name("Observation.component").unwrap().member("referenceRange").is_some());
        assert!(by_name("Meta").unwrap().member("project").is_none());
        // Elements of later releases, which the package's snapshots carry.
        for (name, later) in [
            ("Binary", "url"),
            ("DeviceDefinition", "classification"),
            ("ObservationDefinition", "publisher"),
            ("ResearchStudy", "progressStatus"),
            ("EvidenceVariable.characteristic", "definitionByTypeAndValue"),
        ] {
            assert!(by_name(name).unwrap().member(later).is_none(), "{name}.{later}");
        }
        assert!(by_name("EvidenceVariable.characteristic").unwrap().member("definitionReference").is_some());
    }
}
