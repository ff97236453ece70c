//! From a rule and an asker to conditions on records.
//!
//! Each part of a provision is known twice: as what fits at the most and what fits for certain. A deny is taken at the most
//! and a permit for certain when the asker has to be careful, the other way round otherwise; so what cannot be judged always
//! falls on the same side, however deep provisions lie within each other.

use super::{Asking, Code, Data, Effect, Provision, Rule};
use crate::fhir::compartment;
use crate::fhir::id::ResourceType;
use crate::fhir::search::{Context, Handling, Node, params, query};

const ACTIONS: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const PURPOSES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const TYPES: [&str; 2] = ["http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types"];
/// Parameters by which a record says what it is about.
const CODES: [&str; 3] = ["code", "vaccine-code", "type"];
/// What lies under a purpose (HL7 v3 ActReason, PurposeOfUse), as far as anybody asks for it here.
const UNDER: [(&str, &[&str]); 2] = [("TREAT", &["ETREAT", "BTG"]), ("ETREAT", &["BTG"])];

impl Rule {
    /// What of `kind` is denied; none when nothing is, whatever a record says.
    pub fn denied(&self, kind: ResourceType, asking: &Asking<'_>, context: &Context) -> Option<Node> {
        self.of(kind, asking, context, Effect::Deny)
    }

    /// What of `kind` is permitted; none when nothing is, whatever a record says.
    pub fn permitted(&self, kind: ResourceType, asking: &Asking<'_>, context: &Context) -> Option<Node> {
        self.of(kind, asking, context, Effect::Permit)
    }

    fn of(&self, kind: ResourceType, asking: &Asking<'_>, context: &Context, wanted: Effect) -> Option<Node> {
        let member = compartment::membership(ResourceType::PATIENT, &self.patient, kind)?;
        let compiler = Compiler { kind, asking, context };
        let (denied, permitted) = compiler.sets(&self.root, self.root.effect.or(self.base));
        let set = if wanted == Effect::Deny { denied } else { permitted };
        let whole = all([Node::Is(member), set]);
        (whole != NEVER).then_some(whole)
    }
}

const ALWAYS: Node = Node::All(Vec::new());
const NEVER: Node = Node::Any(Vec::new());

/// All of them, without what says nothing.
fn all(nodes: impl IntoIterator<Item = Node>) -> Node {
    let mut kept = Vec::new();
    for node in nodes {
        match node {
            Node::Any(none) if none.is_empty() => return NEVER,
            Node::All(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        1 => kept.pop().unwrap_or(ALWAYS),
        _ => Node::All(kept),
    }
}

/// Any of them, without what never holds.
fn any(nodes: impl IntoIterator<Item = Node>) -> Node {
    let mut kept = Vec::new();
    for node in nodes {
        match node {
            Node::All(none) if none.is_empty() => return ALWAYS,
            Node::Any(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        1 => kept.pop().unwrap_or(NEVER),
        _ => Node::Any(kept),
    }
}

fn not(node: Node) -> Node {
    match node {
        Node::All(none) if none.is_empty() => NEVER,
        Node::Any(none) if none.is_empty() => ALWAYS,
        other => Node::Not(Box::new(other)),
    }
}

/// What fits at the most, and for certain.
struct Fit {
    most: Node,
    certain: Node,
}

impl Fit {
    fn same(node: Node) -> Self {
        Self { most: node.clone(), certain: node }
    }

    fn known(known: Option<bool>) -> Self {
        let node = |fits: bool| if fits { ALWAYS } else { NEVER };
        Self { most: node(known.unwrap_or(true)), certain: node(known.unwrap_or(false)) }
    }

    /// Any of a list; an empty one narrows nothing.
    fn any_of(fits: Vec<Self>) -> Self {
        if fits.is_empty() {
            return Self::same(ALWAYS);
        }
        let (most, certain): (Vec<_>, Vec<_>) = fits.into_iter().map(|fit| (fit.most, fit.certain)).unzip();
        Self { most: any(most), certain: any(certain) }
    }
}

struct Compiler<'a> {
    kind: ResourceType,
    asking: &'a Asking<'a>,
    context: &'a Context,
}

impl Compiler<'_> {
    /// What a provision and those within it deny and permit. Of those within, a deny wins; both win over the provision
    /// itself.
    fn sets(&self, provision: &Provision, effect: Option<Effect>) -> (Node, Node) {
        let fit = self.fit(provision);
        let (mut denied, mut permitted) = (Vec::new(), Vec::new());
        for (deny, permit) in provision.nested.iter().map(|nested| self.sets(nested, nested.effect)) {
            denied.push(deny);
            permitted.push(permit);
        }
        let (denied, permitted) = (any(denied), any(permitted));
        let (for_deny, for_permit) =
            if self.asking.careful { (fit.most, fit.certain) } else { (fit.certain, fit.most) };
        let own = |wanted: Effect| if effect == Some(wanted) { ALWAYS } else { NEVER };
        let deny = all([for_deny, any([denied.clone(), all([own(Effect::Deny), not(permitted.clone())])])]);
        let permit = all([for_permit, not(denied), any([permitted, own(Effect::Permit)])]);
        (deny, permit)
    }

    fn fit(&self, provision: &Provision) -> Fit {
        let asking = self.asking;
        let now = asking.now.as_microsecond();
        let each = |codes: &[Code], judge: &dyn Fn(&Code) -> Option<bool>| {
            Fit::any_of(codes.iter().map(|code| Fit::known(judge(code))).collect())
        };
        let parts = [
            Fit::known(if provision.unclear { None } else { Some(true) }),
            Fit::known(Some(provision.period.is_none_or(|period| period.low <= now && now < period.high))),
            Fit::any_of(provision.parties.iter().map(|party| Fit::known((asking.is)(party))).collect()),
            each(&provision.actions, &|code| {
                known(code, &[ACTIONS]).map(|code| asking.actions.contains(&code))
            }),
            each(&provision.purposes, &|code| {
                let (code, asked) = (known(code, &[PURPOSES])?, asking.purpose?);
                let under = UNDER.iter().find(|(over, _)| *over == code).map(|(_, under)| *under);
                Some(code == asked || under.unwrap_or_default().contains(&asked))
            }),
            each(&provision.classes, &|code| known(code, &TYPES).map(|code| code == self.kind.as_str())),
            self.labels(&provision.labels),
            self.codes(&provision.codes),
            self.data_period(provision.data_period.as_ref()),
            Fit::any_of(provision.data.iter().map(|data| self.data(data)).collect()),
        ];
        let (most, certain): (Vec<_>, Vec<_>) = parts.into_iter().map(|fit| (fit.most, fit.certain)).unzip();
        Fit { most: all(most), certain: all(certain) }
    }

    /// The criteria of a query of one parameter; none when the type does not have it or the value cannot be asked.
    fn asked(&self, name: &str, value: String) -> Option<Node> {
        let pairs = [(name.to_owned(), value)];
        let search = query::parse(self.kind, &pairs, Handling::Strict, self.context).ok()?;
        Some(search.condition()).filter(|_| search.is_conditional())
    }

    /// Labels of one rule are parts of one label: for certain it fits a record that bears all of them.
    fn labels(&self, labels: &[Code]) -> Fit {
        let node = |code: &Code| self.asked("_security", token(code)?);
        let nodes: Vec<Option<Node>> = labels.iter().map(node).collect();
        if labels.is_empty() {
            return Fit::same(ALWAYS);
        }
        let most = any(nodes.iter().map(|node| node.clone().unwrap_or(ALWAYS)));
        Fit { most, certain: all(nodes.into_iter().map(|node| node.unwrap_or(NEVER))) }
    }

    fn codes(&self, codes: &[Code]) -> Fit {
        let names = || CODES.iter().filter(|name| params::find(self.kind, name).is_some());
        Fit::any_of(
            codes
                .iter()
                .map(|code| match token(code) {
                    None => Fit::known(None),
                    Some(token) => Fit::same(any(names().filter_map(|name| self.asked(name, token.clone())))),
                })
                .collect(),
        )
    }

    /// A record that bears no date may be of then.
    fn data_period(&self, period: Option<&(Option<String>, Option<String>)>) -> Fit {
        let Some((start, end)) = period else { return Fit::same(ALWAYS) };
        if params::find(self.kind, "date").is_none() {
            return Fit::known(None);
        }
        let mut parts = Vec::new();
        for (prefix, date) in [("ge", start), ("le", end)] {
            if let Some(date) = date {
                parts.push(self.asked("date", format!("{prefix}{date}")));
            }
        }
        let certain = all(parts.into_iter().map(|part| part.unwrap_or(NEVER)));
        let undated = self.asked("date:missing", "true".to_owned()).unwrap_or(NEVER);
        Fit { most: any([certain.clone(), undated]), certain }
    }

    fn data(&self, data: &Data) -> Fit {
        let Some((kind, id)) = &data.record else { return Fit::known(None) };
        let own = if *kind == self.kind { self.asked("_id", id.as_str().to_owned()) } else { None };
        let certain = own.unwrap_or(NEVER);
        let most = if data.alone { certain.clone() } else { ALWAYS };
        Fit { most, certain }
    }
}

/// A code of one of these systems, or of none; none when it is of another.
fn known<'a>(code: &'a Code, systems: &[&str]) -> Option<&'a str> {
    let fits = code.system.as_deref().is_none_or(|system| systems.contains(&system));
    code.code.as_deref().filter(|_| fits)
}

/// A code as a search names it.
fn token(code: &Code) -> Option<String> {
    let escape = |text: &str| {
        let special = |c: char| matches!(c, '\\' | ',' | '|' | '$');
        text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect::<String>()
    };
    let value = escape(code.code.as_deref()?);
    Some(match &code.system {
        Some(system) => format!("{}|{value}", escape(system)),
        None => value,
    })
}
