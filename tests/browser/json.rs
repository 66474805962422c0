//! As much JSON as the DevTools protocol needs.

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Json {
        let mut parser = Parser { text: text.as_bytes(), at: 0 };
        let value = parser.value();
        parser.blank();
        assert_eq!(parser.at, text.len(), "something follows the value: {text}");
        value
    }

    /// The value behind these names, one in the other; `Null` if there is none.
    pub(crate) fn at(&self, path: &[&str]) -> &Json {
        path.iter().fold(self, |value, name| match value {
            Json::Object(fields) => fields.iter().find(|(key, _)| key == name).map_or(&Json::Null, |(_, value)| value),
            _ => &Json::Null,
        })
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    pub(crate) fn list(&self) -> &[Json] {
        match self {
            Json::List(list) => list,
            other => panic!("a list was expected, not {other:?}"),
        }
    }
}

pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if (c as u32) < 0x20 => quoted += &format!("\\u{:04x}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn blank(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// Skips blanks, and consumes the next character if it is this one.
    fn passed(&mut self, wanted: u8) -> bool {
        self.blank();
        let there = self.text.get(self.at) == Some(&wanted);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self) -> Json {
        self.blank();
        match self.text[self.at] {
            b'"' => Json::Text(self.string()),
            b'[' => {
                self.at += 1;
                let mut list = Vec::new();
                while !self.passed(b']') {
                    list.push(self.value());
                    self.passed(b',');
                }
                Json::List(list)
            }
            b'{' => {
                self.at += 1;
                let mut fields = Vec::new();
                while !self.passed(b'}') {
                    self.blank();
                    let key = self.string();
                    assert!(self.passed(b':'));
                    fields.push((key, self.value()));
                    self.passed(b',');
                }
                Json::Object(fields)
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Json {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|c| b",]} \r\n\t".contains(c)).unwrap_or(rest.len());
        self.at += length;
        match &rest[..length] {
            b"null" => Json::Null,
            b"true" => Json::Bool(true),
            b"false" => Json::Bool(false),
            number => Json::Number(std::str::from_utf8(number).unwrap().parse().unwrap()),
        }
    }

    fn string(&mut self) -> String {
        assert_eq!(self.text[self.at], b'"');
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        loop {
            let rest = std::str::from_utf8(&self.text[self.at..]).unwrap();
            let c = rest.chars().next().unwrap();
            self.at += c.len_utf8();
            match c {
                '"' => return String::from_utf16(&units).unwrap(),
                '\\' => {
                    let escaped = self.text[self.at];
                    self.at += 1;
                    units.push(match escaped {
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'b' => 8,
                        b'f' => 12,
                        b'u' => {
                            let digits = std::str::from_utf8(&self.text[self.at..self.at + 4]).unwrap();
                            self.at += 4;
                            u16::from_str_radix(digits, 16).unwrap()
                        }
                        other => u16::from(other),
                    });
                }
                c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            }
        }
    }
}
