//! Reading a Consent. The resource was checked when it was stored; what is missing here was missing there.

use jiff::tz::TimeZone;

use super::{Code, Data, Effect, Party, Provision, Rule};
use crate::fhir::datetime::{Moment, Span};
use crate::fhir::id::{LogicalId, Reference};
use crate::json::Value;

/// Provisions within provisions that are read; what lies deeper makes its provision unclear.
const DEEPEST: usize = 8;
/// Provisions of one consent that are read.
const MOST: usize = 500;

impl Rule {
    /// The rule of a Consent of this patient: none unless it is active and about privacy. `bases` are the addresses of the
    /// box, `zone` is for dates without one.
    pub fn read(json: &Value, patient: &LogicalId, bases: &[&str], zone: &TimeZone) -> Option<Self> {
        let is_consent = json.str("resourceType") == Some("Consent") && json.str("status") == Some("active");
        let privacy = json.get("scope").is_some_and(|scope| {
            scope.items("coding").iter().any(|coding| coding.str("code") == Some("patient-privacy"))
        });
        if !is_consent || !privacy {
            return None;
        }
        let policy = json.get("policyRule").map(|rule| rule.items("coding")).unwrap_or_default();
        let says = |code: &str| policy.iter().any(|coding| coding.str("code") == Some(code));
        let base = match (says("OPTOUT"), says("OPTIN")) {
            (true, _) => Some(Effect::Deny),
            (false, true) => Some(Effect::Permit),
            (false, false) => None,
        };
        let mut left = MOST;
        let reader = Reader { bases, zone };
        let root = json.get("provision").map(|root| reader.provision(root, DEEPEST, &mut left));
        Some(Self { patient: patient.clone(), base, root: root.unwrap_or_default() })
    }
}

struct Reader<'a> {
    bases: &'a [&'a str],
    zone: &'a TimeZone,
}

impl Reader<'_> {
    fn provision(&self, json: &Value, deep: usize, left: &mut usize) -> Provision {
        *left = left.saturating_sub(1);
        let mut nested = Vec::new();
        let mut unclear = json.get("modifierExtension").is_some();
        for each in json.items("provision") {
            if deep == 0 || *left == 0 {
                unclear = true;
                break;
            }
            nested.push(self.provision(each, deep - 1, left));
        }
        let (period, misread) = self.period(json.get("period"));
        unclear |= misread;
        Provision {
            effect: match json.str("type") {
                Some("deny") => Some(Effect::Deny),
                Some("permit") => Some(Effect::Permit),
                Some(_) | None => None,
            },
            period,
            parties: json.items("actor").iter().map(party).collect(),
            actions: json.items("action").iter().flat_map(concept).collect(),
            labels: json.items("securityLabel").iter().map(coding).collect(),
            purposes: json.items("purpose").iter().map(coding).collect(),
            classes: json.items("class").iter().map(coding).collect(),
            codes: json.items("code").iter().flat_map(concept).collect(),
            data_period: json.get("dataPeriod").map(|period| {
                let end = |name: &str| period.str(name).map(str::to_owned);
                (end("start"), end("end"))
            }),
            data: json.items("data").iter().map(|data| self.data(data)).collect(),
            unclear,
            nested,
        }
    }

    /// A period, and whether a part of it cannot be read.
    fn period(&self, json: Option<&Value>) -> (Option<Span>, bool) {
        let Some(json) = json else { return (None, false) };
        let at = |name: &str| json.str(name).map(|text| Moment::lenient(text).map(|m| m.span(self.zone)));
        let (start, end) = (at("start"), at("end"));
        let misread = matches!(start, Some(None)) || matches!(end, Some(None));
        let low = start.flatten().map_or(i64::MIN, |span| span.low);
        let high = end.flatten().map_or(i64::MAX, |span| span.high);
        (Some(Span { low, high }), misread)
    }

    fn data(&self, json: &Value) -> Data {
        let reference = json.get("reference").and_then(|reference| reference.str("reference"));
        let reference = reference.and_then(Reference::parse);
        let record = reference.as_ref().and_then(|reference| reference.local(self.bases));
        let record = record.map(|(kind, id)| (kind, id.clone()));
        Data { record, alone: json.str("meaning") == Some("instance") }
    }
}

fn party(json: &Value) -> Party {
    let Some(reference) = json.get("reference") else { return Party::default() };
    let identifier = reference.get("identifier").and_then(|identifier| {
        Some((identifier.str("system").unwrap_or_default().to_owned(), identifier.str("value")?.to_owned()))
    });
    Party { reference: reference.str("reference").map(str::to_owned), identifier }
}

fn coding(json: &Value) -> Code {
    Code { system: json.str("system").map(str::to_owned), code: json.str("code").map(str::to_owned) }
}

fn concept(json: &Value) -> Vec<Code> {
    match json.items("coding") {
        [] => vec![Code { system: None, code: None }],
        codings => codings.iter().map(coding).collect(),
    }
}
