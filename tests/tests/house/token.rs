//! Rust source text as words and signs: without comments, strings, numbers and lifetimes.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A piece of source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or a keyword.
    Word(String),
    /// `::`
    Colons,
    /// Any other sign, and each bracket.
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
    flatten(text.parse().unwrap(), &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut rest = stream.into_iter().peekable();
    while let Some(tree) = rest.next() {
        match tree {
            TokenTree::Ident(word) => {
                let word = word.to_string();
                let word = word.strip_prefix("r#").unwrap_or(&word);
                found.push(Token::Word(word.to_owned()));
            }
            TokenTree::Literal(_) => {}
            TokenTree::Punct(sign) if sign.as_char() == '\'' => _ = rest.next(),
            TokenTree::Punct(sign) if sign.as_char() == ':' && rest.next_if(is_colon).is_some() => {
                found.push(Token::Colons);
            }
            TokenTree::Punct(sign) => found.push(Token::Sign(sign.as_char())),
            TokenTree::Group(group) => {
                let brackets = match group.delimiter() {
                    Delimiter::Parenthesis => Some(('(', ')')),
                    Delimiter::Brace => Some(('{', '}')),
                    Delimiter::Bracket => Some(('[', ']')),
                    Delimiter::None => None,
                };
                found.extend(brackets.map(|(open, _)| Token::Sign(open)));
                flatten(group.stream(), found);
                found.extend(brackets.map(|(_, close)| Token::Sign(close)));
            }
        }
    }
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(sign) if sign.as_char() == ':')
}
