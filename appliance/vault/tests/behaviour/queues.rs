//! Rows of queues found by their terms, and what lies beside them.

use crate::common::chance::Chance;
use crate::common::*;
use clinicvault_vault::*;
use std::collections::BTreeMap;

const QUEUE: u8 = 1;

/// What a naive reader keeps of the rows: state and terms by number.
type Naive = BTreeMap<u64, (u8, Vec<QueueTerm>)>;

fn said(field: u8, value: &str) -> QueueTerm {
    QueueTerm { field, value: value.as_bytes().to_vec() }
}

fn row(state: u8) -> QueueRow {
    QueueRow { partition: "lab".into(), state, due: None, body: b"facts".to_vec(), ref_key: Vec::new() }
}

fn any_term(dice: &mut Chance) -> QueueTerm {
    let values = ["a", "ab", "abc", "b", "ORU^R01", "\u{1}"];
    said(1 + dice.below(3) as u8, values[dice.below(values.len())])
}

fn any_terms(dice: &mut Chance) -> Vec<QueueTerm> {
    let mut terms: Vec<_> = (0..dice.below(5)).map(|_| any_term(dice)).collect();
    terms.sort();
    terms.dedup();
    terms
}

fn holds(range: &QueueRange, (state, terms): &(u8, Vec<QueueTerm>)) -> bool {
    match range {
        QueueRange::State(wanted) => state == wanted,
        QueueRange::Any(any) => any.iter().any(|term| terms.contains(term)),
    }
}

/// Asks again and again below what was reached, until the queue is done.
fn walk(s: &Snapshot, ask: &QueueAsk) -> (Vec<u64>, usize) {
    let (mut rows, mut asks, mut below) = (Vec::new(), 0, ask.below);
    loop {
        let found = s.queue_find(&QueueAsk { below, ..ask.clone() }).unwrap();
        assert!(found.rows.len() <= ask.limit);
        rows.extend(found.rows);
        asks += 1;
        match found.next {
            Some(next) => below = Some(next),
            None => return (rows, asks),
        }
    }
}

#[test]
fn rows_are_found_by_their_terms_as_a_naive_reader_finds_them() {
    let mut f = fixture();
    let mut dice = Chance(20_260);
    let mut naive = Naive::new();
    for round in 0..60 {
        let rows: Vec<_> = (0..8).map(|_| (dice.below(3) as u8, any_terms(&mut dice))).collect();
        let old: Vec<u64> = naive.keys().copied().filter(|_| dice.one_in(12)).collect();
        let changes: Vec<_> =
            old.iter().map(|seq| (*seq, dice.below(3) as u8, any_terms(&mut dice))).collect();
        let (new, changed) = (rows.clone(), changes.clone());
        let (seqs, _) = f
            .vault
            .write(move |unit| {
                unit.audit(leaf(Action::MessageIn))?;
                unit.enqueue(2, &row(0))?;
                for (seq, state, terms) in &changed {
                    unit.queue_set(QUEUE, *seq, *state, None, None)?;
                    unit.queue_terms_set(QUEUE, *seq, terms)?;
                }
                new.iter()
                    .map(|(state, terms)| {
                        let seq = unit.enqueue(QUEUE, &row(*state))?;
                        unit.queue_terms_set(QUEUE, seq, terms)?;
                        Ok(seq)
                    })
                    .collect::<Result<Vec<_>, UnitError>>()
            })
            .unwrap();
        naive.extend(changes.into_iter().map(|(seq, state, terms)| (seq, (state, terms))));
        naive.extend(seqs.into_iter().zip(rows));
        if round % 20 == 19 {
            f.reopen();
        }
        let s = f.vault.snapshot().unwrap();
        for _ in 0..20 {
            let mut any_range = || match dice.below(4) {
                0 => QueueRange::State(dice.below(3) as u8),
                1 => QueueRange::Any(any_terms(&mut dice)),
                _ => QueueRange::Any(vec![any_term(&mut dice)]),
            };
            let all: Vec<_> = (0..round % 4).map(|_| any_range()).collect();
            let top = naive.keys().last().copied().unwrap_or(0);
            let edge = |dice: &mut Chance| dice.one_in(2).then(|| dice.below(top as usize + 2) as u64);
            let ask = QueueAsk {
                queue: QUEUE,
                all,
                below: edge(&mut dice),
                from: edge(&mut dice),
                limit: 1 + dice.below(9),
                steps: 1 + dice.below(40),
            };
            let expected: Vec<u64> = naive
                .iter()
                .rev()
                .filter(|(seq, row)| {
                    ask.below.is_none_or(|below| **seq < below)
                        && ask.from.is_none_or(|from| **seq >= from)
                        && ask.all.iter().all(|range| holds(range, row))
                })
                .map(|(seq, _)| *seq)
                .collect();
            assert_eq!(walk(&s, &ask).0, expected, "{ask:?}");
        }
    }
    assert!(f.vault.verify(&mut |_| ()).unwrap().is_sound());
}

#[test]
fn two_lists_that_never_meet_end_after_their_share_and_go_on_below() {
    let f = fixture();
    f.vault
        .write(move |unit| {
            unit.audit(leaf(Action::MessageIn))?;
            for n in 0..2_000 {
                let seq = unit.enqueue(QUEUE, &row(0))?;
                unit.queue_terms_set(QUEUE, seq, &[said(1, if n % 2 == 0 { "even" } else { "odd" })])?;
            }
            Ok::<_, UnitError>(())
        })
        .unwrap();
    let s = f.vault.snapshot().unwrap();
    let all = vec![QueueRange::Any(vec![said(1, "even")]), QueueRange::Any(vec![said(1, "odd")])];
    let ask = QueueAsk { queue: QUEUE, all, below: None, from: None, limit: 10, steps: 20 };
    let (rows, asks) = walk(&s, &ask);
    assert!(rows.is_empty() && asks > 1, "{asks} questions");
    let one = QueueAsk { all: vec![QueueRange::Any(vec![said(1, "odd")])], limit: 2_000, ..ask };
    let (rows, asks) = walk(&s, &one);
    assert_eq!(rows.len(), 1_000);
    assert!(asks <= 2, "a list that is walked row by row is read ahead: {asks} questions");
}

#[test]
fn values_of_a_field_are_listed_by_their_beginning_and_span_numbers() {
    let f = fixture();
    let (seqs, _) = f
        .vault
        .write(move |unit| {
            unit.audit(leaf(Action::MessageIn))?;
            (0..300)
                .map(|n| {
                    let seq = unit.enqueue(QUEUE, &row(0))?;
                    unit.queue_terms_set(QUEUE, seq, &[said(1, &format!("w{:03}", n / 2)), said(2, "w1")])?;
                    Ok(seq)
                })
                .collect::<Result<Vec<_>, UnitError>>()
        })
        .unwrap();
    let s = f.vault.snapshot().unwrap();
    let values = |start: &str, most| s.queue_values(QUEUE, &said(1, start), most).unwrap();
    assert_eq!((values("w", 64).len(), values("w1", 64).len(), values("v", 64).len()), (64, 50, 0));
    assert_eq!(values("w14", 64)[..2], [b"w140".to_vec(), b"w141".to_vec()]);
    assert_eq!(s.queue_span(QUEUE, &said(1, "w010"), b"w019").unwrap(), Some((seqs[20], seqs[39])));
    assert_eq!(s.queue_span(QUEUE, &said(1, "x"), b"y").unwrap(), None);
}

#[test]
fn a_load_lies_beside_its_row_and_outlives_its_changes() {
    let mut f = fixture();
    let (seq, _) = f
        .vault
        .write(move |unit| {
            unit.audit(leaf(Action::MessageIn))?;
            let seq = unit.enqueue(QUEUE, &row(0))?;
            unit.queue_load_put(QUEUE, seq, b"MSH|^~\\&|")?;
            Ok::<_, UnitError>(seq)
        })
        .unwrap();
    f.vault
        .write(move |unit| {
            unit.audit(leaf(Action::MessageApplied))?;
            assert_eq!(unit.queue_load(QUEUE, seq)?.as_deref(), Some(b"MSH|^~\\&|".as_slice()));
            unit.queue_set(QUEUE, seq, 1, None, Some(b"more facts"))
        })
        .unwrap();
    f.reopen();
    let s = f.vault.snapshot().unwrap();
    assert_eq!(s.queue_get(QUEUE, seq).unwrap().unwrap().row.body, b"more facts");
    assert_eq!(s.queue_load(QUEUE, seq).unwrap().as_deref(), Some(b"MSH|^~\\&|".as_slice()));
    assert_eq!((s.queue_load(QUEUE, seq + 1).unwrap(), s.queue_load(2, seq).unwrap()), (None, None));
}

#[test]
fn terms_out_of_bounds_are_refused_whole() {
    let f = fixture();
    let long = "x".repeat(MAX_QUEUE_TERM + 1);
    let many: Vec<_> = (0..=MAX_QUEUE_TERMS).map(|n| said(1, &n.to_string())).collect();
    for terms in [vec![said(1, "")], vec![said(1, "a\0b")], vec![said(1, &long)], many] {
        let refused = f.vault.write(move |unit| {
            unit.audit(leaf(Action::MessageIn))?;
            let seq = unit.enqueue(QUEUE, &row(0))?;
            unit.queue_terms_set(QUEUE, seq, &terms)
        });
        assert!(matches!(refused, Err(Refused::Job(UnitError::TooLarge { .. }))));
    }
    assert!(f.vault.snapshot().unwrap().queue_newest(QUEUE, None, None, 9).unwrap().is_empty());
}
