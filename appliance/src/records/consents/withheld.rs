//! What consents withhold from one caller: as a condition for the index, and for one record.

use std::collections::BTreeSet;
use std::sync::Arc;

use clinicvault_gateway::fhir::audit::{ACCOUNT, BOX, CLIENT};
use clinicvault_gateway::fhir::compartment;
use clinicvault_gateway::fhir::consent::Asking;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Context, Criterion, Node, Term, params, reference};
use clinicvault_vault::Vault;

use super::super::access::{Actor, Op, Purpose, Subject, Who};
use super::super::error::Error;
use super::Consents;
use super::book::{Book, Kept, Name};

/// What consents withhold from one caller, for the length of one request.
#[derive(Debug)]
pub struct Withheld {
    book: Arc<Book>,
    /// Names of the caller.
    own: Vec<Name>,
    person: bool,
    /// Without a permit nothing of a patient is given.
    needed: bool,
    /// Patients whose records are open in an emergency.
    open: BTreeSet<String>,
}

impl Consents {
    /// What is withheld from a caller; none when consents are not asked for this one.
    pub fn withheld(&self, vault: &Vault, who: &Actor, context: &Context) -> Result<Option<Withheld>, Error> {
        let name = |system: &str, value: &str| (system.to_owned(), value.to_owned());
        let (person, mut own) = match &who.who {
            Who::Person { .. } => (true, vec![name(ACCOUNT, &who.id)]),
            Who::App { .. } => {
                let program = who.source.rsplit(' ').next().unwrap_or_default();
                (false, vec![name(ACCOUNT, &who.id), name(CLIENT, program)])
            }
            Who::Machine { .. } => (false, vec![name(CLIENT, &who.id)]),
            // Patients reach no FHIR: what their own screens show is chosen there.
            Who::Patient { .. } | Who::Sender | Who::Operator => return Ok(None),
        };
        let book = self.book(vault, &context.zone)?;
        let needed = !person && self.is_needed();
        if book.is_empty() && !needed {
            return Ok(None);
        }
        if !matches!(who.who, Who::Machine { .. }) {
            own.push(name(BOX, vault.clinic_id()));
        }
        let open = if person { self.open_to(&who.id, context.now) } else { BTreeSet::new() };
        Ok(Some(Withheld { book, own, person, needed, open }))
    }
}

impl Withheld {
    /// Whether consents are asked before `op` on a record of `kind`.
    pub fn concerns(&self, op: Op, kind: ResourceType) -> bool {
        // What a patient says about consent can be read and ended by whoever looks after it; so can the trail by people.
        op != Op::Create
            && kind != ResourceType::CONSENT
            && !(self.person && kind == ResourceType::AUDIT_EVENT)
            && compartment::codes(ResourceType::PATIENT, kind).is_some()
    }

    /// Whether what is within reach of this caller depends on terms that an index of an older program may lack.
    pub fn trusts_terms(&self) -> bool {
        !self.person
    }

    /// What of `kind` is given, for the index; none when nothing is withheld.
    pub fn given(&self, op: Op, kind: ResourceType, context: &Context) -> Option<Node> {
        let denied = gathered(self.book.all().filter(|kept| !self.is_open(kept)).filter_map(|kept| {
            self.ask(kept, op, kind, context, |rule, asking| rule.denied(kind, asking, context))
        }));
        let mut parts = Vec::new();
        if !denied.is_empty() {
            parts.push(Node::Not(Box::new(Node::Any(denied))));
        }
        if self.needed {
            let permitted = self.book.all().filter_map(|kept| {
                self.ask(kept, op, kind, context, |rule, asking| rule.permitted(kind, asking, context))
            });
            let mut given = gathered(permitted);
            let member = compartment::membership_of_any(ResourceType::PATIENT, kind);
            given.extend(member.map(|member| Node::Not(Box::new(Node::Is(member)))));
            parts.push(Node::Any(given));
        }
        (!parts.is_empty()).then_some(Node::All(parts))
    }

    /// Whether a record with these terms is withheld.
    pub fn withholds(&self, op: Op, kind: ResourceType, terms: &[Term], context: &Context) -> bool {
        let patients = patients_of(kind, terms);
        let rules = || patients.iter().flat_map(|id| self.book.of_patient(id));
        let holds = |node: Option<Node>| node.is_some_and(|node| node.holds(terms).unwrap_or(false));
        let denied = rules().filter(|kept| !self.is_open(kept)).any(|kept| {
            holds(self.ask(kept, op, kind, context, |rule, asking| rule.denied(kind, asking, context)))
        });
        let permitted = || {
            rules().any(|kept| {
                holds(self.ask(kept, op, kind, context, |rule, asking| rule.permitted(kind, asking, context)))
            })
        };
        denied || (self.needed && !patients.is_empty() && !permitted())
    }

    /// Whether any consent in force is of this patient.
    pub fn knows(&self, patient: &str) -> bool {
        self.book.of_patient(patient).next().is_some()
    }

    fn is_open(&self, kept: &Kept) -> bool {
        self.open.contains(kept.rule.patient().as_str())
    }

    fn ask<T>(
        &self,
        kept: &Kept,
        op: Op,
        kind: ResourceType,
        context: &Context,
        question: impl FnOnce(&clinicvault_gateway::fhir::consent::Rule, &Asking<'_>) -> T,
    ) -> T {
        let purpose = match op {
            Op::Export => Some(Purpose::Operations.code()),
            // A program does not say what it is for.
            _ if !self.person => None,
            Op::Create | Op::Read | Op::History | Op::Update | Op::Delete | Op::Search => {
                Some(Subject::of_type(kind.as_str(), false).area().purpose().code())
            }
        };
        let actions: &[&str] = match (op, self.person) {
            (Op::Update | Op::Delete, _) => &["access", "use", "correct"],
            (Op::Export, _) => &["access", "disclose"],
            (_, true) => &["access", "use"],
            (_, false) => &["access", "use", "disclose"],
        };
        let is = |party: &clinicvault_gateway::fhir::consent::Party| kept.is(party, &self.own);
        let careful = !self.person || op == Op::Export;
        question(&kept.rule, &Asking { careful, purpose, actions, now: context.now, is: &is })
    }
}

/// Conditions as alternatives; those that only name a patient become one.
fn gathered(nodes: impl Iterator<Item = Node>) -> Vec<Node> {
    let (mut whole, mut rest): (Option<Criterion>, Vec<Node>) = (None, Vec::new());
    for node in nodes {
        match (node, &mut whole) {
            (Node::Is(criterion), Some(whole)) if !criterion.negate => {
                whole.alternatives.extend(criterion.alternatives);
            }
            (Node::Is(criterion), none @ None) if !criterion.negate => *none = Some(criterion),
            (node, _) => rest.push(node),
        }
    }
    rest.extend(whole.map(Node::Is));
    rest
}

/// The patients in whose compartments a record with these terms lies.
fn patients_of(kind: ResourceType, terms: &[Term]) -> BTreeSet<&str> {
    let codes = compartment::codes(ResourceType::PATIENT, kind).unwrap_or_default();
    let linked = codes.iter().filter_map(|code| params::find(kind, code));
    let numbers: Vec<u16> = linked.flat_map(|param| param.stored()).map(|asked| asked.number).collect();
    let named = terms.iter().filter(|term| numbers.contains(&term.param)).filter_map(|term| {
        reference::record_of(&term.value).filter(|(of, _)| *of == ResourceType::PATIENT).map(|(_, id)| id)
    });
    let own = terms.iter().filter(|term| kind == ResourceType::PATIENT && term.param == params::ID);
    let own = own.filter_map(|term| std::str::from_utf8(term.value.strip_suffix(&[0])?).ok());
    named.chain(own).collect()
}
