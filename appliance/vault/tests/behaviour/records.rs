//! Records, versions, terms, the feed, documents, queues, answers and the audit log in ordinary use.

use crate::common::*;
use clinicvault_vault::audit::{Checkpoint, verify_inclusion, verify_log};
use clinicvault_vault::*;

#[test]
fn a_record_is_written_found_changed_deleted_and_every_version_stays() {
    let mut f = fixture();
    let (first, tx1) = put(&f.vault, "p1", "first body", &[term(1, "asha"), term(2, "1980")]);
    let (second, tx2) = put(&f.vault, "p1", "second body", &[term(1, "asha"), term(2, "1981")]);
    let (gone, tx3) = f
        .vault
        .write(|unit| {
            unit.audit(leaf(Action::Delete))?;
            unit.remove(KIND, "p1")
        })
        .unwrap();
    assert_eq!((tx1, tx2, tx3), (Tx(1), Tx(2), Tx(3)));
    assert_eq!((first.version, second.version, gone.version), (1, 2, 3));
    assert_eq!((first.rid, gone.deleted), (gone.rid, true));
    for _ in 0..2 {
        let s = f.vault.snapshot().unwrap();
        assert_eq!(s.tx(), tx3);
        assert_eq!(s.head(KIND, "p1").unwrap(), Some(gone.clone()));
        assert_eq!(s.head(KIND, "p2").unwrap(), None);
        assert_eq!(s.body(&first).unwrap().as_slice(), b"first body");
        assert_eq!(s.body(&second).unwrap().as_slice(), b"second body");
        assert!(s.body(&gone).unwrap().is_empty());
        let rid = first.rid;
        assert_eq!(s.versions(rid, None, 10).unwrap(), [gone.clone(), second.clone(), first.clone()]);
        assert_eq!(s.versions(rid, Some(3), 1).unwrap(), std::slice::from_ref(&second));
        assert_eq!(s.version(rid, 2).unwrap(), Some(second.clone()));
        assert_eq!(s.as_of(rid, Tx(0)).unwrap(), None);
        assert_eq!(s.as_of(rid, tx1).unwrap(), Some(first.clone()));
        assert_eq!(s.as_of(rid, tx2).unwrap(), Some(second.clone()));
        assert_eq!(s.as_of(rid, Tx(99)).unwrap(), Some(gone.clone()));
        assert_eq!(s.count(KIND).unwrap(), 0);
        let born = |year| TermRange::exact(2, term(2, year).value);
        assert_eq!(ids(&s, &born("1980"), tx1), ["p1"]);
        assert_eq!(ids(&s, &born("1980"), tx2), Vec::<String>::new());
        assert_eq!(ids(&s, &born("1981"), tx2), ["p1"]);
        assert_eq!(ids(&s, &TermRange::prefix(1, "as"), tx2), ["p1"]);
        assert_eq!(ids(&s, &TermRange::all(1), tx3), Vec::<String>::new());
        let log = s.log(Tx(0), 2).unwrap();
        assert_eq!(log.iter().map(|line| (line.tx, line.version)).collect::<Vec<_>>(), [(tx1, 1), (tx2, 2)]);
        assert!(s.log(tx2, 10).unwrap()[0].deleted);
        drop(s);
        f.reopen();
    }
    let report = f.vault.verify(&mut |_| ()).unwrap();
    assert!(report.is_sound(), "{:?}", report.listed);
    assert_eq!((report.versions, report.audit_lines), (3, 3));
    assert_eq!(f.vault.partial_blocks(), 0);
    assert!(f.vault.alarms().is_empty());
}

#[test]
fn a_unit_reads_its_own_changes_and_a_refused_one_leaves_nothing() {
    let f = fixture();
    put(&f.vault, "p1", "kept", &[term(1, "asha")]);
    let before = f.vault.snapshot().unwrap();
    let refused = f.vault.write(|unit| -> Result<(), &'static str> {
        let all = TermRange::all(1);
        unit.put(Put {
            kind: KIND,
            id: "p1",
            owner: patient("p1"),
            body: b"changed",
            terms: &[term(1, "bina")],
        })
        .unwrap();
        unit.put(Put {
            kind: KIND,
            id: "p9",
            owner: patient("p9"),
            body: b"new",
            terms: &[term(1, "chand")],
        })
        .unwrap();
        assert_eq!(unit.scan(KIND, &all, 10).unwrap().len(), 2);
        let head = unit.head(KIND, "p1").unwrap().unwrap();
        assert_eq!(unit.body(&head).unwrap().as_slice(), b"changed");
        unit.doc_put(1, b"key", b"doc").unwrap();
        unit.enqueue(1, &row(0, b"m1")).unwrap();
        unit.remember(b"scope", unit.now() + jiff::SignedDuration::from_hours(1), b"answer").unwrap();
        unit.audit(leaf(Action::Update)).unwrap();
        Err("no")
    });
    assert_eq!(refused, Err(Refused::Job("no")));
    let (_, tx) = put(&f.vault, "p2", "after", &[]);
    assert_eq!(tx, Tx(2), "a refused unit uses up no number");
    let s = f.vault.snapshot().unwrap();
    let head = s.head(KIND, "p1").unwrap().unwrap();
    assert_eq!((head.version, s.body(&head).unwrap().as_slice()), (1, b"kept".as_slice()));
    assert_eq!(s.head(KIND, "p9").unwrap(), None);
    assert_eq!(ids(&s, &TermRange::all(1), s.tx()), ["p1"]);
    assert_eq!(s.doc_get(1, b"key").unwrap(), None);
    assert!(s.queue_newest(1, None, None, 9).unwrap().is_empty() && s.queue_counts(1).unwrap().is_empty());
    assert_eq!(s.recall(b"scope").unwrap(), None);
    assert_eq!((s.audit_size(), before.audit_size(), s.count(KIND).unwrap()), (2, 1, 2));
    assert!(f.vault.verify(&mut |_| ()).unwrap().is_sound());
}

#[test]
fn a_change_without_an_audit_line_is_refused() {
    let f = fixture();
    let silent = f.vault.write(|unit| unit.doc_put(1, b"key", b"doc"));
    assert_eq!(silent, Err(Refused::NoAudit));
    assert_eq!(f.vault.snapshot().unwrap().doc_get(1, b"key").unwrap(), None);
    let nothing = f.vault.write(|unit| unit.doc_get(1, b"key"));
    assert_eq!(nothing.unwrap().1, Tx(0), "reading alone needs none and uses up no number");
}

fn row(state: u8, ref_key: &[u8]) -> QueueRow {
    QueueRow { partition: "lab".into(), state, due: None, body: b"MSH|".to_vec(), ref_key: ref_key.to_vec() }
}

#[test]
fn queue_rows_are_found_by_state_by_reference_and_newest_first() {
    let mut f = fixture();
    let (seqs, _) = f
        .vault
        .write(|unit| {
            unit.audit(leaf(Action::MessageIn))?;
            let seqs = [row(0, b"a"), row(0, b"b"), row(0, b"a")]
                .iter()
                .map(|row| unit.enqueue(1, row))
                .collect::<Result<Vec<_>, _>>()?;
            unit.enqueue(2, &row(0, b"a"))?;
            unit.queue_set(1, seqs[1], 2, None, Some(b"held"))?;
            Ok::<_, UnitError>(seqs)
        })
        .unwrap();
    f.reopen();
    let s = f.vault.snapshot().unwrap();
    let seqs_of = |items: Vec<QueueItem>| items.into_iter().map(|item| item.seq).collect::<Vec<_>>();
    assert_eq!(seqs_of(s.queue_newest(1, None, None, 10).unwrap()), [seqs[2], seqs[1], seqs[0]]);
    assert_eq!(seqs_of(s.queue_newest(1, Some(0), Some(seqs[2]), 10).unwrap()), [seqs[0]]);
    assert_eq!(seqs_of(s.queue_oldest(1, 0, None, 1).unwrap()), [seqs[0]]);
    assert_eq!(seqs_of(s.queue_oldest(1, 0, Some(seqs[0]), 9).unwrap()), [seqs[2]]);
    assert_eq!(seqs_of(s.queue_by_ref(1, b"a", 9).unwrap()), [seqs[0], seqs[2]]);
    assert_eq!(s.queue_get(1, seqs[1]).unwrap().unwrap().row.body, b"held");
    assert_eq!(s.queue_counts(1).unwrap().into_iter().collect::<Vec<_>>(), [(0, 2), (2, 1)]);
    assert_eq!(s.queue_count(2, 0).unwrap(), 1);
}

#[test]
fn documents_and_answers_are_kept_and_answers_expire() {
    let mut f = fixture();
    f.vault
        .write(|unit| {
            unit.audit(leaf(Action::Configure))?;
            unit.doc_put(2, b"user/1", b"one")?;
            unit.doc_put(2, b"user/2", b"two")?;
            unit.doc_put(2, b"users", b"other")?;
            unit.doc_put(3, b"user/1", b"elsewhere")?;
            assert!(unit.doc_delete(2, b"users")?);
            assert!(!unit.doc_delete(2, b"users")?);
            unit.remember(b"scope", unit.now() + jiff::SignedDuration::from_hours(1), b"answer")
        })
        .unwrap();
    f.reopen();
    let s = f.vault.snapshot().unwrap();
    let found = s.doc_scan(2, b"user", 9).unwrap();
    let found: Vec<_> = found.iter().map(|(key, body)| (key.as_slice(), body.as_slice())).collect();
    assert_eq!(found, [(b"user/1".as_slice(), b"one".as_slice()), (b"user/2", b"two")]);
    assert_eq!(s.doc_get(3, b"user/1").unwrap().unwrap().as_slice(), b"elsewhere");
    assert_eq!(s.recall(b"scope").unwrap().unwrap().as_slice(), b"answer");
    f.clock.advance(3601);
    assert_eq!(s.recall(b"scope").unwrap(), None);
    put(&f.vault, "p1", "prunes", &[]);
    f.vault.write(|unit| unit.recall(b"scope")).map(|(found, _)| assert!(found.is_none())).unwrap();
}

#[test]
fn a_search_at_a_fixed_tx_is_exact_while_records_are_rewritten() {
    let f = fixture();
    for i in 0..40 {
        put(&f.vault, &format!("p{i:02}"), "x", &[term(1, &format!("name{i:02}"))]);
    }
    let at = f.vault.last_tx();
    let expected: Vec<String> = (0..40).map(|i| format!("p{i:02}")).collect();
    for i in 0..40 {
        put(&f.vault, &format!("p{:02}", (i * 7) % 40), "y", &[term(1, &format!("other{i:02}"))]);
        put(&f.vault, &format!("q{i:02}"), "z", &[term(1, &format!("name{i:02}"))]);
        let s = f.vault.snapshot().unwrap();
        assert_eq!(ids(&s, &TermRange::prefix(1, "name"), at), expected);
        let mut backwards: Vec<_> = s
            .scan(KIND, &TermRange::prefix(1, "name"), Dir::Descending, at)
            .unwrap()
            .map(|found| s.head_of(found.unwrap().1).unwrap().unwrap().id)
            .collect();
        backwards.reverse();
        assert_eq!(backwards, expected);
    }
    f.clock.advance(3700);
    for _ in 0..3 {
        put(&f.vault, "p00", "later", &[]);
    }
    let s = f.vault.snapshot().unwrap();
    assert_eq!(s.scan(KIND, &TermRange::all(1), Dir::Ascending, at).err(), Some(ReadError::TooOld));
    assert_eq!(ids(&s, &TermRange::prefix(1, "name"), s.tx()).len(), 40, "the new ones");
    assert!(f.vault.verify(&mut |_| ()).unwrap().is_sound());
}

#[test]
fn the_audit_log_can_be_checked_elsewhere_and_its_lines_proved() {
    let mut f = fixture();
    for i in 0..300 {
        put(&f.vault, &format!("p{}", i % 7), "body", &[]);
    }
    let mut read = leaf(Action::Read);
    read.owner = Some("p3".into());
    read.detail = Some(b"looked at the chart".to_vec());
    f.vault.note(read).unwrap();
    let at_close = f.vault.last_tx();
    f.reopen();
    assert_eq!(f.vault.last_tx(), at_close);
    let key = f.vault.audit_public_key();
    let s = f.vault.snapshot().unwrap();
    assert_eq!(s.audit_size(), 301);
    let leaves = s.audit_bytes(0, 1000).unwrap();
    let notes = s.checkpoints(0, 100).unwrap();
    assert!(notes.len() >= 2);
    assert_eq!(verify_log(&leaves, &notes, &key).unwrap().0, 301);
    let last = Checkpoint::verify(&f.vault.checkpoint().unwrap(), &key).unwrap();
    assert_eq!((last.size, last.origin.as_str()), (301, "clinicvault/clinic-1"));
    for seq in [0, 1, 100, 255, 256, 257, 299, 300] {
        let proof = s.prove(seq).unwrap().unwrap();
        assert_eq!(verify_inclusion(&proof, &key).unwrap().seq, seq);
        let mut changed = proof.clone();
        changed.leaf[30] ^= 1;
        assert!(verify_inclusion(&changed, &key).is_err());
    }
    let seen = s.audit_of("p3", None, 3).unwrap();
    assert_eq!(seen[0].leaf.action, Action::Read);
    assert_eq!(seen[0].leaf.detail.as_deref(), Some(b"looked at the chart".as_slice()));
    assert_eq!((seen.len(), seen[1].leaf.action), (3, Action::Update));
    assert_eq!(s.audit_of("p3", Some(seen[1].seq), 1).unwrap()[0].seq, seen[2].seq);
}

#[test]
fn many_clients_share_commits_and_each_gets_its_own_number() {
    let f = fixture();
    let txs: Vec<Tx> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..16)
            .map(|client| {
                let vault = f.vault.clone();
                scope.spawn(move || {
                    (0..20)
                        .map(|i| put(&vault, &format!("c{client}-{i}"), "b", &[term(1, "same")]).1)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let distinct: std::collections::BTreeSet<_> = txs.iter().collect();
    assert_eq!((distinct.len(), f.vault.last_tx()), (320, Tx(320)));
    let s = f.vault.snapshot().unwrap();
    assert_eq!((s.count(KIND).unwrap(), s.audit_size()), (320, 320));
    assert_eq!(ids(&s, &TermRange::all(1), s.tx()).len(), 320);
    assert_eq!(s.log(Tx(0), 1000).unwrap().len(), 320);
}

#[test]
fn own_terms_are_the_same_read_one_after_the_other_and_changes_are_told_by_record() {
    let f = fixture();
    let rids: Vec<Rid> = (0..40)
        .map(|n| {
            put(&f.vault, &format!("p{n}"), "body", &[term(1, &format!("a{n}")), term(2, "b"), term(4, "c")])
                .0
                .rid
        })
        .collect();
    let changed = f.vault.snapshot().unwrap().tx();
    put(&f.vault, "p3", "body", &[term(2, "other")]);
    let gone = f.vault.write(|unit| {
        unit.audit(leaf(Action::Delete))?;
        unit.remove(KIND, "p7")
    });
    gone.unwrap();
    let s = f.vault.snapshot().unwrap();
    for params in [&[1][..], &[2, 4], &[9], &[]] {
        for step in [1, 2, 5, 6, 7, 39] {
            let mut own = s.terms_of_each(params);
            // Behind the last record there is nothing, and from the beginning all is there again.
            let asked =
                rids.iter().step_by(step).copied().chain([Rid(41), Rid(43)]).chain(rids.iter().copied());
            for rid in asked {
                assert_eq!(own.of(rid).unwrap(), s.terms_of(rid, params).unwrap(), "{rid:?} of {params:?}");
            }
        }
    }
    assert_eq!(s.changed_since(changed, 2).unwrap(), Some(vec![rids[3], rids[7]]));
    assert_eq!(s.changed_since(changed, 1).unwrap(), None);
    assert_eq!(s.changed_since(s.tx(), 0).unwrap(), Some(Vec::new()));
    assert_eq!(s.last_set_terms(), Tx(0));
    let rid = rids[0];
    let set = f.vault.write(move |unit| {
        unit.audit(leaf(Action::Update))?;
        unit.set_terms(rid, &[])
    });
    let (_, tx) = set.unwrap();
    assert_eq!(f.vault.snapshot().unwrap().last_set_terms(), tx);
}

#[test]
fn a_large_database_gets_more_memory_for_its_pages_within_bounds() {
    let f = fixture();
    let mut options = options(&f.clock);
    options.cache_most = 1 << 20;
    assert_eq!(options.cache_for(1 << 40), 8 << 20, "never less than the least");
    options.cache_most = 320 << 20;
    assert_eq!(options.cache_for(0), 8 << 20);
    assert_eq!(options.cache_for(1 << 30), 64 << 20);
    assert_eq!(options.cache_for(1 << 40), 320 << 20);
}
