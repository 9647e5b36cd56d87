//! Every error text has its way out in `docs/troubleshooting.md`.

use super::markdown::document;
use super::sources::errors;

const PAGE: &str = "docs/troubleshooting.md";
/// What a piece of a message must have to be known by it, in characters.
const TELLING: usize = 10;

/// The first piece of a message that says something of its own: between what is filled in, colons and semicolons.
fn telling_piece(message: &str) -> Option<String> {
    let message = plain(message);
    let mut pieces = Vec::new();
    for part in message.split('}') {
        pieces.extend(part.split('{').next()?.split([';', ':', '\n']));
    }
    let pieces = pieces
        .into_iter()
        .map(|piece| piece.trim_matches([' ', '(', ')', ',', '.']));
    pieces
        .filter(|piece| piece.len() >= TELLING)
        .map(str::to_owned)
        .next()
}

/// Without what differs between a source and a document: backticks, escapes, line breaks.
fn plain(text: &str) -> String {
    let text = text
        .replace("\\\n", " ")
        .replace("\\n", "\n")
        .replace(['`', '\\'], "");
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_error_has_its_way_out() {
    let page = plain(&document(PAGE).text);
    let errors = errors();
    assert!(errors.len() > 100, "only {} errors", errors.len());
    let mut missing = Vec::new();
    for (path, message) in errors {
        if let Some(piece) = telling_piece(&message)
            && !page.contains(&piece)
        {
            missing.push(format!("{}: {piece}", path.display()));
        }
    }
    assert!(
        missing.is_empty(),
        "{PAGE} does not have\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_message_is_known_by_what_it_says_itself() {
    for (message, piece) in [
        (
            "{target}: there is no such object; check the key",
            Some("there is no such object"),
        ),
        ("cannot {action}: {source}", None),
        (
            "`udocker install` cannot\\\n   do {it}",
            Some("udocker install cannot do"),
        ),
    ] {
        assert_eq!(telling_piece(message).as_deref(), piece, "{message}");
    }
}
