//! On which line of a JSON text each key stands. The text has been parsed before, so it is known to be well formed.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The keys of a JSON text, by path (`aws.lambda.memory`), each with its line and in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    lines: BTreeMap<String, usize>,
    order: Vec<String>,
}

impl Lines {
    /// Finds every key of `text`.
    pub fn of(text: &str) -> Self {
        let mut scanner = Scanner {
            rest: text.chars().peekable(),
            line: 1,
            found: Self::default(),
        };
        scanner.value("");
        scanner.found
    }

    /// The line of a key, or of the nearest key above it that is there.
    pub fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// Whether the key itself is there.
    pub fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// All keys, in the order of the text.
    pub fn keys(&self) -> &[String] {
        &self.order
    }

    /// Where a key comes among all others.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.order.iter().position(|known| known == path)
    }
}

struct Scanner<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
    found: Lines,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn peek(&mut self) -> Option<char> {
        while self
            .rest
            .peek()
            .is_some_and(|next| next.is_whitespace() || *next == ',' || *next == ':')
        {
            self.next();
        }
        self.rest.peek().copied()
    }

    fn value(&mut self, path: &str) {
        match self.peek() {
            Some('{') => self.object(path),
            Some('[') => self.array(path),
            Some('"') => drop(self.text()),
            _ => {
                while self
                    .rest
                    .peek()
                    .is_some_and(|next| !",]} \n\r\t".contains(*next))
                {
                    self.next();
                }
            }
        }
    }

    fn object(&mut self, path: &str) {
        self.next();
        while self.peek() == Some('"') {
            let line = self.line;
            let key = self.text();
            let inner = if path.is_empty() {
                key
            } else {
                format!("{path}.{key}")
            };
            self.found.lines.insert(inner.clone(), line);
            self.found.order.push(inner.clone());
            self.value(&inner);
        }
        self.next();
    }

    fn array(&mut self, path: &str) {
        self.next();
        let mut index = 0;
        while self.peek().is_some_and(|next| next != ']') {
            self.value(&format!("{path}[{index}]"));
            index += 1;
        }
        self.next();
    }

    /// A text; of escapes only the quote matters for finding its end.
    fn text(&mut self) -> String {
        self.next();
        let mut text = String::new();
        while let Some(next) = self.next() {
            match next {
                '"' => break,
                '\\' => text.extend(self.next()),
                other => text.push(other),
            }
        }
        text
    }
}
