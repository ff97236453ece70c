//! `_include` and `_revinclude`: which linked records come along with what matched.

use super::super::Context;
use super::super::params::{self, Asked, Param, ParamType};
use super::{bad_value, shown};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};

/// One `_include` or `_revinclude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Type of the records that hold the reference; `None` is every type (`*`).
    pub source: Option<ResourceType>,
    /// The reference parameter; `None` is every one (`*`).
    pub param: Option<String>,
    /// Only records of this type are brought along (or, in reverse, led from).
    pub target: Option<ResourceType>,
    /// Whether it is `_revinclude`: the records that refer come along.
    pub reverse: bool,
    /// Whether records that came along are followed, too.
    pub iterate: bool,
}

impl Include {
    /// Reads the value of `_include` or `_revinclude` with its modifier, on a search of `kind`.
    pub(super) fn read(
        kind: ResourceType,
        name: &str,
        modifier: Option<&str>,
        value: &str,
        context: &Context,
    ) -> Result<Self, Issue> {
        let reverse = name.starts_with("_revinclude");
        let iterate = match modifier {
            None => false,
            // The name of STU3, which clients still send.
            Some("iterate" | "recurse") => true,
            Some(_) => return Err(super::unsupported(name)),
        };
        let bad = |why: &str| bad_value(name, value, why);
        let mut parts = value.split(':');
        let (source, code, target) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(bad("it is written Type:parameter or Type:parameter:Type"));
        }
        let type_of = |name: &str| {
            ResourceType::parse(name).ok_or_else(|| bad(&format!("\"{}\" is no resource type", shown(name))))
        };
        let (source, code) = match (source, code) {
            ("*", None | Some("*")) => (None, "*"),
            ("*", Some(_)) => return Err(bad("a parameter belongs to a type")),
            (_, None) => return Err(bad("it is written Type:parameter or Type:parameter:Type")),
            (source, Some(code)) => (Some(type_of(source)?), code),
        };
        let target = target.map(type_of).transpose()?;
        let param = match (source, code) {
            (None, _) | (_, "*") => {
                context.own.references_are_ready(source.or((!reverse && !iterate).then_some(kind)))?;
                None
            }
            (Some(source), code) => Some(reference(source, code, context)?),
        };
        let reaches = |kind: ResourceType, param: &Param| {
            let targets = param.targets();
            targets.is_empty() || targets.contains(&kind)
        };
        if !reverse && !iterate && source.is_some_and(|source| source != kind) {
            return Err(bad(&format!("what matches is a {kind}; use :iterate to follow what came along")));
        }
        if let (Some(param), true, false) = (param, reverse, iterate)
            && !reaches(kind, param)
        {
            return Err(bad(&format!("this parameter does not refer to {kind}")));
        }
        if let (Some(param), Some(target)) = (param, target)
            && !reaches(target, param)
        {
            return Err(bad(&format!("this parameter does not refer to {target}")));
        }
        Ok(Self { source, param: param.map(|p| p.code.to_string()), target, reverse, iterate })
    }

    /// Whether it follows references of records of this type.
    pub fn follows(&self, kind: ResourceType) -> bool {
        self.source.is_none_or(|source| source == kind)
    }

    /// The reference parameters of `source` that it is about.
    pub fn params<'a>(
        &'a self,
        source: ResourceType,
        context: &'a Context,
    ) -> impl Iterator<Item = &'a Param> {
        let own = context.own.ready(source).filter(|param| param.kind == ParamType::Reference);
        let standard = references(source).map(|param| -> &'a Param { param });
        standard.chain(own).filter(|param| self.param.as_ref().is_none_or(|code| *code == param.code))
    }

    /// Where the values of those parameters are stored, each place once.
    pub fn stored(&self, source: ResourceType, context: &Context) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        for asked in self.params(source, context).flat_map(Param::stored) {
            if !all.contains(&asked) {
                all.push(asked);
            }
        }
        all
    }
}

/// The standard's reference parameters of a type.
pub fn references(kind: ResourceType) -> impl Iterator<Item = &'static Param> {
    params::of(kind).filter(|param| param.kind == ParamType::Reference)
}

fn reference<'a>(kind: ResourceType, code: &str, context: &'a Context) -> Result<&'a Param, Issue> {
    let param = context.param(kind, code)?.filter(|param| param.kind == ParamType::Reference);
    param.ok_or_else(|| {
        let text = format!("{kind} has no reference parameter \"{}\" here.", shown(code));
        Issue::error(IssueCode::NotSupported, text)
    })
}
