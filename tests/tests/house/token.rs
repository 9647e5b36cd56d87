//! Rust source text as words and signs: without comments, strings, numbers and lifetimes.

use std::{iter::Peekable, str::Chars};

/// A piece of source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or a keyword.
    Word(String),
    /// `::`
    Colons,
    /// Any other character that is not blank.
    Sign(char),
}

impl Token {
    /// The word, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Colons | Self::Sign(_) => None,
        }
    }

    /// Whether it is this sign.
    pub(crate) fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }
}

/// Splits source text that compiles.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '/' if rest.peek() == Some(&'/') => skip_line(&mut rest),
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            '"' => skip_string(&mut rest),
            '\'' => skip_quoted(&mut rest),
            ':' if rest.next_if_eq(&':').is_some() => found.push(Token::Colons),
            '0'..='9' => _ = take_word(first, &mut rest),
            _ if is_word(first) => found.extend(word_or_string(first, &mut rest)),
            _ if first.is_whitespace() => {}
            _ => found.push(Token::Sign(first)),
        }
    }
    found
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn take_word(first: char, rest: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::from(first);
    while let Some(next) = rest.next_if(|next| is_word(*next)) {
        word.push(next);
    }
    word
}

/// Tells `r"…"`, `r#"…"#`, `b"…"`, `b'…'` and `r#word` from a plain word.
fn word_or_string(first: char, rest: &mut Peekable<Chars<'_>>) -> Option<Token> {
    let word = take_word(first, rest);
    let raw = matches!(word.as_str(), "r" | "br" | "cr");
    match rest.peek() {
        Some('"') if raw => skip_raw(0, rest),
        Some('"') if matches!(word.as_str(), "b" | "c") => {
            rest.next();
            skip_string(rest);
        }
        Some('\'') if word == "b" => {
            rest.next();
            skip_quoted(rest);
        }
        Some('#') if raw => {
            let mut marks = 0;
            while rest.next_if_eq(&'#').is_some() {
                marks += 1;
            }
            if rest.peek() != Some(&'"') {
                return rest.next().map(|first| Token::Word(take_word(first, rest)));
            }
            skip_raw(marks, rest);
        }
        _ => return Some(Token::Word(word)),
    }
    None
}

fn skip_line(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|next| *next != '\n').is_some() {}
}

/// Skips a block comment and those within it.
fn skip_comment(rest: &mut Peekable<Chars<'_>>) {
    let mut depth = 0_usize;
    let mut before = '/';
    for next in rest.by_ref() {
        match (before, next) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                before = next;
                continue;
            }
        }
        if depth == 0 {
            return;
        }
        before = ' ';
    }
}

fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(next) = rest.next() {
        match next {
            '"' => return,
            '\\' => _ = rest.next(),
            _ => {}
        }
    }
}

/// Skips a raw string, from its opening quote on: it ends with a quote and as many `#` as stand before it.
fn skip_raw(marks: usize, rest: &mut Peekable<Chars<'_>>) {
    rest.next();
    while let Some(next) = rest.next() {
        if next == '"' && (0..marks).all(|_| rest.next_if_eq(&'#').is_some()) {
            return;
        }
    }
}

/// Skips what follows a single quote: the rest of a character, or the name of a lifetime.
fn skip_quoted(rest: &mut Peekable<Chars<'_>>) {
    let Some(first) = rest.next() else { return };
    if first == '\\' {
        rest.next();
        while rest.next().is_some_and(|next| next != '\'') {}
    } else if rest.next_if_eq(&'\'').is_none() {
        take_word(first, rest);
    }
}
