//! A QuestionnaireResponse against its Questionnaire: items, types of answers, options, limits, what is required.

use super::coded::short;
use super::{Definitions, MOST_ISSUES, Policy};
use crate::fhir::id::{Reference, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::pattern;
use crate::fhir::search::decimal;
use crate::fhir::terminology::{Membership, canonical, is_text_of, member};
use crate::json::Value;

/// Levels of items beyond which a check stops.
const MOST_DEPTH: usize = 40;

/// What a response gets wrong by its form. Without the form nothing is said but that it is missing.
pub fn response(definitions: &dyn Definitions, policy: &Policy, value: &Value, place: &str) -> Vec<Issue> {
    let Some(address) = value.str("questionnaire") else { return Vec::new() };
    let contained = address.strip_prefix('#').and_then(|id| {
        value.items("contained").iter().find(|c| c.str("id") == Some(id)).cloned().map(std::sync::Arc::new)
    });
    let Some(form) = contained.or_else(|| definitions.questionnaire(address)) else {
        let text = format!(
            "the questionnaire {} is not known here, so the answers were not checked",
            short(address)
        );
        return vec![Issue::warning(IssueCode::NotFound, text).at(format!("{place}.questionnaire"))];
    };
    let complete = matches!(value.str("status"), Some("completed" | "amended"));
    let mut check = Form { left: MOST_WORK, definitions, policy, issues: Vec::new(), complete };
    check.items(form.items("item"), value, place, 0);
    check.issues
}

/// Comparisons of items, answers and options that one check makes.
const MOST_WORK: usize = 2_000_000;

struct Form<'d> {
    /// Comparisons that are left.
    left: usize,
    definitions: &'d dyn Definitions,
    policy: &'d Policy,
    issues: Vec<Issue>,
    /// Whether what is required must be there.
    complete: bool,
}

impl Form<'_> {
    /// Takes from the work that is left; false, with an issue said once, when there is none.
    fn work(&mut self, amount: usize, place: &str) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(amount.max(1));
        if self.left == 0 {
            let text = "the form is too large to be checked against".to_owned();
            self.error(IssueCode::TooCostly, text, place);
        }
        self.left > 0
    }

    fn error(&mut self, code: IssueCode, text: String, place: &str) {
        if self.issues.len() > MOST_ISSUES {
            self.left = 0;
            return;
        }
        self.issues.push(Issue::error(code, text).at(place));
    }

    /// The items of a form against those of a response, or of one item or answer of it.
    fn items(&mut self, asked: &[Value], holder: &Value, place: &str, depth: usize) {
        let given = holder.items("item");
        if depth > MOST_DEPTH || !self.work(given.len().saturating_mul(asked.len()), place) {
            return;
        }
        let mut last = 0;
        for (n, item) in given.iter().enumerate() {
            let at = format!("{place}.item[{n}]");
            let link = item.str("linkId").unwrap_or_default();
            match asked.iter().position(|a| a.str("linkId") == Some(link)) {
                None => {
                    let text = format!("the form has no item \"{}\" here", short(link));
                    self.error(IssueCode::NotFound, text, &at);
                }
                Some(number) => {
                    if number < last {
                        let text = format!("\"{}\" stands in another order than in the form", short(link));
                        self.error(IssueCode::Structure, text, &at);
                    }
                    last = last.max(number);
                    if let Some(question) = asked.get(number) {
                        self.item(question, item, &at, depth);
                    }
                }
            }
        }
        for question in asked {
            let link = question.str("linkId").unwrap_or_default();
            let found: Vec<usize> = (given.iter().enumerate())
                .filter_map(|(n, item)| (item.str("linkId") == Some(link)).then_some(n))
                .collect();
            let is_group = question.str("type") == Some("group");
            if let Some(second) = found.get(1).filter(|_| !is_group || !flag(question, "repeats")) {
                let text = format!("\"{}\" may stand only once", short(link));
                self.error(IssueCode::Invalid, text, &format!("{place}.item[{second}]"));
            }
            if found.is_empty() && self.complete && flag(question, "required") && !conditional(question) {
                let text = format!("the form requires \"{}\"", short(link));
                self.error(IssueCode::Required, text, place);
            }
        }
    }

    fn item(&mut self, question: &Value, item: &Value, at: &str, depth: usize) {
        let answers = item.items("answer");
        let kind = question.str("type").unwrap_or_default();
        if matches!(kind, "group" | "display") {
            if !answers.is_empty() {
                self.error(IssueCode::Structure, format!("a {kind} takes no answers"), at);
            }
            if kind == "group" {
                if self.complete && flag(question, "required") && item.items("item").is_empty() {
                    let text = "a required group has no items".to_owned();
                    self.error(IssueCode::Required, text, at);
                }
                self.items(question.items("item"), item, at, depth + 1);
            }
            return;
        }
        if !item.items("item").is_empty() {
            let text = "items under a question stand within its answer".to_owned();
            self.error(IssueCode::Structure, text, at);
        }
        if self.complete && flag(question, "required") && answers.is_empty() && !conditional(question) {
            let text = "the form requires an answer".to_owned();
            self.error(IssueCode::Required, text, at);
        }
        self.counts(question, answers, at);
        for (n, answer) in answers.iter().enumerate() {
            let place = format!("{at}.answer[{n}]");
            self.answer(question, kind, answer, &place);
            if !question.items("item").is_empty() || !answer.items("item").is_empty() {
                self.items(question.items("item"), answer, &place, depth + 1);
            }
        }
    }

    fn counts(&mut self, question: &Value, answers: &[Value], at: &str) {
        let number = |url| {
            let value = extension(question, url)?.get("valueInteger")?.as_number()?.as_u64()?;
            usize::try_from(value).ok()
        };
        let most = number("http://hl7.org/fhir/StructureDefinition/questionnaire-maxOccurs");
        let least = number("http://hl7.org/fhir/StructureDefinition/questionnaire-minOccurs");
        if answers.len() > 1 && !flag(question, "repeats") {
            self.error(IssueCode::Invalid, "the form takes one answer here".to_owned(), at);
        }
        if let Some(most) = most.filter(|most| answers.len() > *most) {
            let text = format!("the form takes at most {most} answers, and {} are given", answers.len());
            self.error(IssueCode::Invalid, text, at);
        }
        if let Some(least) = least.filter(|least| self.complete && answers.len() < *least) {
            let text = format!("the form asks for at least {least} answers, and {} are given", answers.len());
            self.error(IssueCode::Invalid, text, at);
        }
        if !self.work(question.items("answerOption").len().saturating_mul(answers.len()), at) {
            return;
        }
        let exclusive = "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive";
        for option in question.items("answerOption").iter().filter(|o| {
            extension(o, exclusive).and_then(|e| e.get("valueBoolean")).and_then(Value::as_bool) == Some(true)
        }) {
            let chosen = answers
                .iter()
                .position(|a| value_of(a).zip(value_of(option)).is_some_and(|(a, o)| same(a.1, o.1)));
            if let Some(n) = chosen.filter(|_| answers.len() > 1) {
                let text = "this answer excludes all others".to_owned();
                self.error(IssueCode::Invalid, text, &format!("{at}.answer[{n}]"));
            }
        }
    }

    fn answer(&mut self, question: &Value, kind: &str, answer: &Value, place: &str) {
        let Some((key, value)) = value_of(answer) else { return };
        let wanted: &[&str] = match kind {
            "boolean" => &["valueBoolean"],
            "decimal" => &["valueDecimal"],
            "integer" => &["valueInteger"],
            "date" => &["valueDate"],
            "dateTime" => &["valueDateTime"],
            "time" => &["valueTime"],
            "string" | "text" => &["valueString"],
            "url" => &["valueUri"],
            "attachment" => &["valueAttachment"],
            "reference" => &["valueReference"],
            "quantity" => &["valueQuantity"],
            "choice" => {
                &["valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"]
            }
            "open-choice" => {
                &["valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"]
            }
            _ => return,
        };
        // What is chosen from options has their type, whatever the type of the question.
        if !wanted.contains(&key)
            && question.items("answerOption").iter().all(|o| value_of(o).map(|v| v.0) != Some(key))
        {
            let text =
                format!("the form asks for {kind} here, and {} is given", key.trim_start_matches("value"));
            return self.error(IssueCode::Invalid, text, place);
        }
        let at = format!("{place}.value");
        self.options(question, kind, key, value, place);
        self.limits(question, value, &at);
        match key {
            "valueString" => self.text(question, value, &at),
            "valueQuantity" => self.quantity(question, value, &at),
            "valueReference" => self.reference(value, &at),
            _ => {}
        }
    }

    /// Answers must be one of the options, or in the value set of the question.
    fn options(&mut self, question: &Value, kind: &str, key: &str, value: &Value, place: &str) {
        let open = kind == "open-choice" && key == "valueString";
        let options = question.items("answerOption");
        if !self.work(options.len(), place) {
            return;
        }
        if !options.is_empty() && !open {
            let found = options.iter().filter_map(value_of).any(|(_, option)| same(value, option));
            let free = kind == "open-choice" && key != "valueCoding";
            if !found && !free {
                let text = format!("{} is not one of the options of the form", short(&value.to_string()));
                self.error(IssueCode::CodeInvalid, text, place);
            }
        }
        let (Some(url), "valueCoding") = (question.str("answerValueSet"), key) else { return };
        let (name, version) = canonical(url);
        let Some(set) = self.definitions.value_set(name, version) else {
            let text =
                format!("the value set {} is not known here, so the answer was not checked", short(url));
            self.issues.push(Issue::warning(IssueCode::NotFound, text).at(place));
            return;
        };
        let (system, code) = (value.str("system"), value.str("code").unwrap_or_default());
        match member(self.definitions, &set, system, code) {
            Membership::Out => {
                let text = format!("\"{}\" is not in the value set {} of the form", short(code), set.label());
                self.error(IssueCode::CodeInvalid, text, place);
            }
            Membership::In => {
                let known = system.and_then(|s| self.definitions.code_system(s, None));
                let listed = set.include.iter().flat_map(|i| &i.concepts).find(|own| own.code == code);
                let wrong = value.str("display").is_some_and(|display| {
                    known.as_ref().and_then(|k| k.find(code)).is_some_and(|c| !is_text_of(&c, display))
                        || listed
                            .and_then(|own| own.display.as_deref())
                            .is_some_and(|d| !d.eq_ignore_ascii_case(display))
                });
                if wrong && (self.policy.warnings || self.policy.displays >= Severity::Error) {
                    let issue = Issue::error(IssueCode::Invalid, "the display is not that of the code");
                    self.issues.push(Issue { severity: self.policy.displays, ..issue }.at(place));
                }
            }
            Membership::Unknown(what) => {
                let text = format!("{what} is not known here, so the answer was not checked");
                self.issues.push(Issue::warning(IssueCode::NotFound, text).at(place));
            }
        }
    }

    fn limits(&mut self, question: &Value, value: &Value, at: &str) {
        for (url, beyond, word) in [
            ("http://hl7.org/fhir/StructureDefinition/minValue", std::cmp::Ordering::Less, "least"),
            ("http://hl7.org/fhir/StructureDefinition/maxValue", std::cmp::Ordering::Greater, "most"),
        ] {
            let Some((_, limit)) = extension(question, url).and_then(value_of) else { continue };
            if order(value, limit) == Some(beyond) {
                self.error(IssueCode::Invalid, format!("the form asks for at {word} {limit}"), at);
            }
        }
        let places = extension(question, "http://hl7.org/fhir/StructureDefinition/maxDecimalPlaces");
        let most =
            places.and_then(|e| e.get("valueInteger")).and_then(Value::as_number).and_then(|n| n.as_u64());
        if let (Some(most), Value::Number(number)) = (most, value) {
            let given = number.as_str().split_once('.').map_or(0, |(_, digits)| digits.len());
            if given as u64 > most {
                self.error(IssueCode::Invalid, format!("the form takes at most {most} decimal places"), at);
            }
        }
    }

    fn text(&mut self, question: &Value, value: &Value, at: &str) {
        let text = value.as_str().unwrap_or_default();
        let number = |v: &Value| v.as_number().and_then(|n| n.as_u64()).and_then(|n| usize::try_from(n).ok());
        if let Some(most) = question.get("maxLength").and_then(number)
            && text.chars().count() > most
        {
            self.error(IssueCode::TooLong, format!("the form takes at most {most} characters"), at);
        }
        let least = extension(question, "http://hl7.org/fhir/StructureDefinition/minLength");
        if let Some(least) = least.and_then(|e| e.get("valueInteger")).and_then(number)
            && text.chars().count() < least
        {
            self.error(IssueCode::Invalid, format!("the form asks for at least {least} characters"), at);
        }
        let wanted = extension(question, "http://hl7.org/fhir/StructureDefinition/regex");
        if let Some(expression) = wanted.and_then(|e| e.str("valueString"))
            && pattern::whole(expression).is_some_and(|e| !e.is_match(text))
        {
            let text = format!("does not have the form that is asked for ({})", short(expression));
            self.error(IssueCode::Invalid, text, at);
        }
    }

    fn quantity(&mut self, question: &Value, value: &Value, at: &str) {
        let unit_option = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption";
        let units: Vec<&Value> = (question.items("extension").iter())
            .filter(|e| e.str("url") == Some(unit_option))
            .filter_map(|e| e.get("valueCoding"))
            .collect();
        let is_unit = |unit: &&Value| {
            unit.str("code") == value.str("code") && unit.str("system") == value.str("system")
        };
        if !units.is_empty() && !units.iter().any(is_unit) {
            let known: Vec<&str> = units.iter().filter_map(|u| u.str("code")).collect();
            self.error(IssueCode::Invalid, format!("the form takes the units {}", known.join(", ")), at);
        }
        let set = extension(question, "http://hl7.org/fhir/StructureDefinition/questionnaire-unitValueSet");
        let set = set.and_then(|e| e.str("valueCanonical")).map(canonical);
        if let Some(set) = set.and_then(|(url, version)| self.definitions.value_set(url, version))
            && member(self.definitions, &set, value.str("system"), value.str("code").unwrap_or_default())
                == Membership::Out
        {
            self.error(
                IssueCode::CodeInvalid,
                format!("the unit is not in the value set {}", set.label()),
                at,
            );
        }
        for (name, beyond, word) in [
            ("minQuantity", std::cmp::Ordering::Less, "least"),
            ("maxQuantity", std::cmp::Ordering::Greater, "most"),
        ] {
            let sdc = format!("http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-{name}");
            let Some(limit) = extension(question, &sdc).and_then(|e| e.get("valueQuantity")) else {
                continue;
            };
            let coded = |q: &Value| Some((q.str("system")?.to_owned(), q.str("code")?.to_owned()));
            let text = match (coded(value), coded(limit)) {
                (Some(own), Some(other)) if own == other => {
                    let pair = value.get("value").zip(limit.get("value"));
                    match pair.and_then(|(own, other)| order(own, other)) {
                        Some(found) if found == beyond => {
                            format!("the form asks for at {word} this: {limit}")
                        }
                        _ => continue,
                    }
                }
                (Some(_), Some(_)) => format!("the unit cannot be compared with that of the limit: {limit}"),
                _ => "cannot be compared with the limit of the form: a unit has no code".to_owned(),
            };
            self.error(IssueCode::Invalid, text, at);
        }
    }

    /// The type that an absolute address names must be one of R4.
    fn reference(&mut self, value: &Value, at: &str) {
        let Some(text) = value.str("reference") else { return };
        if Reference::parse(text).is_none() {
            return; // The structure check has said so.
        }
        let mut steps = text.split("/_history/").next().unwrap_or(text).rsplit('/');
        let (_, kind) = (steps.next(), steps.next().unwrap_or_default());
        let named = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.bytes().all(|b| b.is_ascii_alphabetic());
        if text.contains("://") && named && ResourceType::parse(kind).is_none() {
            self.error(IssueCode::Invalid, format!("{} is not a resource type", short(kind)), at);
        }
    }
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether a question may be hidden, so that its answer is not missed.
fn conditional(question: &Value) -> bool {
    question.get("enableWhen").is_some()
        || question
            .items("extension")
            .iter()
            .any(|e| e.str("url").is_some_and(|u| u.ends_with("enableWhenExpression")))
}

fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    value.items("extension").iter().find(|e| e.str("url") == Some(url))
}

/// The member `value…` with its name.
fn value_of(holder: &Value) -> Option<(&str, &Value)> {
    holder.as_object()?.iter().find(|(key, _)| key.starts_with("value"))
}

/// Whether an answer is an option: a Coding by system and code, and by display where it has no code.
fn same(answer: &Value, option: &Value) -> bool {
    match (answer.as_object(), option.as_object()) {
        (Some(_), Some(_)) => {
            let by = |key: &str| answer.str(key) == option.str(key);
            if option.get("reference").is_some() {
                return by("reference");
            }
            by("system") && by("code") && (option.get("code").is_some() || by("display"))
        }
        _ => answer == option,
    }
}

/// How two numbers, dates or times stand to each other; none where the shorter date is the beginning of the longer.
fn order(own: &Value, limit: &Value) -> Option<std::cmp::Ordering> {
    match (own, limit) {
        (Value::Number(a), Value::Number(b)) => {
            Some(decimal::encode(a.as_str())?.cmp(&decimal::encode(b.as_str())?))
        }
        (Value::String(a), Value::String(b)) => {
            let length = a.len().min(b.len());
            Some(a.get(..length)?.cmp(b.get(..length)?))
        }
        _ => None,
    }
}
