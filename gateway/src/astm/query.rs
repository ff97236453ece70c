//! Q: the analyser asks which tests are wanted of a sample (LIS2-A2, 11).

use super::message::Message;

/// What an analyser asks for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Sample numbers (Q-3, the second component unless the channel says another one), in order.
    pub samples: Vec<String>,
    /// Patient numbers (Q-3.1), in order.
    pub patients: Vec<String>,
    /// The analyser's own codes of the tests (Q-5); empty when it asks for all.
    pub tests: Vec<String>,
    /// It asks for everything that is open (Q-3 is `ALL`).
    pub everything: bool,
    /// It takes back an earlier question (Q-13 is `A`).
    pub cancelled: bool,
}

/// Shows the shape only.
impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Query({} samples, {} patients)", self.samples.len(), self.patients.len())
    }
}

/// The questions of a message. `sample` is the component of Q-3 that holds the sample number, from 1.
pub fn queries(message: &Message, sample: usize) -> Vec<Query> {
    let all = |text: &str| text.eq_ignore_ascii_case("ALL");
    let mut queries = Vec::new();
    for record in message.records().filter(|record| record.kind() == 'Q') {
        let mut query = Query {
            cancelled: record.field(13).component(1).text().eq_ignore_ascii_case("A"),
            ..Query::default()
        };
        for range in record.field(3).repeats() {
            let (patient, sample) = (range.component(1).text(), range.component(sample).text());
            query.everything |= all(&patient) || all(&sample);
            let named = |text: &String| !text.is_empty() && !all(text);
            query.samples.extend(Some(sample.clone()).filter(named));
            query.patients.extend(Some(patient).filter(named).filter(|patient| *patient != sample));
        }
        for test in record.field(5).repeats() {
            let code = test.components().map(|part| part.text()).find(|text| !text.is_empty());
            query.tests.extend(code.filter(|code| !all(code)));
        }
        queries.push(query);
    }
    queries
}

#[cfg(test)]
mod tests {
    use super::super::message::Limits;
    use super::*;

    #[test]
    fn questions_are_read() {
        let list = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let some = |samples: &[&str]| Query { samples: list(samples), ..Query::default() };
        for (record, sample, expected) in [
            ("Q|1|^S-1||ALL||||||||O", 2, some(&["S-1"])),
            ("Q|1|^S-1\\^S-2", 2, some(&["S-1", "S-2"])),
            (
                "Q|1|88120^S-1||^^^K\\^^^Na",
                2,
                Query { patients: list(&["88120"]), tests: list(&["K", "Na"]), ..some(&["S-1"]) },
            ),
            ("Q|1|^^   S-3  ^9", 3, some(&["S-3"])),
            ("Q|1|S-4", 1, some(&["S-4"])),
            ("Q|1|ALL", 2, Query { everything: true, ..Query::default() }),
            ("Q|1|^S-1||||||||||A", 2, Query { cancelled: true, ..some(&["S-1"]) }),
            ("Q|1", 2, Query::default()),
        ] {
            let message =
                Message::parse(format!("H|\\^&\r{record}\rL|1\r").into(), &Limits::default(), None).unwrap();
            assert!(queries(&message, sample) == [expected], "{record}");
        }
    }
}
