//! Numbers of the vault's collections of documents: one list, so that no two rooms take the same.
//!
//! They stand in stored keys: append only, never renumber.

/// The clinic's name and what was decided at setup; the last clinic number; how far the index is renewed.
pub const SETTINGS: u16 = 1;
/// Accounts; by id.
pub const ACCOUNTS: u16 = 2;
/// Sessions; by hash of the token.
pub const SESSIONS: u16 = 3;
/// Machine tokens; by hash of the token.
pub const TOKENS: u16 = 4;
/// The authority with its key.
pub const TLS: u16 = 5;
/// Whose identifier a person of the clinic said it is; by identifier.
pub const REMEMBERED: u16 = 6;
/// Closure tables; by client and name.
pub const CLOSURES: u16 = 7;
/// Registered programs; by id.
pub const CLIENTS: u16 = 8;
/// Consents that can be refreshed; by id.
pub const GRANTS: u16 = 9;
/// Access tokens of programs; by hash of the token.
pub const ACCESS: u16 = 10;
/// Assertions that were used, until they expire; by hash of program and name.
pub const ASSERTIONS: u16 = 11;
/// The clinic's own search parameters, and how far records are indexed by them; by id of the definition.
pub const SEARCH_PARAMETERS: u16 = 30;
/// Records opened in an emergency; the newest first, by time and who.
pub const EMERGENCIES: u16 = 32;
/// Channels of messages, deleted ones included; by name.
pub const CHANNELS: u16 = 36;
/// Every version of them; by name and number.
pub const CHANNEL_VERSIONS: u16 = 37;
/// What came through channels, by quarters of an hour; by name.
pub const CHANNEL_COUNTS: u16 = 38;
/// Alerts about channels that last; by name and kind.
pub const CHANNEL_ALERTS: u16 = 39;
/// Replays of messages; by number.
pub const REPLAYS: u16 = 42;
/// The rows of a replay; by its number.
pub const REPLAY_ROWS: u16 = 43;
/// Jobs; by id.
pub const JOBS: u16 = 40;
/// Blocks of the files of jobs; by job, file and number.
pub const BLOCKS: u16 = 41;
/// The clinic's own maps of HL7 v2; by name.
pub const HL7_MAPS: u16 = 46;
/// Every version of them; by number.
pub const HL7_MAP_VERSIONS: u16 = 47;
/// What is kept of Subscriptions beside their records; by id.
pub const SUBSCRIPTIONS: u16 = 60;
/// Events of subscriptions; by id, beginning and number.
pub const SUBSCRIPTION_EVENTS: u16 = 61;
/// Destinations that somebody has paused; by channel and name.
pub const OUTBOX_PAUSED: u16 = 70;
/// How far channels have read the log of changes; by name.
pub const OUTBOX_CURSORS: u16 = 71;
/// Secrets that the box shows to destinations; by channel and name.
pub const OUTBOX_SECRETS: u16 = 72;

/// Consultations, the whole of each; by id.
pub const CONSULTATIONS: u16 = 80;
/// Those that are not over; by id.
pub const CONSULTATIONS_OPEN: u16 = 81;
/// Those of a patient; by patient and id.
pub const CONSULTATIONS_OF: u16 = 82;
/// Doctors as they can be given patients; by account.
pub const DOCTORS: u16 = 83;
/// Prices; by number.
pub const PRICES: u16 = 84;
/// Payments; by id.
pub const PAYMENTS: u16 = 85;
/// Those that are waited for, or whose credit is; by id.
pub const PAYMENTS_OPEN: u16 = 86;
/// Payments by the gateway's order.
pub const PAYMENT_ORDERS: u16 = 87;
/// Links by which patients come in; by hash.
pub const JOIN_LINKS: u16 = 90;
/// Sessions of patients; by hash of the token.
pub const PATIENT_SESSIONS: u16 = 91;
/// What is kept of rooms; by consultation.
pub const ROOMS: u16 = 92;

/// Speech that waits for its transcript, by blob.
pub const SPEECH: u16 = 93;
/// Transcripts; by what was said in it: a consultation or a dictation.
pub const TRANSCRIPTS: u16 = 94;
/// Committed captions until the transcript is there; by consultation and number.
pub const CAPTIONS: u16 = 95;
/// Notes and prescriptions of consultations and what was found in a transcript; by consultation and kind.
pub const PAPERS: u16 = 100;
/// What was signed, with its bytes; by id.
pub const SIGNED: u16 = 101;
/// Records that a signed paper, a consultation or a recording carries, and its id; by type and id.
pub const CARRIED_RECORDS: u16 = 102;
/// Signed papers; by the code that is printed on them.
pub const VERIFICATIONS: u16 = 103;
/// Files of consultations; by consultation and number, and their ids by blob.
pub const FILES: u16 = 104;
/// Recordings of calls, what their files say of themselves, and which of them grow; by sort, consultation and id.
pub const RECORDINGS: u16 = 105;
/// What the clinic lays over the medicines and lists that the box brings; by which of the two.
pub const OWN_BOOK: u16 = 106;

/// Places for backups; by id.
pub const BACKUP_PLACES: u16 = 120;
/// Secrets that the box shows to them; by id.
pub const BACKUP_SECRETS: u16 = 121;
/// What became of their copies; by id.
pub const BACKUP_OUTCOMES: u16 = 122;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Every constant of this file has its own number, and no other file makes one up.
    #[test]
    fn no_two_rooms_share_a_collection() {
        let own = include_str!("collections.rs");
        let numbers: Vec<u16> = own
            .lines()
            .filter_map(|line| {
                line.strip_prefix("pub const ")?.split_once(": u16 = ")?.1.strip_suffix(';')?.parse().ok()
            })
            .collect();
        assert!(numbers.len() > 10);
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
        let mut used = 0;
        look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        assert!(used > 5, "the search for uses finds nothing");
    }

    /// The first argument of every call that names a collection is a name, and the name comes from here.
    fn look(folder: &Path, used: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, used);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("collections.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                for call in
                    ["doc_put(", "doc_get(", "doc_scan("].iter().flat_map(|call| text.split(call).skip(1))
                {
                    let first = call.trim_start().split([',', ')']).next().unwrap().trim();
                    *used += 1;
                    let made_up = text.contains(&format!("const {first}: u16 ="));
                    let number = first.starts_with(|c: char| c.is_ascii_digit());
                    assert!(
                        !made_up && !number,
                        "{}: {first} is not from the list of collections",
                        path.display()
                    );
                }
            }
        }
    }
}
