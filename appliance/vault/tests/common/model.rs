//! A plain model of a vault, and random units of work that do the same to both.

use super::chance::Chance;
use super::{KIND, leaf, patient, term};
use clinicvault_vault::*;
use std::collections::BTreeMap;

/// One change.
#[derive(Clone, Debug)]
pub enum Step {
    Put { id: String, body: Vec<u8>, terms: Vec<String> },
    Remove { id: String },
    DocPut { key: Vec<u8>, body: Vec<u8> },
    DocDelete { key: Vec<u8> },
    Enqueue { state: u8, body: Vec<u8> },
    QueueSet { seq: u64, state: u8 },
    Remember { scope: Vec<u8>, answer: Vec<u8> },
}

/// One unit of work; `refuse` says no at the end.
#[derive(Clone, Debug)]
pub struct Plan {
    pub number: u64,
    pub steps: Vec<Step>,
    pub refuse: bool,
}

/// A record in the model: its versions, `None` for a delete, and the terms of the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub versions: Vec<Option<Vec<u8>>>,
    pub terms: Vec<String>,
}

/// What the vault must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub tx: u64,
    pub units: Vec<u64>,
    pub records: BTreeMap<String, Record>,
    pub docs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub queue: BTreeMap<u64, (u8, Vec<u8>)>,
    pub answers: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn bytes(chance: &mut Chance) -> Vec<u8> {
    let len = match chance.below(10) {
        0 => 0,
        1 => 3000 + chance.below(9000),
        _ => chance.below(900),
    };
    let tag = chance.next();
    (0..len).map(|i| (tag >> (i % 8)) as u8 ^ i as u8).collect()
}

/// A random unit that makes sense after `model`.
pub fn plan(chance: &mut Chance, number: u64, model: &Model) -> Plan {
    let steps = (0..1 + chance.below(4))
        .map(|_| match chance.below(12) {
            0..=4 => Step::Put {
                id: format!("r{}", chance.below(14)),
                body: bytes(chance),
                terms: (0..chance.below(5)).map(|_| format!("t{}", chance.below(9))).collect(),
            },
            5 => Step::Remove { id: format!("r{}", chance.below(14)) },
            6 | 7 => Step::DocPut { key: format!("d{}", chance.below(6)).into_bytes(), body: bytes(chance) },
            8 => Step::DocDelete { key: format!("d{}", chance.below(6)).into_bytes() },
            9 => Step::Enqueue { state: chance.below(3) as u8, body: bytes(chance) },
            10 => {
                let known: Vec<_> = model.queue.keys().copied().collect();
                match known.get(chance.below(known.len())) {
                    Some(seq) => Step::QueueSet { seq: *seq, state: chance.below(4) as u8 },
                    None => Step::Enqueue { state: 0, body: bytes(chance) },
                }
            }
            _ => {
                Step::Remember { scope: format!("s{}", chance.below(5)).into_bytes(), answer: bytes(chance) }
            }
        })
        .collect();
    Plan { number, steps, refuse: chance.one_in(8) }
}

impl Model {
    /// What a plan does to the model.
    pub fn apply(&mut self, plan: &Plan) {
        if plan.refuse {
            return;
        }
        self.tx += 1;
        self.units.push(plan.number);
        for step in &plan.steps {
            match step.clone() {
                Step::Put { id, body, mut terms } => {
                    terms.sort();
                    terms.dedup();
                    let record = self.records.entry(id).or_default();
                    record.versions.push(Some(body));
                    record.terms = terms;
                }
                Step::Remove { id } => {
                    if let Some(record) = self.records.get_mut(&id)
                        && record.versions.last().is_some_and(Option::is_some)
                    {
                        record.versions.push(None);
                        record.terms.clear();
                    }
                }
                Step::DocPut { key, body } => drop(self.docs.insert(key, body)),
                Step::DocDelete { key } => drop(self.docs.remove(&key)),
                Step::Enqueue { state, body } => {
                    let seq = self.queue.keys().last().copied().unwrap_or(0) + 1;
                    self.queue.insert(seq, (state, body));
                }
                Step::QueueSet { seq, state } => {
                    if let Some(row) = self.queue.get_mut(&seq) {
                        row.0 = state;
                    }
                }
                Step::Remember { scope, answer } => drop(self.answers.insert(scope, answer)),
            }
        }
    }
}

/// What a plan does to a vault.
pub fn run(unit: &mut Unit<'_>, plan: &Plan) -> Result<(), UnitError> {
    let mut line = leaf(Action::Update);
    line.purpose = plan.number.to_string();
    line.owner = Some("r1".into());
    line.detail = plan.number.is_multiple_of(3).then(|| b"some detail".to_vec());
    unit.audit(line)?;
    for step in &plan.steps {
        match step {
            Step::Put { id, body, terms } => {
                let terms: Vec<_> = terms.iter().map(|text| term(1, text)).collect();
                unit.put(Put { kind: KIND, id, owner: patient(id), body, terms: &terms })?;
            }
            Step::Remove { id } => match unit.remove(KIND, id) {
                Ok(_) | Err(UnitError::Missing(_)) => {}
                Err(error) => return Err(error),
            },
            Step::DocPut { key, body } => unit.doc_put(4, key, body)?,
            Step::DocDelete { key } => drop(unit.doc_delete(4, key)?),
            Step::Enqueue { state, body } => {
                let row = QueueRow {
                    partition: String::new(),
                    state: *state,
                    due: None,
                    body: body.clone(),
                    ref_key: b"ref".to_vec(),
                };
                unit.enqueue(1, &row)?;
            }
            Step::QueueSet { seq, state } => match unit.queue_set(1, *seq, *state, None, None) {
                Ok(()) | Err(UnitError::Missing(_)) => {}
                Err(error) => return Err(error),
            },
            Step::Remember { scope, answer } => {
                unit.remember(scope, unit.now() + jiff::SignedDuration::from_hours(9), answer)?;
            }
        }
    }
    if plan.refuse { Err(UnitError::Invalid("planned")) } else { Ok(()) }
}

/// Reads a whole vault back into a model. The audit log must name every unit once.
pub fn read(vault: &Vault) -> Result<Model, ReadError> {
    let s = vault.snapshot()?;
    let mut model = Model { tx: s.tx().0, ..Model::default() };
    for line in s.audit(0, usize::MAX)? {
        if let Ok(number) = line.leaf.purpose.parse() {
            model.units.push(number);
        }
    }
    let mut rid = 1;
    while let Some(head) = s.head_of(Rid(rid))? {
        assert_eq!(s.head(KIND, &head.id)?.as_ref(), Some(&head));
        let mut versions = s.versions(head.rid, None, usize::MAX)?;
        versions.reverse();
        assert!(versions.iter().enumerate().all(|(at, head)| head.version == at as u64 + 1));
        let record = model.records.entry(head.id.clone()).or_default();
        for head in &versions {
            record.versions.push(if head.deleted { None } else { Some(s.body(head)?.to_vec()) });
        }
        rid += 1;
    }
    for found in s.scan(KIND, &TermRange::all(1), Dir::Ascending, s.tx())? {
        let (value, rid) = found?;
        let id = s.head_of(rid)?.expect("a term of no record").id;
        let text = String::from_utf8_lossy(&value[..value.len() - 1]).into_owned();
        model.records.get_mut(&id).expect("a term of no record").terms.push(text);
    }
    let live = model.records.values().filter(|record| record.versions.last().is_some_and(Option::is_some));
    assert_eq!(s.count(KIND)?, live.count() as u64);
    for (key, body) in s.doc_scan(4, b"", usize::MAX)? {
        model.docs.insert(key, body.to_vec());
    }
    let mut counts = BTreeMap::new();
    for item in s.queue_newest(1, None, None, usize::MAX)? {
        *counts.entry(item.row.state).or_insert(0) += 1;
        model.queue.insert(item.seq, (item.row.state, item.row.body));
    }
    assert_eq!(s.queue_counts(1)?, counts);
    assert_eq!(s.queue_by_ref(1, b"ref", usize::MAX)?.len(), model.queue.len());
    for scope in 0..5 {
        let scope = format!("s{scope}").into_bytes();
        if let Some(answer) = s.recall(&scope)? {
            model.answers.insert(scope, answer.to_vec());
        }
    }
    Ok(model)
}
