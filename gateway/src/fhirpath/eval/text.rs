//! Functions on texts. Places and lengths are counted in characters.

use std::borrow::Cow;

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item};
use super::super::pattern::Pattern;
use super::super::tree::{Call, Shape};
use super::{Answer, Evaluator, Scope, call};

/// Longest name of an HTML entity that is looked for, bytes.
const MOST_ENTITY: usize = 32;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn text(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        if call.function == F::Join {
            return self.join(call, &input, scope);
        }
        let Some(item) = call::one(call, input)? else { return Ok(Vec::new()) };
        let text = item.as_text().ok_or_else(|| call::mismatch(call, "a text"))?;
        self.charge(text.len() / 8, call.at)?;
        let answer = |item: Item<'a>| Ok(vec![item]);
        match call.function {
            F::Upper => return answer(Item::from(text.to_uppercase())),
            F::Lower => return answer(Item::from(text.to_lowercase())),
            F::Length => return answer(length(&text)),
            F::Trim => return answer(Item::from(text.trim().to_owned())),
            F::ToChars => {
                self.charge(text.len(), call.at)?;
                return Ok(text.chars().map(|c| Item::from(c.to_string())).collect());
            }
            F::Substring => return self.substring(call, &text, scope),
            _ => {}
        }
        let Some(first) = self.text_argument(call, 0, scope)? else { return Ok(Vec::new()) };
        match call.function {
            F::StartsWith => answer(Item::Boolean(text.starts_with(&*first))),
            F::EndsWith => answer(Item::Boolean(text.ends_with(&*first))),
            F::Contains => answer(Item::Boolean(text.contains(&*first))),
            F::IndexOf => answer(place(&text, text.find(&*first))),
            F::LastIndexOf => answer(place(&text, text.rfind(&*first))),
            F::Split => {
                let parts: Vec<_> = text.split(&*first).map(|part| Item::from(part.to_owned())).collect();
                self.charge(parts.len(), call.at)?;
                Ok(parts)
            }
            F::Encode => Ok(encode(&text, &first).map(Item::from).into_iter().collect()),
            F::Decode => Ok(decode(&text, &first).map(Item::from).into_iter().collect()),
            F::Escape => Ok(escape(&text, &first).map(Item::from).into_iter().collect()),
            F::Unescape => Ok(unescape(&text, &first).map(Item::from).into_iter().collect()),
            F::Matches | F::MatchesFull => {
                let flags = self.text_argument(call, 1, scope)?.unwrap_or_default();
                let pattern = self.pattern(call, &first, &flags)?;
                self.charge(pattern.matching(text.len()), call.at)?;
                answer(Item::Boolean(pattern.regex.is_match(&text)))
            }
            _ => self.replace(call, &text, &first, scope),
        }
    }

    fn join(&mut self, call: &'a Call, input: &[Item<'a>], scope: &Scope<'a, '_>) -> Answer<'a> {
        let between = self.text_argument(call, 0, scope)?.unwrap_or_default();
        if input.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = String::new();
        for (n, item) in input.iter().enumerate() {
            if n > 0 {
                out.push_str(&between);
            }
            out.push_str(&item.as_text().ok_or_else(|| call::mismatch(call, "texts"))?);
            self.charge(1 + between.len() / 8, call.at)?;
        }
        self.charge(out.len() / 8, call.at)?;
        Ok(vec![Item::from(out)])
    }

    fn substring(&mut self, call: &'a Call, text: &str, scope: &Scope<'a, '_>) -> Answer<'a> {
        let Some(start) = self.whole_argument(call, 0, scope)? else { return Ok(Vec::new()) };
        let most = self.whole_argument(call, 1, scope)?;
        let Some(start) = usize::try_from(start).ok() else { return Ok(Vec::new()) };
        let Some((from, _)) = text.char_indices().nth(start) else { return Ok(Vec::new()) };
        let rest = text.get(from..).unwrap_or_default();
        let most = most.map_or(usize::MAX, |n| usize::try_from(n.max(0)).unwrap_or(usize::MAX));
        Ok(vec![Item::from(rest.chars().take(most).collect::<String>())])
    }

    /// `replace` and `replaceMatches`.
    fn replace(&mut self, call: &'a Call, text: &str, what: &str, scope: &Scope<'a, '_>) -> Answer<'a> {
        let Some(with) = self.text_argument(call, 1, scope)? else { return Ok(Vec::new()) };
        let most = |places: usize| text.len().saturating_add(places.saturating_mul(with.len()));
        if call.function == F::Replace {
            let places = if what.is_empty() { text.len() + 1 } else { text.len() / what.len() };
            self.charge(most(places) / 8, call.at)?;
            return Ok(vec![Item::from(text.replace(what, &with))]);
        }
        if what.is_empty() {
            return Ok(vec![Item::from(text.to_owned())]);
        }
        let flags = self.text_argument(call, 2, scope)?.unwrap_or_default();
        let pattern = self.pattern(call, what, &flags)?;
        // It is matched twice: to count, and to replace.
        self.charge(pattern.matching(text.len()).saturating_mul(2), call.at)?;
        let found = pattern.regex.find_iter(text).count();
        // A replacement may name groups, each of which is at most the text.
        let groups = with.matches('$').count();
        self.charge(most(found) / 8 + groups.saturating_mul(text.len()), call.at)?;
        Ok(vec![Item::from(pattern.regex.replace_all(text, &*braced(&with)).into_owned())])
    }

    /// The pattern of a call, made once where it is written out.
    fn pattern(&mut self, call: &'a Call, text: &str, flags: &str) -> Result<Cow<'a, Pattern>, Error> {
        let full = call.function == F::MatchesFull;
        let wrong = || {
            Error::execution(
                call.at,
                "the pattern cannot be used: it is malformed, too large, or looks around",
            )
        };
        if let ([_, rest @ ..], Shape::Literal(_)) =
            (call.arguments.as_slice(), call.arguments.first().map_or(&Shape::Nothing, |a| &a.shape))
            && (rest.is_empty() || call.function == F::ReplaceMatches)
            && flags.is_empty()
        {
            let made = call.pattern.get_or_init(|| Pattern::compile(text, flags, full));
            return made.as_ref().map(Cow::Borrowed).ok_or_else(wrong);
        }
        self.charge(2000 + text.len() * 20, call.at)?;
        let made = Pattern::compile(text, flags, full).ok_or_else(wrong)?;
        self.charge(made.making(), call.at)?;
        Ok(Cow::Owned(made))
    }
}

/// `$1` as FHIRPath means it also where a letter follows.
fn braced(replacement: &str) -> String {
    let mut out = String::with_capacity(replacement.len());
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (group, tail) = after.split_at_checked(digits).unwrap_or(("", after));
        match (digits, after.starts_with('{')) {
            (0, true) => out.push('$'),
            (0, false) => out.push_str("$$"),
            _ => {
                out.push_str("${");
                out.push_str(group);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn length<'a>(text: &str) -> Item<'a> {
    Item::Integer(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
}

fn place<'a>(text: &str, at: Option<usize>) -> Item<'a> {
    match at.and_then(|at| text.get(..at)) {
        Some(before) => length(before),
        None => Item::Integer(-1),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(text: &str, how: &str) -> Option<String> {
    match how {
        "hex" => Some(text.bytes().map(|b| format!("{b:02x}")).collect()),
        "base64" | "urlbase64" => {
            let mut out = String::new();
            for chunk in text.as_bytes().chunks(3) {
                let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
                let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                for n in 0..4usize {
                    let index = usize::try_from(bits >> (18 - 6 * n) & 63).unwrap_or_default();
                    out.push(if n > chunk.len() { '=' } else { char::from(*BASE64.get(index)?) });
                }
            }
            Some(if how == "base64" { out } else { out.replace('+', "-").replace('/', "_") })
        }
        _ => None,
    }
}

fn decode(text: &str, how: &str) -> Option<String> {
    let bytes = match how {
        "hex" => {
            let digits: Vec<u8> =
                text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
            let whole = digits.len().is_multiple_of(2);
            whole.then(|| digits.chunks(2).filter_map(|p| Some(p.first()? << 4 | p.get(1)?)).collect())?
        }
        "base64" | "urlbase64" => {
            let url = how == "urlbase64";
            let plain = text.trim_end_matches('=');
            let mut out = Vec::new();
            let (mut bits, mut held) = (0u32, 0u32);
            for byte in plain.bytes() {
                let byte = match byte {
                    b'-' if url => b'+',
                    b'_' if url => b'/',
                    b'+' | b'/' if url => return None,
                    other => other,
                };
                let value = BASE64.iter().position(|b| *b == byte)?;
                bits = bits << 6 | u32::try_from(value).ok()?;
                held += 6;
                if held >= 8 {
                    held -= 8;
                    out.push(u8::try_from(bits >> held & 0xFF).ok()?);
                }
            }
            out
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn escape(text: &str, how: &str) -> Option<String> {
    match how {
        "html" => {
            let mut out = String::with_capacity(text.len());
            for c in text.chars() {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&#39;"),
                    other => out.push(other),
                }
            }
            Some(out)
        }
        "json" => {
            let quoted = String::from_utf8(crate::json::Value::from(text).to_vec()).ok()?;
            Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
        _ => None,
    }
}

fn unescape(text: &str, how: &str) -> Option<String> {
    match how {
        "html" => {
            const NAMED: [(&str, char); 6] =
                [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}')];
            let mut out = String::with_capacity(text.len());
            let mut rest = text;
            while let Some((before, after)) = rest.split_once('&') {
                out.push_str(before);
                let end = after.bytes().take(MOST_ENTITY + 1).position(|b| b == b';');
                let entity = end.and_then(|end| {
                    let (name, tail) = (after.get(..end)?, after.get(end + 1..)?);
                    let number = name.strip_prefix('#').map(|n| match n.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16),
                        None => n.parse(),
                    });
                    let c = match number {
                        Some(number) => char::from_u32(number.ok()?),
                        None => NAMED.iter().find(|(n, _)| *n == name).map(|(_, c)| *c),
                    };
                    Some((c?, tail))
                });
                match entity {
                    Some((c, tail)) => {
                        out.push(c);
                        rest = tail;
                    }
                    None => {
                        out.push('&');
                        rest = after;
                    }
                }
            }
            out.push_str(rest);
            Some(out)
        }
        "json" => {
            let mut out = String::with_capacity(text.len());
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                if c != '\\' {
                    out.push(c);
                    continue;
                }
                out.push(match chars.next()? {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let unit = (0..4).try_fold(0, |n, _| Some(n * 16 + chars.next()?.to_digit(16)?))?;
                        char::from_u32(unit)?
                    }
                    c @ ('"' | '\\' | '/') => c,
                    _ => return None,
                });
            }
            Some(out)
        }
        _ => None,
    }
}
