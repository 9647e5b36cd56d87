//! Completions for bash, zsh and fish, where these shells look for them below a prefix's `share`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Command;
use clap_complete::{Generator, generate, shells};

use crate::programs::{self, Program};
use crate::spelling::{self, Spelling};

/// The shells there are completions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// GNU Bash 4.
    Bash,
    /// Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// Where a program's completions are below `share`.
    pub fn path(self, program: &str) -> PathBuf {
        match self {
            Self::Bash => format!("bash-completion/completions/{program}"),
            Self::Zsh => format!("zsh/site-functions/_{program}"),
            Self::Fish => format!("fish/vendor_completions.d/{program}.fish"),
        }
        .into()
    }
}

/// Writes the completions of both programs below the directory, which is created.
///
/// # Errors
/// What the file system answers when a file cannot be written.
pub fn write(share: &Path) -> io::Result<()> {
    for program in programs::all() {
        for shell in Shell::ALL {
            let path = share.join(shell.path(program.name));
            fs::create_dir_all(path.parent().unwrap_or(share))?;
            fs::write(path, script(&program, shell))?;
        }
    }
    Ok(())
}

/// A shell's completions of a program.
pub fn script(program: &Program, shell: Shell) -> String {
    let generated = match shell {
        Shell::Bash => bash(program),
        Shell::Zsh => generated(shells::Zsh, program),
        Shell::Fish => generated(shells::Fish, program),
    };
    let spelling = Spelling {
        shorts: &program.shorts,
        hidden: hidden(&program.command),
    };
    let respell = match shell {
        Shell::Bash => spelling::bash,
        Shell::Zsh => spelling::zsh,
        Shell::Fish => spelling::fish,
    };
    generated
        .lines()
        .filter_map(|line| respell(line, &spelling))
        .map(|line| line + "\n")
        .collect()
}

/// `clap_complete` calls the state after a subcommand by two names when the program's name has a hyphen, and completes
/// nothing there (clap-rs/clap#6421).
fn bash(program: &Program) -> String {
    let written = program.name.replace('-', "__subcmd__") + "__subcmd__";
    let meant = program.name.replace('-', "__") + "__subcmd__";
    generated(shells::Bash, program).replace(&written, &meant)
}

fn generated(shell: impl Generator, program: &Program) -> String {
    let mut script = Vec::new();
    generate(
        shell,
        &mut program.command.clone(),
        program.name,
        &mut script,
    );
    String::from_utf8_lossy(&script).into_owned()
}

/// Long options that are no user's: `clap_complete` offers them although they are hidden.
fn hidden(command: &Command) -> Vec<String> {
    let options = command.get_arguments().filter(|a| a.is_hide_set());
    let own = options.filter_map(|option| Some(format!("--{}", option.get_long()?)));
    own.chain(command.get_subcommands().flat_map(hidden))
        .collect()
}
