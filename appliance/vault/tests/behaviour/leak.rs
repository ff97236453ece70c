//! Nothing that names a person lies in clear in any file or in any `Debug` text.

use crate::common::*;
use clinicvault_vault::*;
use std::fs;

fn planted() -> Vec<String> {
    let names = [
        "Thamizhselvi",
        "Quendrith",
        "Xylokarp",
        "Vaishnovi",
        "Brunhilde",
        "Zoroastra",
        "Kjartan",
        "Oyelaran",
    ];
    (0..200)
        .map(|i| match i % 4 {
            0 => format!("{}-{:03}wadekar", names[i / 4 % names.len()], i),
            1 => format!("+91 98{:03} {:05}", 100 + i, 10_007 * i % 100_000),
            2 => format!("note {i}: complains of phantom zebra pain {i}"),
            _ => format!("MRN-{:08}", 48_271 * i),
        })
        .collect()
}

#[test]
fn planted_names_phones_and_notes_are_in_no_byte_of_any_file() {
    let mut f = fixture();
    let planted = planted();
    for (number, text) in planted.iter().enumerate() {
        let text = text.clone();
        f.vault
            .write(move |unit| {
                let mut line = leaf(Action::Create);
                line.owner = Some(text.clone());
                line.reason = Some(text.clone());
                line.detail = Some(text.clone().into_bytes());
                line.object = Some((KIND, text.clone(), 1));
                unit.audit(line)?;
                let body = format!("{{\"name\":\"{text}\"}}").repeat(1 + number % 40);
                let terms = [term(1, &text), term(2, &text.to_lowercase())];
                unit.put(Put {
                    kind: KIND,
                    id: &text,
                    owner: patient(&text),
                    body: body.as_bytes(),
                    terms: &terms,
                })?;
                unit.doc_put(1, text.as_bytes(), text.as_bytes())?;
                let row = QueueRow {
                    partition: text.clone(),
                    state: 0,
                    due: None,
                    body: text.clone().into_bytes(),
                    ref_key: text.clone().into_bytes(),
                };
                unit.enqueue(1, &row)?;
                unit.remember(
                    text.as_bytes(),
                    unit.now() + jiff::SignedDuration::from_hours(1),
                    text.as_bytes(),
                )
            })
            .unwrap();
        if number == 100 {
            f.reopen();
        }
    }
    let s = f.vault.snapshot().unwrap();
    let head = s.head(KIND, &planted[0]).unwrap().unwrap();
    let entry = s.audit(0, 1).unwrap().remove(0);
    let shown = format!(
        "{head:?} {:?} {:?} {:?} {:?} {:?} {entry:?}",
        term(1, &planted[0]),
        s.log(Tx(0), 1).unwrap(),
        s.queue_newest(1, None, None, 1).unwrap(),
        TermRange::prefix(1, planted[0].as_bytes()),
        f.vault,
    );
    assert!(!shown.contains(&planted[0][..10]), "{shown}");
    drop(s);
    f.vault.close().unwrap();
    let mut files = 0;
    for file in fs::read_dir(f.data()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        files += 1;
        for text in planted.iter().chain([&"own_terms".to_owned(), &"audit_leaves".to_owned()]) {
            assert!(!contains(&bytes, text.as_bytes()), "{} holds {text}", path.display());
            assert!(
                !contains(&bytes, &text.as_bytes()[..text.len().min(12)]),
                "{} holds {text}",
                path.display()
            );
        }
    }
    assert!(files >= 4, "database, slots, checkpoint, marker");
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let first = text[0];
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[test]
fn keys_print_a_fixed_word() {
    let f = fixture();
    let recovery = f.vault.new_recovery_key().unwrap();
    let shown = format!(
        "{:?} {recovery:?} {:?} {:?}",
        f.vault.key_for("x"),
        unlock(),
        UnlockSlot::Credential(secret().into())
    );
    assert_eq!(shown, "Key32(hidden) RecoveryKey(hidden) Credential(hidden) Credential(hidden)");
}
