//! A resource: checked JSON with its type, id and meta.
//!
//! What the client sent is kept member for member; only `id`, `meta.versionId` and `meta.lastUpdated` are set by the box.

use jiff::Timestamp;

use super::datetime;
use super::id::{LogicalId, ResourceType};
use super::outcome::{Issue, IssueCode, Outcome};
use super::validate;
use crate::json::{self, Limits, Object, Value};

/// A resource of R4 that has passed the structure check, or was stored by this box.
#[derive(Clone, PartialEq, Eq)]
pub struct Resource {
    kind: ResourceType,
    json: Value,
}

/// Type and id only: content is never shown in logs.
impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resource({}/{})", self.kind, self.id().unwrap_or("?"))
    }
}

impl Resource {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// An [`Outcome`] with every problem: not JSON (one fatal issue), or each broken rule with its place.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, Outcome> {
        Self::from_value(json::parse(body, limits)?)
    }

    /// Checks a tree.
    ///
    /// # Errors
    /// An [`Outcome`] with every broken rule and its place.
    pub fn from_value(json: Value) -> Result<Self, Outcome> {
        let kind = kind_of(&json)?;
        let issues = validate::structure(&json);
        if issues.iter().any(|issue| issue.severity >= super::outcome::Severity::Error) {
            return Err(Outcome::of(issues));
        }
        Ok(Self { kind, json })
    }

    /// Checks a tree with a validator.
    ///
    /// # Errors
    /// An [`Outcome`] with every broken rule and its place, warnings too when the policy asks for them.
    pub fn checked(json: Value, validator: &validate::Validator<'_>) -> Result<Self, Outcome> {
        let kind = kind_of(&json)?;
        let issues = validator.check(&json, &[]);
        if issues.iter().any(|issue| issue.severity >= super::outcome::Severity::Error) {
            return Err(Outcome::of(issues));
        }
        Ok(Self { kind, json })
    }

    /// Takes a body that this box checked when it stored it; only JSON and type are looked at.
    ///
    /// # Errors
    /// An [`Outcome`] when the stored bytes are not a resource.
    pub fn stored(body: &[u8]) -> Result<Self, Outcome> {
        let json = json::parse(body, &Limits::bytes(usize::MAX))?;
        Ok(Self { kind: kind_of(&json)?, json })
    }

    /// Its type.
    pub const fn kind(&self) -> ResourceType {
        self.kind
    }

    /// Its logical id, when it has one.
    pub fn id(&self) -> Option<&str> {
        self.json.str("id")
    }

    /// The logical id as a checked value, when it has one.
    pub fn logical_id(&self) -> Option<LogicalId> {
        self.id().and_then(LogicalId::parse)
    }

    /// `meta.versionId`, when set.
    pub fn version(&self) -> Option<&str> {
        self.json.get("meta")?.str("versionId")
    }

    /// `meta.lastUpdated`, when set.
    pub fn last_updated(&self) -> Option<&str> {
        self.json.get("meta")?.str("lastUpdated")
    }

    /// The whole tree.
    pub const fn json(&self) -> &Value {
        &self.json
    }

    /// The tree, taken out.
    pub fn into_json(self) -> Value {
        self.json
    }

    /// Sets `id`: in its place when there was one, behind `resourceType` when there was none.
    pub fn set_id(&mut self, id: &LogicalId) {
        let Some(object) = self.json.as_object_mut() else { return };
        if object.contains_key("id") {
            object.insert("id", id.as_str());
        } else {
            let behind = object.position("resourceType").map_or(0, |n| n + 1);
            object.insert_at(behind, "id", id.as_str());
        }
        object.remove("_id");
    }

    /// Sets `meta.versionId` and `meta.lastUpdated` in front of whatever else meta holds.
    pub fn set_meta(&mut self, version: u64, last_updated: Timestamp) {
        self.stamp(&version.to_string(), &datetime::instant(last_updated));
    }

    fn stamp(&mut self, version: &str, last_updated: &str) {
        let Some(object) = self.json.as_object_mut() else { return };
        if !matches!(object.get("meta"), Some(Value::Object(_))) {
            let behind =
                object.position("id").or_else(|| object.position("resourceType")).map_or(0, |n| n + 1);
            object.insert_at(behind, "meta", Object::new());
        }
        if let Some(meta) = object.get_mut("meta").and_then(Value::as_object_mut) {
            meta.remove("_versionId");
            meta.remove("_lastUpdated");
            meta.insert_at(0, "versionId", version);
            meta.insert_at(1, "lastUpdated", last_updated);
        }
    }

    /// The resource as compact JSON.
    pub fn to_vec(&self) -> Vec<u8> {
        self.json.to_vec()
    }

    /// Writes the resource once, leaving two gaps for what only the writer knows: version and commit time.
    pub fn template(mut self) -> Template {
        self.stamp("", "");
        let bytes = self.json.to_vec();
        // `meta` is a member of the outermost object, so everything in front of it is written the same way again.
        let mut head = vec![b'{'];
        for (key, value) in self.json.as_object().into_iter().flat_map(Object::iter) {
            json::write_key(key, &mut head);
            if key == "meta" {
                break;
            }
            value.write_to(&mut head);
            head.push(b',');
        }
        head.extend_from_slice(VERSION_GAP);
        let tail_at = head.len() + TIME_GAP.len();
        let tail = bytes.get(tail_at..).unwrap_or_default().to_vec();
        Template { head, tail }
    }
}

const VERSION_GAP: &[u8] = b"{\"versionId\":\"";
const TIME_GAP: &[u8] = b"\",\"lastUpdated\":\"";

/// A resource written but for version and commit time, so that the one writer only copies bytes.
#[derive(Clone)]
pub struct Template {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Template {
    /// The complete text.
    pub fn finish(&self, version: u64, last_updated: Timestamp) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.head.len() + self.tail.len() + 64);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(version.to_string().as_bytes());
        out.extend_from_slice(TIME_GAP);
        out.extend_from_slice(datetime::instant(last_updated).as_bytes());
        out.extend_from_slice(&self.tail);
        out
    }
}

/// Size only: content is never shown in logs.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({} bytes)", self.head.len() + self.tail.len())
    }
}

/// The type that a tree says it is.
///
/// # Errors
/// An [`Outcome`] when it is not an object or names no type of R4.
pub fn kind_of(json: &Value) -> Result<ResourceType, Outcome> {
    let Value::Object(object) = json else {
        return Err(Outcome::error(IssueCode::Structure, "A resource is a JSON object."));
    };
    match object.get("resourceType") {
        Some(Value::String(name)) => ResourceType::parse(name).ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            Outcome::from(
                Issue::error(IssueCode::Structure, format!("\"{shown}\" is not a resource type of FHIR R4."))
                    .at("resourceType"),
            )
        }),
        Some(_) => Err(Outcome::from(
            Issue::error(IssueCode::Structure, "resourceType must be a string.").at("resourceType"),
        )),
        None => Err(Outcome::error(IssueCode::Required, "The object has no resourceType.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(text: &str) -> Resource {
        Resource::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn check(text: &str, expected: &str) {
        let now: Timestamp = "2026-11-21T19:50:00.1Z".parse().unwrap();
        let mut resource = patient(text);
        resource.set_id(&LogicalId::parse("7").unwrap());
        let template = resource.clone().template();
        resource.set_meta(3, now);
        assert_eq!(String::from_utf8(resource.to_vec()).unwrap(), expected);
        assert_eq!(String::from_utf8(template.finish(3, now)).unwrap(), expected, "by template");
    }

    #[test]
    fn id_and_meta_are_set_and_the_rest_stays() {
        let meta = r#""meta":{"versionId":"3","lastUpdated":"2026-11-21T19:50:00.100Z""#;
        check(
            r#"{ "resourceType" : "Patient", "birthDate": "1990" }"#,
            &format!(r#"{{"resourceType":"Patient","id":"7",{meta}}},"birthDate":"1990"}}"#),
        );
        check(
            r#"{"active":true,"meta":{"tag":[{"code":"x"}],"versionId":"9"},"id":"1","resourceType":"Patient"}"#,
            &format!(
                r#"{{"active":true,{meta},"tag":[{{"code":"x"}}]}},"id":"7","resourceType":"Patient"}}"#
            ),
        );
        check(r#"{"resourceType":"Patient"}"#, &format!(r#"{{"resourceType":"Patient","id":"7",{meta}}}}}"#));
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for (text, code) in [
            ("[]", "structure"),
            ("{}", "required"),
            (r#"{"resourceType":1}"#, "structure"),
            (r#"{"resourceType":"Patients"}"#, "structure"),
            ("{", "structure"),
        ] {
            let outcome = Resource::parse(text.as_bytes(), &Limits::default()).unwrap_err();
            assert_eq!(outcome.issues[0].code.as_str(), code, "{text}");
        }
    }

    #[test]
    fn logs_see_no_content() {
        let shown =
            format!("{:?}", patient(r#"{"resourceType":"Patient","id":"7","name":[{"text":"Zebedee"}]}"#));
        assert_eq!(shown, "Resource(Patient/7)");
    }
}
