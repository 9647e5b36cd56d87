//! Completions, asked of the shells themselves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dist::completions::{self, Shell};
use dist::programs;
use tempfile::TempDir;

/// Completions that were written, beside a file that can be completed.
struct Share(TempDir);

/// Loads completions (`$1`), and completes the last of the other words as bash does when Tab is pressed.
const IN_BASH: &str = r#"
    source "$1"; shift
    [[ $(complete -p "$1") =~ -F\ ([^ ]+) ]]
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    "${BASH_REMATCH[1]}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
"#;

impl Share {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        completions::write(place.path()).unwrap();
        fs::write(place.path().join("image.tar"), "").unwrap();
        Self(place)
    }

    fn file(&self, shell: Shell, program: &str) -> PathBuf {
        self.0.path().join(shell.path(program))
    }

    /// What is offered for the last word.
    fn complete(&self, shell: Shell, words: &[&str]) -> Vec<String> {
        let file = self.file(shell, words[0]);
        match shell {
            Shell::Bash => {
                let mut command = Command::new("bash");
                command.args(["--norc", "-c", IN_BASH, "bash"]).arg(file);
                self.lines(command.args(words))
            }
            Shell::Fish => {
                let script = "source $argv[1]; complete -C \"$argv[2]\"";
                let mut command = Command::new("fish");
                command.args(["--no-config", "-c", script]).arg(file);
                // Beside each word, after a tab, is its description.
                let lines = self.lines(command.arg(words.join(" ")));
                let word = |line: &String| line.split('\t').next().unwrap_or("").to_owned();
                lines.iter().map(word).collect()
            }
            Shell::Zsh => unreachable!("it completes in a terminal only"),
        }
    }

    fn lines(&self, command: &mut Command) -> Vec<String> {
        let command = command
            .current_dir(self.0.path())
            .env("HOME", self.0.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn verbs_their_verbs_and_their_options_are_offered() {
    let share = Share::new();
    for shell in [Shell::Bash, Shell::Fish] {
        for (words, expected) in [
            (&["faas-deploy", "in"][..], &["init", "invoke"][..]),
            (&["faas-deploy", "layer", "p"], &["prune", "publish"]),
            (
                &["faas-deploy", "init", "--timeout"],
                &["--timeout", "--timeout-threshold"],
            ),
            (&["supervisor", "doctor", "--s"], &["--sandbox"]),
            (&["supervisor", "--im"], &["--image"]),
        ] {
            let mut offered = share.complete(shell, words);
            offered.sort();
            assert_eq!(offered, expected, "{shell:?}: {words:?}");
        }
    }
}

#[test]
fn short_options_of_several_letters_are_offered_where_their_long_ones_are() {
    let share = Share::new();
    let [_, deploy] = programs::all();
    for verb in deploy.command.get_subcommands() {
        let words = ["faas-deploy", verb.get_name(), "-"];
        for shell in [Shell::Bash, Shell::Fish] {
            let offered = share.complete(shell, &words);
            let offers = |option: &str| offered.iter().any(|word| word == option);
            for (short, long) in &deploy.shorts {
                // Two long options have one short, in different verbs.
                let meant: Vec<_> = deploy.shorts.iter().filter(|(s, _)| s == short).collect();
                let known = meant.iter().any(|(_, long)| offers(long));
                assert_eq!(offers(short), known, "{shell:?}: {words:?} {short} {long}");
            }
            assert!(
                offers("-pf") || verb.has_subcommands(),
                "{shell:?}: {words:?}: {offered:?}"
            );
        }
    }
}

#[test]
fn a_value_is_completed_after_a_short_option_of_several_letters_too() {
    let share = Share::new();
    for shell in [Shell::Bash, Shell::Fish] {
        for option in ["--image-file", "-if"] {
            let offered = share.complete(shell, &["faas-deploy", "init", option, "ima"]);
            assert_eq!(offered, ["image.tar"], "{shell:?}: {option}");
        }
    }
}

#[test]
fn what_is_hidden_is_offered_nowhere_and_zsh_takes_its_files() {
    let share = Share::new();
    for shell in Shell::ALL {
        for program in programs::all() {
            let file = share.file(shell, program.name);
            let text = fs::read_to_string(&file).unwrap();
            for spelled in ["--imitated", "-l imitated"] {
                assert!(!text.contains(spelled), "{shell:?}: {spelled}");
            }
        }
    }
    for program in ["supervisor", "faas-deploy"] {
        let file = share.file(Shell::Zsh, program);
        share.lines(Command::new("zsh").args(["-f", "-n"]).arg(&file));
    }
    let text = fs::read_to_string(share.file(Shell::Zsh, "faas-deploy")).unwrap();
    let options = zsh_options(&text, "-if");
    assert_eq!(options, zsh_options(&text, "--image-file"));
    assert_eq!(options.len(), 3, "init, update and plan: {options:?}");
}

/// What follows an option's name in each line that describes it.
fn zsh_options<'a>(text: &'a str, option: &str) -> Vec<&'a str> {
    let start = format!("'{option}=");
    text.lines()
        .filter_map(|line| line.strip_prefix(&start))
        .collect()
}

#[test]
fn completions_are_where_the_shells_look() {
    let share = Share::new();
    for path in [
        "bash-completion/completions/faas-deploy",
        "zsh/site-functions/_supervisor",
        "fish/vendor_completions.d/faas-deploy.fish",
    ] {
        assert!(share.0.path().join(Path::new(path)).is_file(), "{path}");
    }
}
