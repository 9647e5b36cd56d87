//! The command of a handoff: its words, its variables, its pipes.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::shim::init::status_writer::pipe;

/// What the supervisor wants run.
pub(super) fn command_words(handoff: &Path) -> io::Result<Vec<OsString>> {
    let mut bytes = fs::read(handoff.join("argv"))?;
    // Every word is terminated, the last one too; without that an empty one would be seen.
    bytes.pop();
    Ok(bytes
        .split(|&b| b == 0)
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect())
}

/// What a command has in place of a terminal.
pub(crate) struct Pipes {
    input: Stdio,
    output: File,
    errors: File,
}

impl Pipes {
    /// Those of the handoff.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn open(handoff: &Path) -> io::Result<Self> {
        Ok(Self {
            input: no_input()?,
            output: pipe(handoff, "stdout")?,
            errors: pipe(handoff, "stderr")?,
        })
    }
}

/// The command, between the pipes, with the engine's variables and its `own`.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is no word in it.
pub(crate) fn prepare(
    pipes: Pipes,
    engine: impl IntoIterator<Item = (OsString, OsString)>,
    own: impl IntoIterator<Item = (OsString, OsString)>,
    command: &[OsString],
) -> io::Result<Command> {
    let [program, arguments @ ..] = command else {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the image names no command; give one as script or cmd_args",
        ));
    };
    // What the engine itself was told is not the container's business.
    let engine = engine
        .into_iter()
        .filter(|(name, _)| !name.as_bytes().starts_with(b"PROOT_"));
    let mut child = Command::new(program);
    child
        .args(arguments)
        .env_clear()
        .envs(merged(engine.collect(), own.into_iter().collect()))
        .stdin(pipes.input)
        .stdout(pipes.output)
        .stderr(pipes.errors);
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
pub(crate) fn no_input() -> io::Result<Stdio> {
    match File::open("/dev/null") {
        Ok(null) => Ok(null.into()),
        // Its other end is closed right here.
        Err(_no_dev) => io::pipe().map(|(reader, _writer)| reader.into()),
    }
}

/// The variables of the handoff; the file goes as soon as it is read.
pub(super) fn take_variables(handoff: &Path) -> io::Result<Vec<(OsString, OsString)>> {
    let path = handoff.join("env");
    let bytes = fs::read(&path)?;
    let _supervisor_removes_it_too = fs::remove_file(&path);
    Ok(bytes
        .split(|&b| b == 0)
        .filter_map(pair)
        .map(|(n, v)| (n, OsString::from_vec(v.into_vec())))
        .collect())
}

/// `NAME=value`.
pub(super) fn pair(assignment: &[u8]) -> Option<(OsString, OsString)> {
    let at = assignment.iter().position(|&b| b == b'=')?;
    let (name, value) = (&assignment[..at], &assignment[at + 1..]);
    (!name.is_empty()).then(|| {
        (
            OsStr::from_bytes(name).to_owned(),
            OsStr::from_bytes(value).to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
