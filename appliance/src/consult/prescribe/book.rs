//! By what prescriptions are read and checked: the medicines that are known, and the lists of telemedicine.

use super::formulary::Formulary;
use super::line::Line;
use super::lists::Pack;
use super::parse;

/// Medicines and lists as they hold at one moment.
#[derive(Debug, Clone)]
pub struct Book {
    /// The medicines.
    pub formulary: Formulary,
    /// The lists.
    pub lists: Pack,
}

impl Book {
    /// What the box brings.
    pub fn own() -> Book {
        Book { formulary: Formulary::own().clone(), lists: Pack::own().clone() }
    }

    /// What something is signed by: it is named in the paper.
    pub fn version(&self) -> String {
        format!("formulary {}, lists {}", self.formulary.version(), self.lists.version())
    }

    /// A line that was signed, where it still says the very same; a name that means another medicine by now does not.
    pub fn signed_line(&self, written: &str) -> Option<Line> {
        parse(written, &self.formulary).ok().filter(|line| line.written() == written)
    }
}

#[cfg(test)]
mod tests {
    use super::super::formulary::Own;
    use super::*;

    #[test]
    fn a_name_that_was_given_away_does_not_change_what_was_signed() {
        let book = Book::own();
        let signed = parse("para 500 tds 5d", &book.formulary).unwrap().written();
        assert_eq!(book.signed_line(&signed).unwrap().written(), signed);
        let own: Own = serde_json::from_str(
            r#"{"medicines":[{"name":"ibuprofen","abbreviations":["paracetamol"],"class":"analgesic","forms":["tab"],"unit":"mg"}]}"#,
        )
        .unwrap();
        let later = Book { formulary: Formulary::own().under(&own, "clinic 2").unwrap(), ..book };
        assert!(later.signed_line(&signed).is_none(), "{signed}");
    }
}
