//! The manifest of `$import`: NDJSON files by type, as JSON of its own form or as a Parameters resource.

use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::json::Value;

/// What an import is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportAsk {
    /// The system that the records come from, as a URI; records without an id get one that follows from it.
    pub source: String,
    /// The files, in the order in which they are taken.
    pub inputs: Vec<Input>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Type of every record in it.
    pub kind: ResourceType,
    /// Where it is, as written.
    pub url: String,
}

/// Most files of one import.
const MOST_INPUTS: usize = 1_000;
/// Longest text of a member.
const LONGEST: usize = 2_000;

/// Reads a manifest.
///
/// # Errors
/// An [`Outcome`] with every member that cannot be honoured and its place.
pub fn read(manifest: &Value) -> Result<ImportAsk, Outcome> {
    let reader =
        Reader { parameters: manifest.str("resourceType") == Some("Parameters"), issues: Vec::new() };
    reader.read(manifest)
}

struct Reader {
    parameters: bool,
    issues: Vec<Issue>,
}

/// A member of either form: its name, its value, and its place.
struct Member<'a> {
    name: &'a str,
    value: &'a Value,
    place: String,
}

impl Reader {
    fn read(mut self, manifest: &Value) -> Result<ImportAsk, Outcome> {
        let (mut source, mut inputs, mut format) = (None, Vec::new(), false);
        let members = self.members(manifest, "");
        if members.len() > MOST_INPUTS + 10 {
            return Err(Outcome::error(
                IssueCode::TooLong,
                format!("One import takes at most {MOST_INPUTS} files."),
            ));
        }
        for member in members {
            let text = self.text(&member);
            match (member.name, text) {
                ("inputFormat", Some("application/fhir+ndjson" | "application/ndjson")) => format = true,
                ("inputFormat", _) => self.refuse(IssueCode::NotSupported, "inputFormat must be application/fhir+ndjson.", &member.place),
                ("inputSource", Some(text)) if !text.is_empty() && text.len() <= LONGEST => source = Some(text.to_owned()),
                ("inputSource", _) => self.refuse(IssueCode::Value, "inputSource must be the URI of the sending system.", &member.place),
                ("mode", Some("merge")) => {}
                ("mode", _) => self.refuse(
                    IssueCode::NotSupported,
                    "The only mode is merge: a record that is here gets the version of the file, and none is removed.",
                    &member.place,
                ),
                ("storageDetail", _) => self.storage(&member),
                ("input", _) => self.input(&member, &mut inputs),
                ("resourceType", _) => {}
                (name, _) => {
                    let shown: String = name.chars().take(100).collect();
                    let text = format!("An import manifest has no member \"{shown}\" here.");
                    self.refuse(IssueCode::NotSupported, &text, &member.place);
                }
            }
        }
        if !format {
            self.refuse(IssueCode::Required, "inputFormat is missing.", "inputFormat");
        }
        if source.is_none() {
            self.refuse(IssueCode::Required, "inputSource is missing.", "inputSource");
        }
        if inputs.is_empty() {
            self.refuse(IssueCode::Required, "There is no input.", "input");
        }
        if inputs.len() > MOST_INPUTS {
            self.refuse(
                IssueCode::TooLong,
                &format!("One import takes at most {MOST_INPUTS} files."),
                "input",
            );
        }
        match source {
            Some(source) if self.issues.is_empty() => Ok(ImportAsk { source, inputs }),
            _ => Err(Outcome::of(self.issues)),
        }
    }

    /// The members of an object, or the parameters of a Parameters resource; lists one by one.
    fn members<'a>(&self, value: &'a Value, place: &str) -> Vec<Member<'a>> {
        let under = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        if self.parameters {
            let list = if place.is_empty() { "parameter" } else { "part" };
            let items = value.items(list).iter().enumerate();
            let root = if place.is_empty() { "Parameters" } else { place };
            return items
                .map(|(n, item)| Member {
                    name: item.str("name").unwrap_or_default(),
                    value: item,
                    place: format!("{root}.{list}[{n}]"),
                })
                .collect();
        }
        let Some(object) = value.as_object() else { return Vec::new() };
        let mut members = Vec::new();
        for (name, value) in object.iter() {
            match value.as_array() {
                Some(items) => members.extend(items.iter().enumerate().map(|(n, value)| Member {
                    name,
                    value,
                    place: format!("{}[{n}]", under(name)),
                })),
                None => members.push(Member { name, value, place: under(name) }),
            }
        }
        members
    }

    fn text<'a>(&self, member: &Member<'a>) -> Option<&'a str> {
        if !self.parameters {
            return member.value.as_str();
        }
        let mut members = member.value.as_object()?.iter();
        members.find(|(key, _)| key.starts_with("value")).and_then(|(_, value)| value.as_str())
    }

    fn input(&mut self, member: &Member<'_>, inputs: &mut Vec<Input>) {
        let (mut kind, mut url) = (None, None);
        for part in self.members(member.value, &member.place) {
            match (part.name, self.text(&part)) {
                ("type", Some(text)) => match ResourceType::parse(text) {
                    Some(found) => kind = Some(found),
                    None => {
                        self.refuse(IssueCode::Value, "This is not a resource type of FHIR R4.", &part.place)
                    }
                },
                ("url", Some(text)) if !text.is_empty() && text.len() <= LONGEST => {
                    url = Some(text.to_owned())
                }
                _ => self.refuse(
                    IssueCode::Value,
                    "An input has a type and a url, and nothing else.",
                    &part.place,
                ),
            }
        }
        match (kind, url) {
            (Some(kind), Some(url)) => inputs.push(Input { kind, url }),
            _ => self.refuse(IssueCode::Required, "An input has a type and a url.", &member.place),
        }
    }

    fn storage(&mut self, member: &Member<'_>) {
        for part in self.members(member.value, &member.place) {
            let known = part.name == "type" && matches!(self.text(&part), Some("file" | "https"));
            if !known {
                self.refuse(
                    IssueCode::NotSupported,
                    "storageDetail takes a type (file) and nothing else.",
                    &part.place,
                );
            }
        }
    }

    fn refuse(&mut self, code: IssueCode, text: &str, place: &str) {
        self.issues.push(Issue::error(code, text).at(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn ask(text: &str) -> Result<ImportAsk, Vec<String>> {
        read(&parse(text.as_bytes(), &Limits::default()).unwrap())
            .map_err(|outcome| outcome.issues.into_iter().flat_map(|issue| issue.expression).collect())
    }

    #[test]
    fn both_forms_say_the_same() {
        let json = r#"{"inputFormat":"application/fhir+ndjson","inputSource":"https://lab.example","mode":"merge",
            "storageDetail":{"type":"file"},"input":[{"type":"Patient","url":"a.ndjson"},{"type":"Observation","url":"b.ndjson"}]}"#;
        let parameters = r#"{"resourceType":"Parameters","parameter":[
            {"name":"inputFormat","valueCode":"application/fhir+ndjson"},{"name":"inputSource","valueUri":"https://lab.example"},
            {"name":"mode","valueCode":"merge"},{"name":"storageDetail","part":[{"name":"type","valueCode":"file"}]},
            {"name":"input","part":[{"name":"type","valueCode":"Patient"},{"name":"url","valueUri":"a.ndjson"}]},
            {"name":"input","part":[{"name":"type","valueCode":"Observation"},{"name":"url","valueUri":"b.ndjson"}]}]}"#;
        let one = ask(json).unwrap();
        assert_eq!(one.source, "https://lab.example");
        assert_eq!(one.inputs.len(), 2);
        assert_eq!(one.inputs[1], Input { kind: ResourceType::OBSERVATION, url: "b.ndjson".into() });
        assert_eq!(one, ask(parameters).unwrap());
    }

    #[test]
    fn what_cannot_be_honoured_is_named_with_its_place() {
        assert_eq!(ask("{}").unwrap_err(), ["inputFormat", "inputSource", "input"]);
        let head = r#""inputFormat":"application/fhir+ndjson","inputSource":"x""#;
        let good = r#"{"type":"Patient","url":"a"}"#;
        for (text, place) in [
            (format!(r#"{{{head},"input":[{good}],"mode":"replace"}}"#), "mode"),
            (format!(r#"{{{head},"input":[{good}],"extra":1}}"#), "extra"),
            (format!(r#"{{{head},"input":[{good},{{"type":"Pacient","url":"a"}}]}}"#), "input[1].type"),
            (format!(r#"{{{head},"input":[{good},{{"type":"Patient"}}]}}"#), "input[1]"),
            (
                format!(r#"{{{head},"input":[{good}],"storageDetail":{{"type":"azure"}}}}"#),
                "storageDetail.type",
            ),
        ] {
            assert_eq!(ask(&text).unwrap_err().first().map(String::as_str), Some(place), "{text}");
        }
    }
}
