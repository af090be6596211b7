//! The few Python literals that files use for lists and headers: text, numbers, True, False, None,
//! tuples, lists, dictionaries. Nothing is evaluated.

/// Nesting that is still read.
const DEEPEST: usize = 8;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    /// A tuple or a list.
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

impl Literal {
    /// Reads one literal with nothing behind it but white space; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader {
            rest: text.trim_end_matches(['\0', ' ', '\n', '\t']),
        };
        let value = reader.value(0)?;
        reader.space();
        reader.rest.is_empty().then_some(value)
    }

    /// Value of a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dict(entries) = self else {
            return None;
        };
        let found = entries
            .iter()
            .find(|(k, _)| matches!(k, Self::Text(t) if t == key))?;
        Some(&found.1)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        match self.rest.bytes().next()? {
            b'(' | b'[' => self.list(depth),
            b'{' => self.dict(depth),
            quote @ (b'\'' | b'"') => self.text(quote as char),
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.eat("None") => Some(Literal::None),
            _ if self.eat("True") => Some(Literal::Bool(true)),
            _ if self.eat("False") => Some(Literal::Bool(false)),
            _ => None,
        }
    }

    fn list(&mut self, depth: usize) -> Option<Literal> {
        let close = if self.eat("(") { ")" } else { "]" };
        if close == "]" && !self.eat("[") {
            return None;
        }
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(",") {
                return self.eat(close).then_some(Literal::List(items));
            }
        }
        Some(Literal::List(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        if !self.eat("{") {
            return None;
        }
        let mut entries = Vec::new();
        while !self.eat("}") {
            let key = self.value(depth + 1)?;
            if !self.eat(":") {
                return None;
            }
            entries.push((key, self.value(depth + 1)?));
            if !self.eat(",") {
                return self.eat("}").then_some(Literal::Dict(entries));
            }
        }
        Some(Literal::Dict(entries))
    }

    /// Text without escapes: none of the names that are read needs one.
    fn text(&mut self, quote: char) -> Option<Literal> {
        let (text, rest) = self.rest.strip_prefix(quote)?.split_once(quote)?;
        if text.contains('\\') {
            return None;
        }
        self.rest = rest;
        Some(Literal::Text(text.to_owned()))
    }

    fn number(&mut self) -> Option<Literal> {
        let end = self
            .rest
            .find(|c: char| c != '-' && !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok().map(Literal::Int)
    }
}
