//! Units in one group: isolation, panics, numbers, and audit-only lines.

use crate::common::*;
use clinicvault_vault::*;
use std::sync::mpsc;
use std::time::Duration;

type Told = (usize, Result<Tx, Refused<UnitError>>);

/// Submits `jobs` while the writer is held up, so that they form one group; answers in the order of submission.
fn one_group(
    vault: &Vault,
    jobs: usize,
    job: fn(usize, &mut Unit<'_>) -> Result<(), UnitError>,
) -> Vec<Told> {
    let (tell, told) = mpsc::channel();
    let (go, held) = mpsc::channel::<()>();
    vault.submit(
        move |_| {
            let _ = held.recv_timeout(Duration::from_secs(10));
            Ok::<_, UnitError>(())
        },
        |_| (),
    );
    for number in 0..jobs {
        let tell = tell.clone();
        vault.submit(
            move |unit| job(number, unit),
            move |result| tell.send((number, result.map(|((), tx)| tx))).unwrap(),
        );
    }
    go.send(()).unwrap();
    drop(tell);
    let mut all: Vec<Told> = told.iter().collect();
    all.sort_by_key(|(number, _)| *number);
    all
}

#[test]
fn units_that_fail_leave_their_neighbours_alone() {
    let mut f = fixture();
    put(&f.vault, "shared", "before", &[term(1, "before")]);
    let all = one_group(&f.vault, 40, |number, unit| {
        let id = format!("p{number}");
        let body = format!("by {number}");
        unit.put(Put { kind: KIND, id: &id, owner: patient(&id), body: b"x", terms: &[term(2, &id)] })?;
        let terms = [term(1, &body)];
        unit.put(Put {
            kind: KIND,
            id: "shared",
            owner: patient("shared"),
            body: body.as_bytes(),
            terms: &terms,
        })?;
        match number % 4 {
            1 => return Err(UnitError::Invalid("planned")),
            2 => panic!("planned"),
            3 => return Ok(()),
            _ => {}
        }
        unit.audit(leaf(Action::Create))
    });
    let mut next = 2;
    for (number, result) in all {
        match number % 4 {
            0 => {
                assert_eq!(result, Ok(Tx(next)));
                next += 1;
            }
            1 => assert_eq!(result, Err(Refused::Job(UnitError::Invalid("planned")))),
            2 => assert_eq!(result, Err(Refused::Panicked)),
            _ => assert_eq!(result, Err(Refused::NoAudit)),
        }
    }
    for _ in 0..2 {
        let s = f.vault.snapshot().unwrap();
        assert_eq!((s.tx(), s.audit_size(), s.count(KIND).unwrap()), (Tx(11), 11, 11));
        let head = s.head(KIND, "shared").unwrap().unwrap();
        assert_eq!((head.version, s.body(&head).unwrap().as_slice()), (11, b"by 36".as_slice()));
        assert_eq!(ids(&s, &TermRange::all(1), s.tx()), ["shared"]);
        assert_eq!(ids(&s, &TermRange::all(2), s.tx()).len(), 10);
        assert_eq!(s.head(KIND, "p1").unwrap(), None);
        assert!(f.vault.verify(&mut |_| ()).unwrap().is_sound());
        drop(s);
        f.reopen();
    }
}

#[test]
fn time_never_goes_backwards() {
    let f = fixture();
    let (first, _) = put(&f.vault, "p1", "x", &[]);
    f.clock.advance(-500);
    let (second, _) = put(&f.vault, "p1", "y", &[]);
    f.clock.advance(900);
    let (third, _) = put(&f.vault, "p1", "z", &[]);
    assert!(first.time <= second.time && second.time < third.time);
}

#[test]
fn audit_only_lines_are_committed_without_units() {
    let f = fixture();
    for _ in 0..500 {
        f.vault.note(leaf(Action::Read)).unwrap();
    }
    let waited = std::time::Instant::now();
    while f.vault.snapshot().unwrap().audit_size() < 500 {
        assert!(waited.elapsed() < Duration::from_secs(20), "the lines never came");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(f.vault.last_tx(), Tx(0), "reads use up no number");
    f.vault.close().unwrap();
    assert!(f.vault.note(leaf(Action::Read)).is_err());
}

#[test]
fn watchers_hear_of_every_commit_until_they_leave() {
    let f = fixture();
    let (tell, told) = mpsc::channel();
    let number = f.vault.watch(move |tx| tell.send(tx).unwrap());
    put(&f.vault, "p1", "x", &[]);
    put(&f.vault, "p2", "x", &[]);
    f.vault.unwatch(number);
    put(&f.vault, "p3", "x", &[]);
    assert_eq!(told.iter().collect::<Vec<_>>(), [Tx(1), Tx(2)]);
}

#[test]
fn limits_are_told_and_leave_the_vault_working() {
    let f = fixture();
    let refused = |job: fn(&mut Unit<'_>) -> Result<(), UnitError>| match f.vault.write(job) {
        Err(Refused::Job(error)) => error,
        other => panic!("{other:?}"),
    };
    let long = refused(|unit| {
        let terms = [Term { param: 1, value: vec![1; MAX_TERM + 1] }];
        unit.put(Put { kind: KIND, id: "p", owner: Owner::Shared, body: b"", terms: &terms }).map(drop)
    });
    assert!(matches!(long, UnitError::TooLarge { what: "a term", .. }));
    let id = refused(|unit| {
        let id = "x".repeat(MAX_ID + 1);
        unit.put(Put { kind: KIND, id: &id, owner: Owner::Shared, body: b"", terms: &[] }).map(drop)
    });
    assert!(matches!(id, UnitError::TooLarge { what: "the id", .. }));
    let body = refused(|unit| unit.doc_put(1, b"k", &vec![0; MAX_BODY + 1]));
    assert!(matches!(body, UnitError::TooLarge { what: "the document", .. }));
    assert_eq!(refused(|unit| unit.remove(KIND, "nobody").map(drop)), UnitError::Missing("record"));
    let empty = refused(|unit| {
        unit.put(Put { kind: KIND, id: "", owner: Owner::Shared, body: b"", terms: &[] }).map(drop)
    });
    assert!(matches!(empty, UnitError::Invalid(_)));
    put(&f.vault, "p1", "x", &[]);
}

#[test]
fn the_largest_body_is_kept_and_read_back() {
    let mut f = fixture();
    let body: String = "0123456789abcdef".repeat(MAX_BODY / 16);
    let (head, _) = put(&f.vault, "p1", &body, &[]);
    f.reopen();
    let s = f.vault.snapshot().unwrap();
    assert!(s.body(&head).unwrap().as_slice() == body.as_bytes());
    assert_eq!(f.vault.partial_blocks(), 0);
}

#[test]
fn the_last_handle_may_go_away_inside_a_callback() {
    let mut f = fixture();
    let (tell, told) = mpsc::channel();
    let vault = f.vault.clone();
    let (hold, held) = mpsc::channel::<()>();
    f.vault.submit(
        move |unit| unit.audit(leaf(Action::Start)),
        move |result| {
            held.recv().unwrap();
            drop(vault);
            tell.send(result.is_ok()).unwrap();
        },
    );
    // The callback holds the only handle now; another vault takes the fixture's place.
    let other = fixture();
    let data = f.data();
    f.vault = other.vault.clone();
    hold.send(()).unwrap();
    assert_eq!(told.recv(), Ok(true));
    let waited = std::time::Instant::now();
    let reopened = loop {
        match Vault::open(&data, &unlock(), options(&f.clock)) {
            Err(OpenError::AlreadyOpen(_)) if waited.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => break result.unwrap(),
        }
    };
    assert_eq!(reopened.snapshot().unwrap().audit_size(), 1);
}

#[test]
fn a_line_that_is_too_long_is_cut_and_not_lost() {
    let f = fixture();
    let mut long = leaf(Action::Read);
    long.reason = Some("\u{0905}".repeat(3000));
    f.vault.note(long).unwrap();
    f.vault.write(|unit| unit.audit(leaf(Action::Read))).unwrap();
    let s = f.vault.snapshot().unwrap();
    let lines = s.audit(0, 9).unwrap();
    assert!(lines.iter().any(|line| line.leaf.reason.as_ref().is_some_and(|reason| reason.len() == 4095)));
}

#[test]
fn a_group_in_which_nothing_happens_writes_nothing() {
    let f = fixture();
    put(&f.vault, "p1", "x", &[]);
    let file = f.data().join("vault.redb");
    let before = std::fs::read(&file).unwrap();
    let refused = f.vault.write(|unit| {
        unit.put(Put { kind: KIND, id: "p2", owner: patient("p2"), body: b"x", terms: &[term(1, "a")] })?;
        Err::<(), _>(UnitError::Invalid("planned"))
    });
    assert_eq!(refused, Err(Refused::Job(UnitError::Invalid("planned"))));
    f.vault.write(|unit| unit.head(KIND, "p1").map(|head| assert!(head.is_some()))).unwrap();
    assert!(std::fs::read(&file).unwrap() == before);
    put(&f.vault, "p3", "x", &[term(1, "b")]);
    assert_eq!(ids(&f.vault.snapshot().unwrap(), &TermRange::all(1), Tx(2)), ["p3"]);
    assert!(f.vault.verify(&mut |_| ()).unwrap().is_sound());
}
