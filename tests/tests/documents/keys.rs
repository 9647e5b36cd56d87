//! Every key of the configuration is on its page, and every key on a page exists.

use std::collections::BTreeSet;

use layer_build::deploy::cfg;
use serde_json::Value;

use super::markdown::{Document, Line, document};
use super::sources::{keys_of_faas_deploy, names_of_keys};

const SECTIONS: [&str; 6] = ["iam", "lambda", "s3", "api_gateway", "cloudwatch", "batch"];

/// The keys in the first column of the tables whose head says `key`, as they are written.
fn keys_of_tables(page: &Document) -> Vec<Line> {
    let mut found = Vec::new();
    let mut of_keys = false;
    for line in page.prose() {
        let Some(row) = line.text.trim_start().strip_prefix('|') else {
            of_keys = false;
            continue;
        };
        let first = row.split('|').next().unwrap_or_default().trim();
        if first == "key" {
            of_keys = true;
        } else if of_keys {
            let keys = first.split('`').skip(1).step_by(2);
            found.extend(keys.map(|key| Line {
                number: line.number,
                text: key.to_owned(),
            }));
        }
    }
    found
}

/// The names a key is made of: `output[].path` is `output` and `path`.
fn names(key: &str) -> Vec<String> {
    let parts = key
        .split('.')
        .map(|part| part.trim_end_matches("[]").to_owned());
    parts.filter(|part| part != "<id>").collect()
}

#[test]
fn every_key_of_a_function_is_on_its_page() {
    let page = document("docs/configuration.md");
    let keys = keys_of_tables(&page);
    let documented: BTreeSet<String> = keys.iter().flat_map(|key| names(&key.text)).collect();
    // The way to the keys of a function in a definition file; the page says it in a sentence.
    let way: BTreeSet<String> = ["functions", "aws", "lambda"].map(str::to_owned).into();
    let known: BTreeSet<String> = names_of_keys().difference(&way).cloned().collect();
    assert!(known.len() > 50, "{known:?}");
    let missing: Vec<_> = known.difference(&documented).collect();
    assert!(
        missing.is_empty(),
        "{} lacks {missing:?}",
        page.path.display()
    );
    for key in keys {
        let unknown = names(&key.text)
            .into_iter()
            .find(|name| !known.contains(name));
        assert_eq!(
            unknown,
            None,
            "{}: nothing reads {}",
            page.at(&key),
            key.text
        );
    }
}

/// The keys of the default `scar.cfg`. What is below some of them is the user's own.
fn of_default_file() -> BTreeSet<String> {
    const OPEN: [&str; 3] = ["Variables", "request_parameters", "requestParameters"];
    fn walk(value: &Value, key: &str, found: &mut BTreeSet<String>) {
        let name = key.rsplit('.').next().unwrap_or_default();
        match value {
            Value::Object(map) if !OPEN.contains(&name) => {
                for (name, value) in map {
                    walk(value, &format!("{key}.{name}"), found);
                }
            }
            _ => {
                found.insert(key.trim_start_matches('.').to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&cfg::defaults()["aws"], "", &mut found);
    found
}

/// Every key that can be given to `faas-deploy`, by the page of the keys it shares with the supervisor and its own.
fn documented() -> BTreeSet<String> {
    let shared = keys_of_tables(&document("docs/configuration.md"));
    let shared = shared.iter().map(|key| match names(&key.text).join(".") {
        key if key.starts_with("batch.") => key,
        key => format!("lambda.{key}"),
    });
    let own = keys_of_tables(&document("docs/deploy.md"));
    shared.chain(own.into_iter().map(|key| key.text)).collect()
}

/// Whether it is one of them, or what some of them are below.
fn is_in(key: &str, keys: &BTreeSet<String>) -> bool {
    let below = format!("{key}.");
    keys.contains(key) || keys.iter().any(|known| known.starts_with(&below))
}

#[test]
fn every_key_of_faas_deploy_is_on_its_page() {
    let documented = documented();
    let mut known = keys_of_faas_deploy(&SECTIONS);
    known.extend(of_default_file());
    assert!(known.len() > 80, "{known:?}");
    let missing: Vec<_> = known
        .iter()
        .filter(|key| !is_in(key, &documented))
        .collect();
    assert!(missing.is_empty(), "docs/deploy.md lacks {missing:?}");
    let page = document("docs/deploy.md").text;
    assert!(page.contains("`scar.config_version`"));
}

#[test]
fn every_key_on_the_page_of_faas_deploy_exists() {
    let page = document("docs/deploy.md");
    let mut known = keys_of_faas_deploy(&SECTIONS);
    known.extend(of_default_file());
    let shared = keys_of_tables(&document("docs/configuration.md"));
    known.extend(
        shared
            .iter()
            .map(|key| format!("lambda.{}", names(&key.text).join("."))),
    );
    known.extend(shared.iter().map(|key| names(&key.text).join(".")));
    for span in page.spans() {
        let in_section = span.text.split_once('.').is_some_and(|(first, rest)| {
            SECTIONS.contains(&first)
                && rest
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
        });
        let full = span.text.strip_prefix("aws.").unwrap_or(&span.text);
        assert!(
            !in_section || is_in(full, &known),
            "{}: nothing reads {}",
            page.at(&span),
            span.text
        );
    }
}
