//! How a program of the image is run in F1: through its own loader, scripts through what they name.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    Guest,
    fakechroot::host_loader,
    request::{Command, Shared},
};
use crate::{error::EngineError, variable::Variable};
use rootfs::{
    elf::Machine,
    executable::{self, MAX_INTERPRETERS, Program},
};

/// The loader, and the words that run the command through it: the kernel would take the loader and the interpreter of
/// this machine.
pub(crate) fn preloaded(
    guest: &Guest,
    root: &Path,
    command: &Command<'_>,
    shared: &Shared<'_>,
) -> Result<(Option<PathBuf>, Vec<OsString>), EngineError> {
    let place = executable::PathLookup {
        root,
        shared: shared.paths,
        working_directory: &guest.working_directory,
        search: search(command.variables, guest.variable("PATH")),
    };
    let [program, words @ ..] = command.argv else {
        return Ok((None, Vec::new()));
    };
    let (mut program, mut words) = (PathBuf::from(program), words.to_vec());
    for _interpreter in 0..=MAX_INTERPRETERS {
        let Some(found) = place.find(&program) else {
            // Executed as it is, the first process finds out that it is not there, and says so as for any command.
            let absent = root.join(program.strip_prefix("/").unwrap_or(&program));
            return Ok((None, vec![absent.into()]));
        };
        if nix::unistd::access(&found.host, nix::unistd::AccessFlags::X_OK).is_err() {
            return Ok((None, vec![found.host.into()]));
        }
        match executable::inspect(&found.host) {
            Ok(Program::Dynamic { machine, loader }) => {
                check_machine(machine, &found.inside, command.image)?;
                let Some(loader) = host_loader(root, &loader) else {
                    return Err(EngineError::NoLoader {
                        program: found.inside,
                        image: command.image.to_owned(),
                        loader,
                    });
                };
                let engine = [loader.clone().into(), found.as_seen_by_the_kernel(root)];
                return Ok((Some(loader), [engine.to_vec(), words].concat()));
            }
            Ok(Program::Script {
                interpreter,
                argument,
            }) => {
                let script = argument.into_iter().chain([found.inside.into()]);
                words = script.chain(words).collect();
                program = interpreter;
            }
            // Static ones have been refused before, see `executable::escapes`.
            Ok(Program::Unknown | Program::Static { .. }) | Err(_) => {
                words.insert(0, found.inside.into());
                program = "/bin/sh".into();
            }
        }
    }
    Ok((None, vec![root.join("too-many-interpreters").into()]))
}

fn check_machine(machine: Machine, program: &Path, image: &str) -> Result<(), EngineError> {
    if machine == Machine::HOST {
        return Ok(());
    }
    Err(EngineError::Machine {
        program: program.to_owned(),
        image: image.to_owned(),
        machine: machine.to_string(),
        host: Machine::HOST.to_string(),
    })
}

/// `PATH` inside: the run's, or else that `of_image`.
pub(crate) fn search<'a>(of_run: &'a [Variable], of_image: Option<&'a str>) -> &'a str {
    let own = of_run.iter().rev().find(|variable| variable.name == "PATH");
    own.map(|variable| variable.value.as_str())
        .or(of_image)
        .unwrap_or(executable::SEARCH)
}
