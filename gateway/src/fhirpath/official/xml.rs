//! A small XML reader for the suite itself, whose elements are not FHIR's.

pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// The text directly inside.
    pub text: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
}

pub fn read(text: &str) -> Element {
    let mut reader = Reader { text, at: 0 };
    reader.skip();
    reader.element()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn until(&mut self, end: &str) -> &'a str {
        let rest = self.rest();
        let length = rest.find(end).unwrap();
        self.at += length + end.len();
        &rest[..length]
    }

    /// Past white space, comments, instructions.
    fn skip(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches('\u{feff}').trim_start();
            self.at = self.text.len() - rest.len();
            if rest.starts_with("<!--") {
                self.until("-->");
            } else if rest.starts_with("<?") {
                self.until("?>");
            } else {
                return;
            }
        }
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "=/>".contains(c)).unwrap();
        self.at += end;
        rest[..end].to_owned()
    }

    fn element(&mut self) -> Element {
        assert!(self.rest().starts_with('<'), "{}", &self.rest()[..40.min(self.rest().len())]);
        self.at += 1;
        let mut element =
            Element { name: self.name(), attributes: Vec::new(), children: Vec::new(), text: String::new() };
        loop {
            self.skip();
            if self.rest().starts_with("/>") {
                self.at += 2;
                break;
            }
            if self.rest().starts_with('>') {
                self.at += 1;
                self.content(&mut element);
                break;
            }
            let name = self.name();
            self.until("=");
            self.skip();
            let quote = self.rest()[..1].to_owned();
            self.at += 1;
            let value = unescape(self.until(&quote));
            element.attributes.push((name, value));
        }
        element
    }

    fn content(&mut self, element: &mut Element) {
        loop {
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.until("-->");
            } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
                let end = data.find("]]>").unwrap();
                element.text.push_str(&data[..end]);
                self.until("]]>");
            } else if rest.starts_with("</") {
                self.until(">");
                return;
            } else if rest.starts_with('<') {
                let child = self.element();
                element.children.push(child);
            } else {
                let end = rest.find('<').unwrap();
                element.text.push_str(&unescape(&rest[..end]));
                self.at += end;
            }
        }
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, tail) = after.split_once(';').unwrap();
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#').unwrap();
                let hex = number.strip_prefix('x').map(|h| u32::from_str_radix(h, 16).unwrap());
                char::from_u32(hex.unwrap_or_else(|| number.parse().unwrap())).unwrap()
            }
        });
        rest = tail;
    }
    out + rest
}
