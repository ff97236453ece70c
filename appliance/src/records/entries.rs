//! Small entries made from the chart (an allergy, "none known", a problem) and the bytes of its documents.
//!
//! Owns checking the small forms and storing their resources for a patient who exists.

use clinicvault_gateway::fhir::datetime::Moment;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::Kind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Error;
use super::write::Draft;
use super::{Caller, Records};
use crate::clinic::chart::{allergy_resource, problem_resource};
use crate::clinic::form::Wrong;

/// An allergy, or that none are known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAllergy {
    /// True to record, with today's date, that none are known. Then nothing else is given.
    #[serde(default)]
    pub none: bool,
    /// Substance.
    pub substance: Option<String>,
    /// What happened.
    pub reaction: Option<String>,
    /// mild, moderate or severe.
    pub severity: Option<String>,
    /// confirmed or unconfirmed.
    pub certainty: Option<String>,
}

/// A problem.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProblem {
    /// The words.
    pub text: String,
    /// Year, month or day of the beginning.
    pub since: Option<String>,
}

/// The bytes of a document, safe to hand to a browser for saving.
#[derive(Debug)]
pub struct Download {
    /// Media type from the short list of [`media_type`].
    pub content_type: String,
    /// Plain ASCII without quotes or paths.
    pub file_name: String,
    /// The attachment.
    pub bytes: Vec<u8>,
}

/// Longest text of a small entry, characters.
const MOST: usize = 300;

impl Records {
    /// Stores an allergy; the inner error is for the person who typed.
    pub async fn add_allergy(
        &self,
        from: &Caller,
        patient: &str,
        new: NewAllergy,
    ) -> Result<Result<String, Wrong>, Error> {
        let json = match allergy(patient, &new, self.now()) {
            Ok(json) => json,
            Err(wrong) => return Ok(Err(wrong)),
        };
        self.add(from, patient, json).await.map(Ok)
    }

    /// Stores a problem; the inner error is for the person who typed.
    pub async fn add_problem(
        &self,
        from: &Caller,
        patient: &str,
        new: NewProblem,
    ) -> Result<Result<String, Wrong>, Error> {
        let json = match problem(patient, &new, self.now()) {
            Ok(json) => json,
            Err(wrong) => return Ok(Err(wrong)),
        };
        self.add(from, patient, json).await.map(Ok)
    }

    async fn add(&self, from: &Caller, patient: &str, json: Value) -> Result<String, Error> {
        let known = self.vault().snapshot()?.head(Kind(ResourceType::PATIENT.number()), patient)?;
        if known.is_none_or(|head| head.deleted) {
            return Err(Error::missing(ResourceType::PATIENT, patient));
        }
        Ok(self.create(from, Draft::of(json)?, None).await?.stored.head.id)
    }

    /// The attachment of a patient's document. Reading it is recorded by the read itself.
    pub fn document(&self, from: &Caller, patient: &str, document: &str) -> Result<Download, Error> {
        let missing = || Error::missing(ResourceType::DOCUMENT_REFERENCE, document);
        let stored = self.read(&from.who, ResourceType::DOCUMENT_REFERENCE, document)?;
        if super::audit::patient_of(&stored.head.owner) != Some(patient) {
            return Err(missing());
        }
        let json = json::parse(&stored.body, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged("a document".to_owned()))?;
        let attachment =
            json.items("content").iter().find_map(|content| content.get("attachment")).ok_or_else(missing)?;
        let data = attachment.str("data").ok_or_else(missing)?;
        let plain: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = data_encoding::BASE64
            .decode(&plain)
            .map_err(|_| Error::Damaged("the attachment is not base64".to_owned()))?;
        let (content_type, ending) = media_type(attachment.str("contentType").unwrap_or_default());
        Ok(Download {
            content_type: content_type.to_owned(),
            file_name: format!("document-{document}.{ending}"),
            bytes,
        })
    }
}

/// Types that a browser may save under their own name; everything else, HTML and SVG above all, is plain bytes.
fn media_type(stated: &str) -> (&'static str, &'static str) {
    match stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/pdf" => ("application/pdf", "pdf"),
        "image/jpeg" => ("image/jpeg", "jpg"),
        "image/png" => ("image/png", "png"),
        "text/plain" => ("text/plain; charset=utf-8", "txt"),
        _ => ("application/octet-stream", "bin"),
    }
}

fn allergy(patient: &str, new: &NewAllergy, now: jiff::Timestamp) -> Result<Value, Wrong> {
    let substance = line("substance", new.substance.as_deref())?;
    let reaction = line("reaction", new.reaction.as_deref())?;
    let severity = one_of("severity", new.severity.as_deref(), &["mild", "moderate", "severe"])?;
    let certainty = one_of("certainty", new.certainty.as_deref(), &["confirmed", "unconfirmed"])?;
    match (new.none, &substance) {
        (true, None) if reaction.is_none() && severity.is_none() => {
            Ok(allergy_resource(patient, None, None, None, "confirmed", now))
        }
        (true, _) => Err(wrong("none", "both", "Either none are known, or one is listed.")),
        (false, None) => Err(wrong("substance", "required", "Name the substance.")),
        (false, Some(substance)) => Ok(allergy_resource(
            patient,
            Some(substance),
            reaction.as_deref(),
            severity,
            certainty.unwrap_or("unconfirmed"),
            now,
        )),
    }
}

fn problem(patient: &str, new: &NewProblem, now: jiff::Timestamp) -> Result<Value, Wrong> {
    let words =
        line("text", Some(&new.text))?.ok_or_else(|| wrong("text", "required", "Name the problem."))?;
    let since = new.since.as_deref().map(str::trim).filter(|since| !since.is_empty());
    if since.is_some_and(|since| Moment::date(since).is_none()) {
        return Err(wrong("since", "badDate", "This is not a date. Type a year, a month or a day."));
    }
    Ok(problem_resource(patient, &words, since, now))
}

fn line(field: &'static str, value: Option<&str>) -> Result<Option<String>, Wrong> {
    let Some(value) = value else { return Ok(None) };
    let tidy = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if tidy.chars().any(char::is_control) {
        return Err(wrong(field, "control", "This holds characters that cannot be shown. Type it again."));
    }
    if tidy.chars().count() > MOST {
        return Err(wrong(field, "tooLong", "This is too long."));
    }
    Ok(Some(tidy).filter(|tidy| !tidy.is_empty()))
}

fn one_of(
    field: &'static str,
    value: Option<&str>,
    known: &[&'static str],
) -> Result<Option<&'static str>, Wrong> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let found = known.iter().copied().find(|each| *each == value);
    found.map(Some).ok_or_else(|| wrong(field, "unknownChoice", "Choose one of the values shown."))
}

fn wrong(field: &'static str, code: &'static str, message: &str) -> Wrong {
    Wrong { field, code, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allergy_of(json: &str) -> Result<String, &'static str> {
        let new: NewAllergy = serde_json::from_str(json).unwrap();
        let made = allergy("p", &new, jiff::Timestamp::UNIX_EPOCH).map_err(|wrong| wrong.code)?;
        Ok(String::from_utf8(made.to_vec()).unwrap())
    }

    #[test]
    fn an_allergy_form_is_one_thing_or_the_other() {
        assert!(allergy_of(r#"{"none":true}"#).unwrap().contains("716186003"));
        let made = allergy_of(r#"{"substance":" Egg ","severity":"mild"}"#).unwrap();
        assert!(
            made.contains(r#""text":"Egg""#)
                && made.contains(r#""severity":"mild""#)
                && made.contains("unconfirmed")
        );
        for (json, code) in [
            (r#"{"none":true,"substance":"Egg"}"#, "both"),
            (r#"{}"#, "required"),
            (r#"{"substance":"Egg","severity":"fatal"}"#, "unknownChoice"),
        ] {
            assert_eq!(allergy_of(json), Err(code), "{json}");
        }
    }

    #[test]
    fn a_page_in_disguise_is_saved_as_plain_bytes() {
        for (stated, expected) in [
            ("application/pdf", "pdf"),
            ("text/html", "bin"),
            ("image/svg+xml", "bin"),
            ("TEXT/PLAIN; charset=x", "txt"),
            ("", "bin"),
        ] {
            assert_eq!(media_type(stated).1, expected, "{stated}");
        }
    }
}
