//! The container's first process: connects the container to the supervisor from the inside.
//!
//! udocker changes what passes through it: values lose white space and newlines, the image's
//! variables win over an `--env-file`, F modes put every variable on the command line of `env`,
//! empty arguments are dropped, R modes without a terminal lose the exit status, and its own
//! messages share the container's output. So all of that goes around it, through a directory both
//! sides see:
//!
//! ```text
//! handoff/env      NAME=value, NUL-terminated; 0600, removed when read
//! handoff/argv     the command's words, NUL-terminated
//! handoff/stdout   named pipe
//! handoff/stderr   named pipe
//! handoff/status   named pipe: "exit 7" or "signal 9"
//! ```
//!
//! In P, R and S modes the supervisor's binary is the entrypoint (`faas-init HANDOFF`).
//! F modes cannot run a static binary in the image; there it stands in for the `env` command with
//! which udocker starts the engine (`env -i NAME=value… LOADER COMMAND…`, found on `PATH`).

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Tells the stand-in for `env` where the handoff directory is.
pub const HANDOFF_VARIABLE: &str = "FAAS_SUPERVISOR_HANDOFF";
/// Tells it which directory must be the host's even where the library cannot map directories.
pub const SHARED_VARIABLE: &str = "FAAS_SUPERVISOR_SHARED";
/// Exit status for a command that does not exist, as shells and `docker run` have it.
const NOT_FOUND: u8 = 127;
/// Exit status for a command that cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

/// Plays the entrypoint: `faas-init HANDOFF`.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let Some(handoff) = arguments.first().map(Path::new) else {
        return ExitCode::from(NOT_EXECUTABLE);
    };
    let inherited = std::env::vars_os().collect();
    let command = command_words(handoff).unwrap_or_default();
    serve(handoff, inherited, &command)
}

/// What the supervisor wants run.
fn command_words(handoff: &Path) -> io::Result<Vec<OsString>> {
    let mut bytes = fs::read(handoff.join("argv"))?;
    // Every word is terminated, the last one too; without that an empty one would be seen.
    bytes.pop();
    Ok(bytes
        .split(|&b| b == 0)
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect())
}

/// Plays `env`: with `-i` on behalf of udocker, otherwise as whatever `env` the machine has.
pub fn play_env(arguments: &[OsString]) -> ExitCode {
    let handoff = std::env::var_os(HANDOFF_VARIABLE);
    match (handoff, arguments) {
        (Some(handoff), [flag, rest @ ..]) if flag == "-i" => {
            let (mut variables, command) = split_assignments(rest);
            if let Some(shared) = std::env::var_os(SHARED_VARIABLE) {
                share(&mut variables, &shared);
            }
            let handoff = Path::new(&handoff);
            let command = with_empty_words(command, &command_words(handoff).unwrap_or_default());
            serve(handoff, variables, &command)
        }
        _ => real_env(arguments),
    }
}

/// Puts the empty words back that udocker dropped from the end of the engine's command line.
fn with_empty_words(command: &[OsString], wanted: &[OsString]) -> Vec<OsString> {
    let arguments = wanted.get(1..).unwrap_or_default();
    let kept: Vec<OsString> = arguments
        .iter()
        .filter(|w| !w.is_empty())
        .cloned()
        .collect();
    match command.strip_suffix(kept.as_slice()) {
        Some(engine) => [engine, arguments].concat(),
        None => command.to_vec(),
    }
}

fn split_assignments(arguments: &[OsString]) -> (Vec<(OsString, OsString)>, &[OsString]) {
    let count = arguments
        .iter()
        .take_while(|a| a.as_bytes().contains(&b'='))
        .count();
    let variables = arguments[..count].iter().filter_map(|a| pair(a.as_bytes()));
    (variables.collect(), &arguments[count..])
}

fn pair(assignment: &[u8]) -> Option<(OsString, OsString)> {
    let at = assignment.iter().position(|&b| b == b'=')?;
    let (name, value) = (&assignment[..at], &assignment[at + 1..]);
    (!name.is_empty()).then(|| {
        (
            OsStr::from_bytes(name).to_owned(),
            OsStr::from_bytes(value).to_owned(),
        )
    })
}

/// Adds the shared directory to what fakechroot leaves alone: only some of its libraries know
/// `FAKECHROOT_DIR_MAP`, all know `FAKECHROOT_EXCLUDE_PATH`.
fn share(variables: &mut Vec<(OsString, OsString)>, shared: &OsStr) {
    const EXCLUDE: &str = "FAKECHROOT_EXCLUDE_PATH";
    match variables.iter_mut().find(|(name, _)| name == EXCLUDE) {
        Some((_, value)) => {
            value.push(":");
            value.push(shared);
        }
        None => variables.push((EXCLUDE.into(), shared.to_owned())),
    }
}

/// Hands over to the next `env` on `PATH`.
fn real_env(arguments: &[OsString]) -> ExitCode {
    let me = std::env::args_os().next().map(PathBuf::from);
    let own_dir = me.as_deref().and_then(Path::parent);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .filter(|dir| Some(dir.as_path()) != own_dir)
        .map(|dir| dir.join("env"))
        .find(|candidate| candidate.is_file());
    let program = found.unwrap_or_else(|| PathBuf::from("/usr/bin/env"));
    let _error = Command::new(program).args(arguments).exec();
    ExitCode::from(NOT_FOUND)
}

/// A first process that nobody plays: whoever starts the command does what it would do. Only where that is on this side
/// of the container, as in F modes.
#[derive(Debug)]
pub(super) struct Between {
    /// The command, between the pipes, with its variables.
    pub(super) command: Command,
    status: File,
    handoff: PathBuf,
}

impl Between {
    /// Takes what is in `handoff`.
    ///
    /// # Errors
    /// The operating system's. The pipe for the status has been told then.
    pub(super) fn new(handoff: &Path) -> io::Result<Self> {
        let mut status = pipe(handoff, "status")?;
        let words = command_words(handoff).unwrap_or_default();
        let inherited = std::env::vars_os().collect();
        match prepare(handoff, inherited, &words) {
            Ok(command) => Ok(Self {
                command,
                status,
                handoff: handoff.to_owned(),
            }),
            Err(error) => {
                tell_failure(handoff, &mut status, &words, &error);
                Err(error)
            }
        }
    }

    /// Says that the command did not start; what it would have exited with.
    pub(super) fn failed(&mut self, error: &io::Error) -> u8 {
        let program = [self.command.get_program().to_owned()];
        tell_failure(&self.handoff, &mut self.status, &program, error)
    }

    /// Says how it ended.
    pub(super) fn ended(&mut self, status: ExitStatus) {
        let (line, _) = describe(status);
        let _told = self.status.write_all(line.as_bytes());
    }

    /// Says that nothing of it is left.
    pub(super) fn gone(&mut self) {
        let _told = self.status.write_all(GONE);
    }
}

/// Told after the status by who has seen to it that nothing is left.
pub(super) const GONE: &[u8] = b"gone\n";

/// Runs the command between the pipes and reports how it ended.
fn serve(handoff: &Path, base: Vec<(OsString, OsString)>, command: &[OsString]) -> ExitCode {
    let Ok(mut status_pipe) = pipe(handoff, "status") else {
        return ExitCode::from(NOT_EXECUTABLE);
    };
    match run(handoff, base, command) {
        Ok(status) => {
            let (line, code) = describe(status);
            let _told = status_pipe.write_all(line.as_bytes());
            ExitCode::from(code)
        }
        Err(error) => ExitCode::from(tell_failure(handoff, &mut status_pipe, command, &error)),
    }
}

/// What a shell would say and exit with.
fn tell_failure(handoff: &Path, status: &mut File, command: &[OsString], error: &io::Error) -> u8 {
    let code = if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    };
    let name = command.first().map(|c| c.to_string_lossy().into_owned());
    if let Ok(mut stderr) = pipe(handoff, "stderr") {
        let name = name.unwrap_or_else(|| "no command".into());
        let _told = writeln!(stderr, "exec {name}: {error}");
    }
    let _told = status.write_all(format!("exit {code}\n").as_bytes());
    code
}

fn run(
    handoff: &Path,
    base: Vec<(OsString, OsString)>,
    command: &[OsString],
) -> io::Result<ExitStatus> {
    let mut child = prepare(handoff, base, command)?;
    outlive_stop();
    child.spawn()?.wait()
}

/// The command, between the pipes, with its variables.
fn prepare(
    handoff: &Path,
    base: Vec<(OsString, OsString)>,
    command: &[OsString],
) -> io::Result<Command> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the image names no command; give one as script or cmd_args",
        ));
    };
    // What the engine itself was told is not the container's business.
    let base = base
        .into_iter()
        .filter(|(name, _)| !name.as_bytes().starts_with(b"PROOT_"));
    let mut child = Command::new(program);
    child
        .args(arguments)
        .env_clear()
        .envs(merged(base.collect(), take_variables(handoff)?))
        .stdin(no_input()?)
        .stdout(pipe(handoff, "stdout")?)
        .stderr(pipe(handoff, "stderr")?);
    Ok(child)
}

/// The engine's variables and the container's own, which win, except over what keeps an F mode inside: a list of
/// libraries becomes one of the image's and comes behind the engine's, of directories one before them.
fn merged(
    base: Vec<(OsString, OsString)>,
    own: Vec<(OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let value = |name: &str| {
        base.iter()
            .find(|(set, _)| set == name)
            .map(|(_, value)| value)
    };
    let Some(root) = value("FAKECHROOT_BASE") else {
        return [base, own].concat();
    };
    let inside = |list: &OsStr| {
        let parts = list.as_bytes().split(|b| b": ".contains(b));
        let absolute = parts.filter_map(|part| part.strip_prefix(b"/"));
        let parts = absolute.map(|part| Path::new(root).join(OsStr::from_bytes(part)));
        parts.map(PathBuf::into_os_string).collect::<Vec<_>>()
    };
    let list = |parts: Vec<OsString>| parts.join(OsStr::new(":"));
    let own = own.into_iter().filter_map(|(name, wanted)| {
        let value = match name.as_bytes() {
            b"LD_PRELOAD" => [vec![value("LD_PRELOAD")?.clone()], inside(&wanted)].concat(),
            b"LD_LIBRARY_PATH" => {
                [inside(&wanted), vec![value("LD_LIBRARY_PATH")?.clone()]].concat()
            }
            name if name.starts_with(b"FAKECHROOT_") => return None,
            _ => vec![wanted],
        };
        Some((name, list(value)))
    });
    let own: Vec<_> = own.collect();
    [base, own].concat()
}

/// An input that ends at once, in a root without `/dev` too.
///
/// # Errors
/// When neither `/dev/null` can be opened nor a pipe be made.
pub(super) fn no_input() -> io::Result<Stdio> {
    match File::open("/dev/null") {
        Ok(null) => Ok(null.into()),
        // Its other end is closed right here.
        Err(_no_dev) => io::pipe().map(|(reader, _writer)| reader.into()),
    }
}

/// The variables of the handoff; the file goes as soon as it is read.
fn take_variables(handoff: &Path) -> io::Result<Vec<(OsString, OsString)>> {
    let path = handoff.join("env");
    let bytes = fs::read(&path)?;
    let _supervisor_removes_it_too = fs::remove_file(&path);
    Ok(bytes
        .split(|&b| b == 0)
        .filter_map(pair)
        .map(|(n, v)| (n, OsString::from_vec(v.into_vec())))
        .collect())
}

fn pipe(handoff: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().write(true).open(handoff.join(name))
}

/// Whoever stops the tree signals every process of it; this one stays to report the status.
/// A handler, not "ignore": handlers are reset when the command is executed.
#[allow(unsafe_code)]
fn outlive_stop() {
    extern "C" fn stay(_signal: i32) {}
    let action = SigAction::new(
        SigHandler::Handler(stay),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: the handler does nothing, so it is async-signal-safe.
        let _keeps_the_default = unsafe { sigaction(signal, &action) };
    }
}

fn describe(status: ExitStatus) -> (String, u8) {
    match (status.code(), status.signal()) {
        (Some(code), _) => (
            format!("exit {code}\n"),
            u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        ),
        (None, Some(signal)) => (
            format!("signal {signal}\n"),
            u8::try_from(128 + signal).unwrap_or(u8::MAX),
        ),
        (None, None) => ("exit 1\n".to_owned(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn words_that_udocker_drops_come_back() {
        let engine = words(&["/ld.so", "/root/bin/echo", "a", "b"]);
        let wanted = words(&["echo", "", "a", "", "b"]);
        let whole = words(&["/ld.so", "/root/bin/echo", "", "a", "", "b"]);
        assert_eq!(with_empty_words(&engine, &wanted), whole);
        assert_eq!(with_empty_words(&engine, &words(&["echo", "x"])), engine);
        assert_eq!(with_empty_words(&engine, &[]), engine);
    }

    #[test]
    fn variables_of_the_container_win_but_do_not_let_it_out() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            pairs.iter().map(|(n, v)| (n.into(), v.into())).collect()
        };
        let own = pairs(&[
            ("A", "own"),
            ("LD_PRELOAD", "/lib/one.so two.so"),
            ("LD_LIBRARY_PATH", "/opt/lib:relative"),
            ("FAKECHROOT_BASE", "/"),
        ]);
        let free = merged(pairs(&[("A", "image")]), own.clone());
        assert!(free.ends_with(&own));
        let engine = pairs(&[
            ("A", "image"),
            ("FAKECHROOT_BASE", "/ROOT"),
            ("LD_PRELOAD", "/fakechroot.so"),
            ("LD_LIBRARY_PATH", "/ROOT/lib:."),
        ]);
        let expected = pairs(&[
            ("A", "own"),
            ("LD_PRELOAD", "/fakechroot.so:/ROOT/lib/one.so"),
            ("LD_LIBRARY_PATH", "/ROOT/opt/lib:/ROOT/lib:."),
        ]);
        assert_eq!(merged(engine.clone(), own), [engine, expected].concat());
    }

    #[test]
    fn the_shared_directory_joins_what_is_excluded() {
        let variable = |value: &str| ("FAKECHROOT_EXCLUDE_PATH".into(), value.into());
        let mut variables = vec![variable("/dev:/proc")];
        share(&mut variables, OsStr::new("/w/0"));
        assert_eq!(variables, [variable("/dev:/proc:/w/0")]);
        let mut variables = Vec::new();
        share(&mut variables, OsStr::new("/w/0"));
        assert_eq!(variables, [variable("/w/0")]);
    }

    #[test]
    fn assignments_end_where_the_command_begins() {
        let line = words(&["A=1", "B=", "C=x=y", "/ld.so", "D=not"]);
        let (variables, command) = split_assignments(&line);
        let expected = [("A", "1"), ("B", ""), ("C", "x=y")];
        assert_eq!(variables, expected.map(|(n, v)| (n.into(), v.into())));
        assert_eq!(command, words(&["/ld.so", "D=not"]));
    }
}
