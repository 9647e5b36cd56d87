//! How a supervisor is started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::confinement::Confinement;
use crate::finished::Finished;
use crate::paths;
use crate::run::Running;

/// A supervisor about to be started; see [`crate::Sandbox::launch`].
#[derive(Debug)]
pub struct Launch {
    directory: PathBuf,
    confinement: Option<Confinement>,
    program: Vec<OsString>,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, OsString>,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Launch {
    pub(crate) fn new(directory: &Path, variables: BTreeMap<String, OsString>) -> Self {
        let limit = Duration::from_mins(1);
        Self {
            directory: directory.to_path_buf(),
            confinement: None,
            program: vec![paths::supervisor().into()],
            arguments: Vec::new(),
            variables,
            stdin: Vec::new(),
            limit,
        }
    }

    /// Starts it inside an imitation of Lambda's sandbox.
    pub(crate) fn confined(mut self, confinement: Confinement) -> Self {
        self.confinement = Some(confinement);
        self
    }

    /// Changes that imitation.
    #[must_use]
    pub fn confinement(mut self, change: impl FnOnce(Confinement) -> Confinement) -> Self {
        let confinement = self
            .confinement
            .take()
            .expect("it starts in a sandbox of Lambda's kind");
        self.confinement = Some(change(confinement));
        self
    }

    /// Starts it by another command, which is given its arguments.
    #[must_use]
    pub fn through(mut self, command: Vec<OsString>) -> Self {
        self.program = command;
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .insert(name.to_owned(), value.as_ref().to_owned());
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    /// How long it may take by the wall clock: 60 seconds unless said here.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.start().wait()
    }

    /// Starts it.
    pub fn start(self) -> Running {
        let words = self.confinement.iter().flat_map(Confinement::words);
        let words: Vec<OsString> = words.chain(self.program).chain(self.arguments).collect();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.directory.join("work"));
        let confined = self.confinement.is_some();
        Running::start(command, &self.stdin, self.directory, self.limit, confined)
    }
}
