//! Short options of several letters (`-tt`, `-if`). clap does not know such options, so they become long ones before it parses.

use std::ffi::OsString;

use clap::{ArgAction, Command};

/// Short option, long option, and the verbs where they are the same; an empty list means every verb.
const SHORTS: &[(&str, &str, &[&str])] = &[
    ("-if", "--image-file", &[]),
    ("-tt", "--timeout-threshold", &[]),
    ("-le", "--lambda-environment", &[]),
    ("-ll", "--log-level", &[]),
    ("-ib", "--input-bucket", &[]),
    ("-ob", "--output-bucket", &[]),
    ("-em", "--execution-mode", &[]),
    ("-sv", "--supervisor-version", &[]),
    ("-rt", "--runtime", &[]),
    ("-bm", "--batch-memory", &[]),
    ("-bc", "--batch-vcpus", &[]),
    ("-ph", "--preheat", &[]),
    ("-ep", "--extra-payload", &[]),
    ("-db", "--data-binary", &["invoke"]),
    ("-db", "--deployment-bucket", &[]),
    ("-api", "--api-gateway-name", &[]),
    ("-pf", "--profile", &[]),
    ("-jd", "--json-data", &[]),
    ("-ls", "--log-stream-name", &[]),
    ("-ri", "--request-id", &[]),
];

/// The short options of several letters, each with the long option it stands for. No verb has two long options with one short.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHORTS.iter().map(|(short, long, _)| (*short, *long))
}

/// Replaces short options of several letters by long ones. Values of options stay, and so does everything from the first positional
/// argument of a verb on, which belongs to the container.
pub fn expand(arguments: impl IntoIterator<Item = OsString>, program: &Command) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut expanded: Vec<OsString> = arguments.next().into_iter().collect();
    let mut command = program;
    let mut verb = String::new();
    let mut state = State::Options;
    for argument in arguments {
        let Some(text) = argument.to_str().filter(|_| state != State::Rest) else {
            expanded.push(argument);
            continue;
        };
        if state == State::Value {
            state = State::Options;
            expanded.push(argument);
        } else if text.starts_with('-') && text.len() > 1 {
            let long = lengthen(text, &verb);
            state = after_option(command, &long);
            expanded.push(long.into());
        } else if let Some(inner) = command.find_subcommand(text) {
            if verb.is_empty() {
                text.clone_into(&mut verb);
            }
            command = inner;
            expanded.push(argument);
        } else {
            state = State::Rest;
            expanded.push(argument);
        }
    }
    expanded
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// An option or a verb may follow.
    Options,
    /// The value of the last option follows.
    Value,
    /// The container's arguments follow.
    Rest,
}

fn lengthen(text: &str, verb: &str) -> String {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let known = SHORTS
        .iter()
        .find(|(short, _, verbs)| *short == name && (verbs.is_empty() || verbs.contains(&verb)));
    match (known, value) {
        (Some((_, long, _)), Some(value)) => format!("{long}={value}"),
        (Some((_, long, _)), None) => (*long).to_owned(),
        (None, _) => text.to_owned(),
    }
}

/// Whether the option's value is the next argument.
fn after_option(command: &Command, option: &str) -> State {
    if option == "--" {
        return State::Rest;
    }
    let argument = command
        .get_arguments()
        .find(|argument| match option.strip_prefix("--") {
            Some(long) => argument.get_long() == Some(long),
            // A value may be attached to a short option of one letter (`-nNAME`).
            None => option.chars().count() == 2 && argument.get_short() == option.chars().nth(1),
        });
    match argument.map(clap::Arg::get_action) {
        Some(ArgAction::Set | ArgAction::Append) => State::Value,
        _ => State::Options,
    }
}
