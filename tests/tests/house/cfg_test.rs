//! Leaves out of a source what stands below `#[cfg(test)]`.

use super::token::Token;

/// What ends something that is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its braces, or `;` if it has none.
    Braces,
    Semicolon,
    /// A comma or `;`.
    Comma,
}

/// The tokens without each item, statement, field or variant that only tests have.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let [first, after @ ..] = rest {
        if is_attribute(rest) && is_cfg_test(&after[..group(after)]) {
            while is_attribute(rest) {
                rest = &rest[1 + group(&rest[1..])..];
            }
            rest = &rest[item(rest)..];
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

fn is_attribute(tokens: &[Token]) -> bool {
    matches!(tokens, [Token::Sign('#'), Token::Sign('['), ..])
}

fn is_cfg_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(Token::word).collect();
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// The length of a bracket with all up to the one that closes it.
fn group(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The length of what an attribute stands on.
fn item(tokens: &[Token]) -> usize {
    let end = end_of_item(tokens);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign('}') => return at,
            Token::Sign('{') if end == End::Braces => return at + group(&tokens[at..]),
            Token::Sign('(' | '[' | '{') => at += group(&tokens[at..]),
            Token::Sign(';') => return at + 1,
            Token::Sign(',') if end == End::Comma => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn end_of_item(tokens: &[Token]) -> End {
    let mut constant = false;
    for token in tokens {
        match token.word() {
            Some("fn" | "mod" | "struct" | "enum" | "trait" | "impl" | "macro_rules") => {
                return End::Braces;
            }
            Some("use" | "static" | "let" | "type") => return End::Semicolon,
            Some("const") => constant = true,
            Some("pub" | "unsafe" | "async" | "extern" | "crate" | "super" | "in") => {}
            None if token.is('(') || token.is(')') => {}
            _ => break,
        }
    }
    if constant { End::Semicolon } else { End::Comma }
}
