//! What the project's programs accept, by their own word: the Makefile's targets, the definitions of clap, `--help`.

use std::fs;
use std::process::Command;

use clap::CommandFactory as _;
use e2e::{built, root, supervisor};
use layer_build::deploy::{cli::Arguments, short_options};

/// The targets of the Makefile.
pub(crate) fn targets() -> Vec<String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let target = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (!rest.starts_with('=') && name.chars().all(plain)).then(|| name.to_owned())
    };
    makefile.lines().filter_map(target).collect()
}

/// Whether a program of the project accepts a command line; `None` for other programs.
pub(crate) fn accepts(words: &[String]) -> Option<Result<(), String>> {
    let (program, arguments) = words.split_first()?;
    match program.as_str() {
        "make" => Some(make(arguments)),
        "faas-deploy" => Some(faas_deploy(words)),
        "supervisor" => Some(explains(&mut Command::new(supervisor()), arguments)),
        "cargo" if arguments.first().is_some_and(|verb| verb == "run") => {
            Some(cargo_run(arguments))
        }
        _ => None,
    }
}

fn make(arguments: &[String]) -> Result<(), String> {
    let known = targets();
    let target = |word: &&String| !word.contains('=');
    match arguments
        .iter()
        .filter(target)
        .find(|name| !known.contains(name))
    {
        Some(unknown) => Err(format!("the Makefile has no target {unknown}")),
        None => Ok(()),
    }
}

fn faas_deploy(words: &[String]) -> Result<(), String> {
    let command = Arguments::command();
    let line = short_options::expand(words.iter().map(Into::into), &command);
    match command.try_get_matches_from(line) {
        Err(error) if error.use_stderr() => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Asked for help at the end of its command line, a program refuses what it does not know and explains itself otherwise.
fn explains(program: &mut Command, arguments: &[String]) -> Result<(), String> {
    let own = arguments.iter().take_while(|word| *word != "--");
    let output = program.args(own).arg("--help").output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn cargo_run(arguments: &[String]) -> Result<(), String> {
    let package = arguments.iter().skip_while(|word| *word != "-p").nth(1);
    if package.is_none_or(|name| name != "layer-build") {
        return Err("only layer-build is run in this way".to_owned());
    }
    let inner: Vec<String> = arguments
        .iter()
        .skip_while(|word| *word != "--")
        .skip(1)
        .cloned()
        .collect();
    explains(&mut Command::new(built("debug/layer-build")), &inner)
}

/// The long options in a program's help.
pub(crate) fn options_of_supervisor() -> Vec<String> {
    let mut found = Vec::new();
    for words in [&["--help"][..], &["doctor", "--help"]] {
        let output = Command::new(supervisor()).args(words).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let options = help.split_once("Options:").unwrap().1;
        let option = |line: &str| {
            let line = line.trim_start();
            let start = line.find("--").filter(|_| line.starts_with('-'))?;
            let end = |c: char| !c.is_ascii_lowercase() && c != '-';
            line[start..].split(end).next().map(str::to_owned)
        };
        found.extend(options.lines().filter_map(option));
    }
    found.retain(|name| name != "--help" && name != "--version");
    found
}

/// The long options of `faas-deploy`, of all verbs.
pub(crate) fn options_of_faas_deploy() -> Vec<String> {
    let mut found = Vec::new();
    let mut commands = vec![Arguments::command()];
    while let Some(command) = commands.pop() {
        let long = command.get_arguments().filter_map(clap::Arg::get_long);
        found.extend(long.map(|name| format!("--{name}")));
        commands.extend(command.get_subcommands().cloned());
    }
    found.sort();
    found.dedup();
    found
}

/// The short options of `faas-deploy`, of all verbs; those of several letters are known by what they become.
pub(crate) fn is_short_option(option: &str) -> bool {
    let command = Arguments::command();
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    let becomes_long = |verb: &str| {
        let line = ["faas-deploy", verb, option].map(Into::into);
        short_options::expand(line, &command)
            .last()
            .is_some_and(|word| *word != *option)
    };
    let letter = option
        .strip_prefix('-')
        .filter(|rest| rest.chars().count() == 1);
    let letter = letter.and_then(|rest| rest.chars().next());
    let one_letter = command.get_subcommands().chain([&command]).any(|one| {
        one.get_arguments()
            .any(|argument| letter.is_some() && argument.get_short() == letter)
    });
    one_letter || verbs.into_iter().any(becomes_long)
}

/// The verbs of `faas-deploy`.
pub(crate) fn verbs() -> Vec<String> {
    let command = Arguments::command();
    command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect()
}
