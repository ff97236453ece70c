//! Texts that nobody wrote: reading and answering never panic and always end.

use proptest::prelude::*;

use super::tests::ask;
use super::{Document, GraphError};

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "$",
        "@",
        "...",
        "!",
        "=",
        "query",
        "fragment",
        "on",
        "mutation",
        "Patient",
        "PatientList",
        "ConditionList",
        "_reference",
        "patient",
        "name",
        "use",
        "id",
        "resource",
        "managingOrganization",
        "x",
        "1",
        "-2.5",
        "\"a\"",
        "\"\"\"b\"\"\"",
        "true",
        "null",
        "@flatten",
        "@first",
        "@singleton",
        "@include(if: true)",
        "@slice(path: \"$index\")",
        "fhirpath",
        "{ id }",
        "name { use }",
        "$x",
        "# c\n",
        ",",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_an_error(text in "\\PC{0,80}") {
        if let Err(error) = Document::parse(&text) {
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn any_words_are_answered_or_refused(words in prop::collection::vec(word(), 0..40), root in any::<bool>()) {
        let query = words.join(" ");
        let answered: Result<String, GraphError> = ask(&query, root.then_some(0), "{}");
        let again = ask(&query, root.then_some(0), "{}");
        prop_assert_eq!(answered, again);
    }

    #[test]
    fn a_selection_of_known_words_is_answered(words in prop::collection::vec(word(), 0..12)) {
        let query = format!("{{ id {} }}", words.join(" "));
        let _ = ask(&query, Some(0), "{}");
        let _ = ask(&format!("{{ Patient(id: 7) {query} }}"), None, "{}");
    }
}
