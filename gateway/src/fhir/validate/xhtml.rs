//! Narratives: well-formed XHTML of the elements and attributes that R4 allows, nothing that runs.

use crate::fhir::xml;

/// Elements of HTML 4.0 chapters 7 to 11 (except section 4 of chapter 9) and 15, with `a` and `img` (R4 narrative).
const ELEMENTS: [&str; 54] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
];
/// Elements that the list above leaves out for its length.
const MORE_ELEMENTS: [&str; 4] = ["tt", "ul", "var", "bdo"];

const ATTRIBUTES: [&str; 44] = [
    "abbr",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "clear",
    "color",
    "colspan",
    "compact",
    "coords",
    "dir",
    "face",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "name",
    "noshade",
    "nowrap",
    "rel",
    "rowspan",
    "rules",
    "scope",
    "size",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "title",
];
const MORE_ATTRIBUTES: [&str; 12] = [
    "type",
    "valign",
    "value",
    "vspace",
    "width",
    "xmlns",
    "xml:lang",
    "xml:space",
    "rev",
    "shape",
    "tabindex",
    "accesskey",
];

/// Deepest nesting of elements.
const MOST_DEPTH: usize = 200;

/// Whether a narrative is acceptable.
///
/// # Errors
/// A sentence that says why not.
pub fn check(div: &str) -> Result<(), String> {
    let mut rest = div.trim();
    if !rest.starts_with("<div") {
        return Err("it must be one div element".to_owned());
    }
    let mut open: Vec<&str> = Vec::new();
    let mut filled = false;
    while !rest.is_empty() {
        let Some(tail) = rest.strip_prefix('<') else {
            let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            entities(text)?;
            filled |= !text.trim().is_empty();
            rest = tail;
            continue;
        };
        if let Some(comment) = tail.strip_prefix("!--") {
            let (inside, after) = comment.split_once("--").ok_or("a comment does not end")?;
            rest = after
                .strip_prefix('>')
                .filter(|_| characters(inside))
                .ok_or("a comment holds -- or does not end")?;
            continue;
        }
        let end = tag_end(tail).ok_or("a tag does not end")?;
        let (tag, tail) = tail.split_at(end);
        rest = tail.strip_prefix('>').unwrap_or(tail);
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return Err(format!("</{}> closes nothing", shown(name)));
            }
        } else {
            let (name, closed) = start_tag(tag)?;
            filled |= name == "img";
            if !closed {
                open.push(name);
            }
        }
        if open.len() > MOST_DEPTH {
            return Err(format!("elements are nested more than {MOST_DEPTH} deep"));
        }
        if open.is_empty() && !rest.is_empty() {
            return Err("something follows the div".to_owned());
        }
    }
    match open.last() {
        Some(name) => Err(format!("<{}> is not closed", shown(name))),
        None if !filled => Err("it is empty".to_owned()),
        None => Ok(()),
    }
}

/// The end of a tag: the first `>` outside quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    None
}

/// Name of a start tag and whether it closes itself.
fn start_tag(tag: &str) -> Result<(&str, bool), String> {
    let (body, closed) = match tag.strip_suffix('/') {
        Some(body) => (body, true),
        None => (tag, false),
    };
    let (name, mut rest) = body.split_at(body.find(char::is_whitespace).unwrap_or(body.len()));
    if !ELEMENTS.contains(&name) && !MORE_ELEMENTS.contains(&name) {
        return Err(format!("<{}> is not allowed", shown(name)));
    }
    let mut seen: Vec<&str> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok((name, closed));
        }
        let (attribute, tail) = rest.split_once('=').ok_or("an attribute has no value")?;
        let attribute = attribute.trim_end();
        if !ATTRIBUTES.contains(&attribute) && !MORE_ATTRIBUTES.contains(&attribute) {
            return Err(format!("the attribute {} is not allowed", shown(attribute)));
        }
        if seen.contains(&attribute) {
            return Err(format!("the attribute {attribute} is given twice"));
        }
        seen.push(attribute);
        let tail = tail.trim_start();
        let quote =
            tail.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or("an attribute has no quotes")?;
        let (value, after) =
            tail.get(1..).and_then(|t| t.split_once(quote)).ok_or("an attribute's quotes do not close")?;
        attribute_value(attribute, value)?;
        rest = after;
    }
}

fn attribute_value(name: &str, value: &str) -> Result<(), String> {
    entities(value)?;
    if value.contains('<') {
        return Err("an attribute holds <".to_owned());
    }
    if matches!(name, "href" | "src" | "cite") {
        let plain: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        let scheme = plain.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let runs = scheme.is_some_and(|s| {
            s.contains("script")
                || s.contains('&')
                || (s == "data" && !plain.to_ascii_lowercase().starts_with("data:image/"))
        });
        if runs {
            return Err("a link runs a script".to_owned());
        }
    }
    if name == "style" && value.to_ascii_lowercase().contains("expression(") {
        return Err("a style runs a script".to_owned());
    }
    Ok(())
}

/// Characters of XML only, and an entity of XML, `&nbsp;`, or the number of such a character behind every ampersand.
fn entities(text: &str) -> Result<(), String> {
    if !characters(text) {
        return Err("it holds a character that XML cannot hold".to_owned());
    }
    for (at, _) in text.match_indices('&') {
        let name = text.get(at + 1..).and_then(|t| t.split_once(';')).map(|(name, _)| name);
        let fits = name.is_some_and(|name| match name.strip_prefix('#') {
            None => ["amp", "lt", "gt", "quot", "apos", "nbsp"].contains(&name),
            Some(number) => match number.strip_prefix('x') {
                Some(hex) => (1..=6).contains(&hex.len()) && is_number(hex, 16),
                None => (1..=7).contains(&number.len()) && is_number(number, 10),
            },
        });
        if !fits {
            return Err("an & is not followed by an entity".to_owned());
        }
    }
    Ok(())
}

/// Whether a reference by number names a character that XML can hold.
fn is_number(digits: &str, radix: u32) -> bool {
    let plain = digits.chars().all(|c| c.is_digit(radix));
    plain && u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).is_some_and(xml::is_char)
}

fn characters(text: &str) -> bool {
    text.chars().all(xml::is_char)
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn harmless_narratives_pass() {
        for good in [
            "<div>a</div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title='a>b'>&lt;b&gt; &#160; &#xA0;</p><br/><img src='#a' alt=\"\"/></div>",
            "<div><!-- <script> --><table><tr><td colspan=\"2\">x</td></tr></table></div>",
            " <div><a href=\"https://a.b/?q=1&amp;r=2\">x</a></div>\n",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        for (bad, why) in [
            ("", "one div"),
            ("<p>a</p>", "one div"),
            ("<div></div>", "empty"),
            ("<div> <p/> </div>", "empty"),
            ("<div>a</div><p>b</p>", "follows"),
            ("<div>a</div>b", "follows"),
            ("<div><p>a</div></p>", "closes nothing"),
            ("<div>a", "not closed"),
            ("<div", "does not end"),
            ("<div>a<script>x</script></div>", "<script>"),
            ("<div onclick=\"x\">a</div>", "onclick"),
            ("<div><a href=\"javascript:x\">a</a></div>", "script"),
            ("<div><a href=\"java\nscript:x\">a</a></div>", "script"),
            ("<div><a href='data:text/html,x'>a</a></div>", "script"),
            ("<div><a href=&#106;>a</a></div>", "quotes"),
            ("<div><a href='&#106;avascript:x'>a</a></div>", "script"),
            ("<div>a & b</div>", "entity"),
            ("<div>a &reg; b</div>", "entity"),
            ("<div>a &#xzz; b</div>", "entity"),
            ("<div>a &#0; b</div>", "entity"),
            ("<div>a &#x1; &#xFFFE; b</div>", "entity"),
            ("<div>a \u{ffff} b</div>", "character"),
            ("<div><!-- a -- b -->c</div>", "comment"),
            ("<div class=\"a\" class=\"b\">c</div>", "twice"),
            ("<div><iframe/>a</div>", "iframe"),
            ("<div><!-- a</div>", "comment"),
            ("<div><input/>a</div>", "input"),
            ("<div><?php x?>a</div>", "not allowed"),
            ("<div><![CDATA[x]]>a</div>", "not allowed"),
        ] {
            let error = check(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert!(check(&("<div>".repeat(100_000))).is_err());
    }
}
