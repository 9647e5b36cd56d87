//! What one source file declares, defines, imports and names, module by module. Nothing below `#[cfg(test)]` is read.

use super::{
    cfg_test::without_tests,
    token::{Token, tokens},
};

/// What stands in a file, and in which of its inline modules.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// The inline modules around it, the outermost first; empty in the file's own module.
    pub(crate) within: Vec<String>,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `mod name;`: the module has a file of its own.
    ModuleFile(String),
    /// `mod name { … }`
    InlineModule(String),
    /// Something that a path can lead through, such as a type.
    Type(String),
    /// A function, a constant, a static or a macro.
    Value(String),
    /// `use path as name`; no name for `as _`.
    Import {
        path: Vec<String>,
        name: Option<String>,
    },
    /// `use path::*`
    Glob(Vec<String>),
    /// A path in code.
    Mention(Vec<String>),
}

/// What encloses the place that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Module,
    /// The argument of a macro that stands among items: what is defined there is the module's.
    Macro,
    /// A body, or anything else in braces: what is defined there is nobody else's.
    Block,
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    scopes: Vec<Scope>,
    within: Vec<String>,
    facts: Vec<Fact>,
}

/// Reads a source file that compiles.
pub(crate) fn read(text: &str) -> Vec<Fact> {
    let mut reader = Reader {
        tokens: without_tests(&tokens(text)),
        at: 0,
        scopes: Vec::new(),
        within: Vec::new(),
        facts: Vec::new(),
    };
    while reader.at < reader.tokens.len() {
        reader.step();
    }
    reader.facts
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        self.peek(ahead).and_then(Token::word)
    }

    fn sees(&self, ahead: usize, sign: char) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(sign))
    }

    fn add(&mut self, what: What) {
        let within = self.within.clone();
        self.facts.push(Fact { within, what });
    }

    fn step(&mut self) {
        match self.tokens[self.at].clone() {
            Token::Sign('{') => {
                let of_macro = self.at > 0 && self.tokens[self.at - 1].is('!');
                let of_macro = of_macro && self.among_items();
                self.scopes
                    .push(if of_macro { Scope::Macro } else { Scope::Block });
                self.at += 1;
            }
            Token::Sign('}') => {
                if self.scopes.pop() == Some(Scope::Module) {
                    self.within.pop();
                }
                self.at += 1;
            }
            // A path that begins with `::`, or after `<T as Trait>`, leads to no file of the crate by itself.
            Token::Colons => {
                self.at += 1;
                self.take_path();
            }
            Token::Word(word) => self.item_or_path(&word),
            Token::Sign(_) => self.at += 1,
        }
    }

    fn among_items(&self) -> bool {
        !self.scopes.contains(&Scope::Block)
    }

    fn item_or_path(&mut self, word: &str) {
        if word == "use" {
            self.at += 1;
            self.import(Vec::new());
            return;
        }
        if let Some((name, length)) = self.defined(word).filter(|_| self.among_items()) {
            self.at += length;
            match word {
                "mod" if self.sees(0, '{') => {
                    self.at += 1;
                    self.add(What::InlineModule(name.clone()));
                    self.scopes.push(Scope::Module);
                    self.within.push(name);
                }
                "mod" => self.add(What::ModuleFile(name)),
                "struct" | "enum" | "union" | "trait" | "type" => self.add(What::Type(name)),
                _ => self.add(What::Value(name)),
            }
            return;
        }
        let path = self.take_path();
        if path.len() > 1 {
            self.add(What::Mention(path));
        }
    }

    /// The name that the keyword before it defines, and how many tokens both take.
    fn defined(&self, keyword: &str) -> Option<(String, usize)> {
        let ahead = match keyword {
            "mod" | "struct" | "enum" | "trait" | "type" | "fn" | "const" => 1,
            "static" => 1 + usize::from(self.word(1) == Some("mut")),
            "union" if self.sees(2, '{') || self.sees(2, '<') => 1,
            "macro_rules" if self.sees(1, '!') => 2,
            _ => return None,
        };
        let name = self.word(ahead)?;
        let keyword_follows = matches!(name, "fn" | "unsafe" | "extern" | "async");
        (!keyword_follows).then(|| (name.to_owned(), ahead + 1))
    }

    /// Takes the words from here on that `::` joins.
    fn take_path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(word) = self.word(0) {
            path.push(word.to_owned());
            self.at += 1;
            if self.peek(0) != Some(&Token::Colons) || self.word(1).is_none() {
                break;
            }
            self.at += 1;
        }
        path
    }

    /// Reads one tree of an import below `prefix`, up to the sign that ends it.
    fn import(&mut self, prefix: Vec<String>) {
        let mut path = prefix;
        while let Some(token) = self.peek(0).cloned() {
            match token {
                Token::Word(word) if word == "as" => {
                    let name = self.word(1).filter(|name| *name != "_").map(str::to_owned);
                    self.at += 2;
                    return self.add(What::Import { path, name });
                }
                Token::Word(word) => path.push(word),
                Token::Sign('*') => {
                    self.at += 1;
                    return self.add(What::Glob(path));
                }
                Token::Sign('{') => return self.import_group(&path),
                Token::Colons => {}
                Token::Sign(_) => break,
            }
            self.at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = path.last().cloned();
        self.add(What::Import { path, name });
    }

    fn import_group(&mut self, prefix: &[String]) {
        self.at += 1;
        while !self.sees(0, '}') {
            self.import(prefix.to_vec());
            if self.sees(0, ',') {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}
