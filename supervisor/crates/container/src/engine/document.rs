//! What a container's `container.json` says: the image's configuration, as udocker keeps it.

use std::path::Path;

use image::run_config::{RunConfig, Words};

use super::command::ImageCommand;

/// The configuration; the default where there is none.
pub fn document(container: &Path) -> RunConfig {
    RunConfig::read(&container.join("container.json"))
}

/// Reads what the image runs from the container's `container.json`.
pub fn image_command(container: &Path) -> ImageCommand {
    let config = document(container);
    ImageCommand {
        entrypoint: words(config.entrypoint),
        cmd: words(config.cmd),
        working_directory: config.working_dir.filter(|path| is_safe(path)),
    }
}

/// Without `..`: the path is looked up below the container's root.
fn is_safe(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| part != "..")
}

/// A list of words, or the string form some builders write.
fn words(words: Words) -> Vec<String> {
    match words {
        Words::List(words) => words,
        Words::Line(line) => vec!["/bin/sh".into(), "-c".into(), line],
        Words::Missing | Words::Other => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_entrypoint_is_a_shell_line() {
        let text = r#"{"config": {"Entrypoint": "a b", "Cmd": ["c"]}}"#;
        let config = RunConfig::parse(text.as_bytes());
        assert_eq!(words(config.entrypoint), ["/bin/sh", "-c", "a b"]);
        assert_eq!(words(config.cmd), ["c"]);
        assert!(words(Words::Missing).is_empty());
    }
}
