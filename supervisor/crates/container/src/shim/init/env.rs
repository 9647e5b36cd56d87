//! The stand-in for `env`, with which udocker starts the engine of an F mode.

use std::{
    ffi::{OsStr, OsString},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use super::{
    command::{command_words, pair},
    serve,
};
use crate::shim::devices::devices_instead_of_dev;

/// Tells the stand-in for `env` where the handoff directory is.
pub const HANDOFF_VARIABLE: &str = "FAAS_SUPERVISOR_HANDOFF";
/// Tells it which directory must be the host's even where the library cannot map directories.
pub const SHARED_VARIABLE: &str = "FAAS_SUPERVISOR_SHARED";
/// Exit status for a command that does not exist, as shells have it.
const NOT_FOUND: u8 = 127;

/// Plays `env`: with `-i` on behalf of udocker, otherwise as whatever `env` the machine has.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let handoff = std::env::var_os(HANDOFF_VARIABLE);
    match (handoff, arguments) {
        (Some(handoff), [flag, rest @ ..]) if flag == "-i" => {
            let (mut variables, command) = split_assignments(rest);
            if let Some(devices) = devices_instead_of_dev(Path::new("/dev")) {
                share_devices(&mut variables, &devices);
            }
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

/// Has fakechroot take these from this machine, and not all of `/dev`, whichever of its two lists that is in.
fn share_devices(variables: &mut [(OsString, OsString)], devices: &[PathBuf]) {
    for (name, value) in variables {
        let entry: fn(&OsStr) -> OsString = match name.as_bytes() {
            b"FAKECHROOT_EXCLUDE_PATH" => OsStr::to_owned,
            b"FAKECHROOT_DIR_MAP" => |path| [path, OsStr::new("!"), path].into_iter().collect(),
            _ => continue,
        };
        let dev = entry(OsStr::new("/dev"));
        let parts = value.as_bytes().split(|&b| b == b':');
        let parts = parts.flat_map(|part| {
            if part == dev.as_bytes() {
                devices.iter().map(|path| entry(path.as_os_str())).collect()
            } else {
                vec![OsStr::from_bytes(part).to_owned()]
            }
        });
        *value = parts.collect::<Vec<_>>().join(OsStr::new(":"));
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
    fn devices_are_shared_one_by_one() {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let mut variables = [
            pair("FAKECHROOT_EXCLUDE_PATH", "/proc:/dev:/device"),
            pair("FAKECHROOT_DIR_MAP", "/dev!/dev:/w!/w"),
            pair("OTHER", "/dev"),
        ];
        share_devices(&mut variables, &["/dev/null".into(), "/dev/full".into()]);
        let expected = [
            pair(
                "FAKECHROOT_EXCLUDE_PATH",
                "/proc:/dev/null:/dev/full:/device",
            ),
            pair(
                "FAKECHROOT_DIR_MAP",
                "/dev/null!/dev/null:/dev/full!/dev/full:/w!/w",
            ),
            pair("OTHER", "/dev"),
        ];
        assert_eq!(variables, expected);
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
