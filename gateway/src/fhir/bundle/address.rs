//! `Bundle.entry.request.url`: an address relative to the base of the server.

use crate::fhir::id::{LogicalId, ResourceType};
use crate::fhir::search::query;

/// What an address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `Type` or `Type?query`: create, search, conditional interaction.
    Type {
        /// The type.
        kind: ResourceType,
        /// Decoded parameters.
        query: Vec<(String, String)>,
    },
    /// `Type/id`, perhaps with parameters such as `_summary`.
    Instance {
        /// The type.
        kind: ResourceType,
        /// The id.
        id: LogicalId,
        /// Decoded parameters.
        query: Vec<(String, String)>,
    },
    /// `Type/id/_history/version`
    Version {
        /// The type.
        kind: ResourceType,
        /// The id.
        id: LogicalId,
        /// The version as it was written.
        version: String,
    },
    /// `Type/id/_history`
    History {
        /// The type.
        kind: ResourceType,
        /// The id.
        id: LogicalId,
        /// Decoded parameters.
        query: Vec<(String, String)>,
    },
    /// `Type/_history`, or `_history` of everything
    Log {
        /// The type; none for everything.
        kind: Option<ResourceType>,
        /// Decoded parameters.
        query: Vec<(String, String)>,
    },
    /// `metadata`
    Metadata,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, String> {
        if crate::fhir::id::has_scheme(url) {
            return Err("the address must be relative to the base of the server".to_owned());
        }
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let query = match query {
            Some(text) => query::decode(text).map_err(|_| "the query is not correctly encoded".to_owned())?,
            None => Vec::new(),
        };
        let path = percent_decode(path.strip_prefix('/').unwrap_or(path), false)
            .ok_or_else(|| "the address is not correctly encoded".to_owned())?;
        let steps: Vec<&str> = path.split('/').collect();
        if steps == ["metadata"] {
            return Ok(Self::Metadata);
        }
        if steps == ["_history"] {
            return Ok(Self::Log { kind: None, query });
        }
        let name = steps.first().copied().unwrap_or_default();
        let kind = ResourceType::parse(name).ok_or_else(|| format!("\"{name}\" is not a resource type"))?;
        let logical_id =
            |id: &str| LogicalId::parse(id).ok_or_else(|| format!("\"{id}\" is not a logical id"));
        match steps.as_slice() {
            [_] => Ok(Self::Type { kind, query }),
            [_, "_history"] => Ok(Self::Log { kind: Some(kind), query }),
            [_, id] => Ok(Self::Instance { kind, id: logical_id(id)?, query }),
            [_, id, "_history"] => Ok(Self::History { kind, id: logical_id(id)?, query }),
            [_, id, "_history", version] if query.is_empty() => {
                Ok(Self::Version { kind, id: logical_id(id)?, version: (*version).to_owned() })
            }
            _ => Err("this interaction is not supported in a bundle".to_owned()),
        }
    }
}

/// Decodes `%XX`, and `+` as a space in forms. `None` for a broken escape, a control character or bytes that are not UTF-8.
pub fn percent_decode(text: &str, form: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                let digits =
                    std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = tail;
            }
            b'+' if form => out.push(b' '),
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok().filter(|t| !t.chars().any(|c| c.is_control() && c != '\n' && c != '\t'))
}
