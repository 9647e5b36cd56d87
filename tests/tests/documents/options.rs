//! The options of both programs, and the pages that name them.

use super::markdown::document;
use super::programs::{is_short_option, options_of_faas_deploy, options_of_supervisor, verbs};

const SUPERVISOR: &str = "docs/configuration.md";
const FAAS_DEPLOY: &str = "docs/deploy.md";

/// The options in the code spans of a page.
fn named(page: &str) -> Vec<(String, String)> {
    let page = document(page);
    let mut found = Vec::new();
    for span in page.spans() {
        let words = span.text.split([' ', '[', ']']);
        let options = words.filter(|word| word.starts_with('-') && word.len() > 1 && *word != "--");
        found.extend(options.map(|option| (page.at(&span), option.to_owned())));
    }
    found
}

#[test]
fn every_option_of_the_supervisor_has_its_place() {
    let named = named(SUPERVISOR);
    let options = options_of_supervisor();
    assert!(options.len() > 12, "{options:?}");
    for option in options {
        assert!(
            named.iter().any(|(_, known)| *known == option),
            "{SUPERVISOR} does not name {option}"
        );
    }
}

#[test]
fn every_option_of_faas_deploy_has_its_place() {
    let named = named(FAAS_DEPLOY);
    let options = options_of_faas_deploy();
    assert!(options.len() > 30, "{options:?}");
    for option in options {
        assert!(
            named.iter().any(|(_, known)| *known == option),
            "{FAAS_DEPLOY} does not name {option}"
        );
    }
}

#[test]
fn every_verb_of_faas_deploy_has_its_place() {
    let spans = document(FAAS_DEPLOY).spans();
    for verb in verbs() {
        let there = spans
            .iter()
            .any(|span| span.text.split(' ').next() == Some(&verb));
        assert!(there, "{FAAS_DEPLOY} does not name the verb {verb}");
    }
}

#[test]
fn every_option_that_is_named_exists() {
    let supervisor = options_of_supervisor();
    let faas_deploy = options_of_faas_deploy();
    for page in [SUPERVISOR, FAAS_DEPLOY] {
        for (at, option) in named(page) {
            let exists = supervisor.contains(&option)
                || faas_deploy.contains(&option)
                || is_short_option(&option);
            // In examples of other programs.
            let foreign = ["--locked", "--path", "--bin", "-w0"].contains(&option.as_str());
            assert!(exists || foreign, "{at}: {option} does not exist");
        }
    }
}
