//! The commands in documents.

use super::markdown::documents;
use super::programs::{accepts, targets};
use super::shell::{commands, split};

#[test]
fn every_command_of_a_code_block_exists() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for block in document.blocks() {
            if !["sh", "console"].contains(&block.language.as_str()) {
                continue;
            }
            for command in commands(&block) {
                match accepts(&command.words) {
                    Some(Err(why)) => wrong.push(format!("{}: {why}", document.at(&command.line))),
                    Some(Ok(())) => count += 1,
                    None => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 20, "only {count} commands were looked at");
}

#[test]
fn every_command_in_a_sentence_exists() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for span in document.spans() {
            // With brackets and dots it is a synopsis.
            if span.text.contains(['[', '…', '{']) || !span.text.contains(' ') {
                continue;
            }
            for words in split(&span.text) {
                match accepts(&words) {
                    Some(Err(why)) => {
                        wrong.push(format!("{}: {}: {why}", document.at(&span), span.text));
                    }
                    Some(Ok(())) => count += 1,
                    None => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 20, "only {count} commands were looked at");
}

#[test]
fn commands_that_do_not_exist_are_found() {
    for line in [
        "make lunch",
        "faas-deploy frobnicate",
        "faas-deploy init --no-such-option",
        "supervisor --event e.json --no-such-option",
        "supervisor doctor --no-such-option",
        "cargo run -p layer-build -- assemble --no-such-option",
    ] {
        let words = split(line).remove(0);
        assert!(accepts(&words).unwrap().is_err(), "{line}");
    }
    assert!(targets().len() > 10);
}
