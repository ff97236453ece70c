//! What can be said about an expression before there is a document: whether the elements it names exist.
//!
//! Types are followed through paths, filters and type tests; where they are lost (`resolve()`, `children()`, variables
//! of the caller) every element is taken to be possible.

use super::error::Error;
use super::function::Function as F;
use super::tree::{Call, Operator, Shape, Step, Tree};
use super::types::{FhirType, TypeName, kind_is, kind_name};
use crate::fhir::definitions::{self, Kind, Type, TypeId};

/// What a part of an expression may answer.
#[derive(Clone)]
struct Known {
    /// The kinds of elements; `None` when anything is possible.
    kinds: Option<Vec<Kind>>,
    /// Whether its items stand in an order that the document gives.
    ordered: bool,
}

const ANYTHING: Known = Known { kinds: None, ordered: true };

impl Known {
    fn of(kind: Kind) -> Self {
        Self { kinds: Some(vec![kind]), ordered: true }
    }

    fn or(mut self, other: Self) -> Self {
        self.kinds = match (self.kinds, other.kinds) {
            (Some(mut mine), Some(theirs)) => {
                mine.extend(theirs);
                Some(mine)
            }
            _ => None,
        };
        self.ordered &= other.ordered;
        self
    }
}

/// Checks an expression for a focus of one of these types.
pub(super) fn check(tree: &Tree, roots: &[TypeId]) -> Result<(), Error> {
    let focus = Known { kinds: Some(roots.iter().map(|root| Kind::Complex(*root)).collect()), ordered: true };
    // `%resource` is the focus only when that is a resource.
    let resource = definitions::id_of("Resource");
    let is_resource =
        roots.iter().all(|root| resource.is_some_and(|resource| definitions::is_a(*root, resource)));
    let resource = if is_resource { focus.clone() } else { ANYTHING };
    Checker { context: focus.clone(), resource }.part(tree, &focus).map(drop)
}

struct Checker {
    context: Known,
    resource: Known,
}

/// Kinds beyond this number are not followed.
const MOST_KINDS: usize = 256;

impl Checker {
    fn part(&self, tree: &Tree, focus: &Known) -> Result<Known, Error> {
        match &tree.shape {
            Shape::Literal(_) | Shape::Nothing | Shape::Index | Shape::Total => Ok(ANYTHING),
            Shape::This => Ok(focus.clone()),
            Shape::Variable(name) => match &**name {
                "context" => Ok(self.context.clone()),
                "resource" => Ok(self.resource.clone()),
                _ => Ok(ANYTHING),
            },
            Shape::Name(name) => start(name, tree.at, focus),
            Shape::Call(call) => self.call(call, focus.clone(), focus),
            Shape::Path(first, steps) => {
                let mut current = self.part(first, focus)?;
                for step in steps {
                    current = match step {
                        Step::Member(name, at) => member(name, *at, &current)?,
                        Step::Call(call) => self.call(call, current, focus)?,
                        Step::Item(index) => {
                            self.part(index, focus)?;
                            in_order(&current, index.at, "[]")?;
                            current
                        }
                    };
                }
                Ok(current)
            }
            Shape::Kept(_, inner) => self.part(inner, focus),
            Shape::Sign(_, inner) => self.part(inner, focus).map(|_| ANYTHING),
            Shape::Type(inner, test, of) => {
                let value = self.part(inner, focus)?;
                Ok(if *test { ANYTHING } else { narrowed(&value, *of) })
            }
            Shape::Fold(first, rest) => {
                let mut out = self.part(first, focus)?;
                for (operator, _, right) in rest {
                    let right = self.part(right, focus)?;
                    out = if *operator == Operator::Union { out.or(right) } else { ANYTHING };
                    if out.kinds.as_ref().is_some_and(|k| k.len() > MOST_KINDS) {
                        out = ANYTHING;
                    }
                }
                Ok(out)
            }
        }
    }

    fn call(&self, call: &Call, input: Known, focus: &Known) -> Result<Known, Error> {
        let each = matches!(
            call.function,
            F::Where
                | F::Select
                | F::Exists
                | F::All
                | F::Repeat
                | F::RepeatAll
                | F::Aggregate
                | F::Sort
                | F::Iif
        );
        let mut arguments = Vec::with_capacity(call.arguments.len());
        if call.of.is_none() && call.function != F::GetReferenceKey {
            for (n, argument) in call.arguments.iter().enumerate() {
                let inner = each || (n == 1 && matches!(call.function, F::Trace | F::DefineVariable));
                // What is repeated may be found again in what was found.
                let repeated = matches!(call.function, F::Repeat | F::RepeatAll);
                let argument = match self.part(argument, if inner { &input } else { focus }) {
                    Err(error) if !repeated => return Err(error),
                    other => other.unwrap_or(ANYTHING),
                };
                arguments.push(argument);
            }
        }
        match call.function {
            F::First | F::Last | F::Tail | F::Skip | F::Take => {
                in_order(&input, call.at, call.function.as_str())?;
                Ok(input)
            }
            F::Where | F::Single | F::Distinct | F::Trace | F::DefineVariable | F::Intersect | F::Exclude => {
                Ok(input)
            }
            F::Sort => Ok(Known { ordered: true, ..input }),
            F::As | F::OfType => Ok(call.of.map_or(ANYTHING, |of| narrowed(&input, of))),
            F::Select => Ok(arguments.pop().unwrap_or(ANYTHING)),
            F::Union | F::Combine => {
                Ok(arguments.into_iter().next().map_or(ANYTHING, |other| input.or(other)))
            }
            F::Iif | F::Coalesce => {
                let from = usize::from(call.function == F::Iif);
                Ok(arguments.into_iter().skip(from).reduce(Known::or).unwrap_or(ANYTHING))
            }
            F::Extension => {
                Ok(definitions::id_of("Extension").map_or(ANYTHING, |id| Known::of(Kind::Complex(id))))
            }
            F::Children | F::Descendants => Ok(Known { kinds: None, ordered: false }),
            _ => Ok(ANYTHING),
        }
    }
}

fn in_order(input: &Known, at: u32, what: &str) -> Result<(), Error> {
    if input.ordered {
        Ok(())
    } else {
        Err(Error::semantic(at, format!("\"{what}\" is for items in order; children have none")))
    }
}

/// The first name of a path: the focus's own type, or an element of it.
fn start(name: &str, at: u32, focus: &Known) -> Result<Known, Error> {
    let Some(kinds) = &focus.kinds else { return Ok(ANYTHING) };
    let wanted = definitions::id_of(name).map(FhirType::Complex);
    let named: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| wanted.is_some_and(|wanted| kind_is(*kind, wanted, true)))
        .collect();
    if named.is_empty() {
        member(name, at, focus)
    } else {
        Ok(Known { kinds: Some(named), ordered: focus.ordered })
    }
}

fn member(name: &str, at: u32, owner: &Known) -> Result<Known, Error> {
    let Some(kinds) = &owner.kinds else { return Ok(Known { kinds: None, ordered: owner.ordered }) };
    let mut found: Vec<Kind> = Vec::new();
    let mut any = false;
    for kind in kinds {
        match element(*kind, name) {
            Element::Of(more) => found.extend(more),
            Element::Anything => any = true,
            Element::Missing => {}
        }
    }
    if any || found.len() > MOST_KINDS {
        return Ok(Known { kinds: None, ordered: owner.ordered });
    }
    if found.is_empty() && !kinds.is_empty() {
        let mut owners: Vec<&str> = kinds.iter().map(|kind| kind_name(*kind)).collect();
        owners.dedup();
        return Err(Error::semantic(at, format!("{} has no element \"{name}\"", owners.join(" or "))));
    }
    Ok(Known { kinds: Some(found), ordered: owner.ordered })
}

enum Element {
    Missing,
    Anything,
    Of(Vec<Kind>),
}

fn element(kind: Kind, name: &str) -> Element {
    let definition: Option<&Type> = match kind {
        Kind::Resource => return Element::Anything,
        Kind::Primitive(..) if name == "value" => return Element::Of(vec![kind]),
        Kind::Primitive(..) => definitions::by_name("Element"),
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
    };
    let found = definition.and_then(|t| t.elements.iter().find(|e| e.name == name));
    found.map_or(Element::Missing, |element| Element::Of(element.kinds.clone()))
}

/// What is left of a value after asking for a type.
fn narrowed(value: &Known, of: TypeName) -> Known {
    let kind = match of.fhir {
        Some(FhirType::Complex(id)) if definitions::id_of("Reference") == Some(id) => {
            Kind::Reference(id, None)
        }
        Some(FhirType::Complex(id)) => Kind::Complex(id),
        Some(FhirType::Primitive(primitive)) => Kind::Primitive(primitive, None),
        None => return ANYTHING,
    };
    Known { kinds: Some(vec![kind]), ordered: value.ordered }
}
