//! One run of a container by this engine: `(container, command, what it shares) → the processes to start`. Looks at files,
//! changes none.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use config::UdockerMode;

use super::{
    Guest,
    fakechroot::{Preload, on_host},
    guest::Means,
    program::preloaded,
    proot,
    request::{Command, Shared},
};
use crate::{
    error::EngineError,
    shim::{
        argv0::INIT_PATH,
        init::IN_PROOT,
        launch_spec::{FirstProcess, Variables},
    },
};
use rootfs::executable;

/// What is to be started.
#[derive(Debug)]
pub struct Launch {
    /// Who that is.
    pub first: FirstProcess,
    /// What the container's first process becomes or starts.
    pub argv: Vec<OsString>,
    /// What the shim starts before; nothing where that is the command itself.
    pub line: Vec<OsString>,
    /// The engine's variables.
    pub variables: Variables,
    /// The command's variables that are not the engine's, too; those of the run come on top.
    pub inside: Variables,
    /// Paths of this machine that are to have a link in ROOT.
    pub links: Vec<PathBuf>,
    /// Where that starts, as a path inside the image; elsewhere the line says it.
    pub directory: Option<PathBuf>,
}

/// What starts `command` in the container of `guest`.
///
/// # Errors
/// [`EngineError`] when the program is for another machine or lacks its loader.
pub fn launch(
    guest: &Guest,
    command: &Command<'_>,
    shared: &Shared<'_>,
) -> Result<Launch, EngineError> {
    let mut common = common_variables(guest, command.mode);
    let root = guest.root();
    match &guest.engine {
        Means::Proot { program, variables } => {
            // A library or an option that the image names is not for this machine's program.
            let mut variables = variables.clone();
            variables.insert("PROOT_TMP_DIR".into(), shared.temp.into());
            let same = shared.paths.iter().map(|path| (path.clone(), path.clone()));
            let init = (shared.init.to_owned(), INIT_PATH.into());
            let binds: Vec<_> = same.chain([init]).collect();
            let (user, directory) = (&guest.account.user, &guest.working_directory);
            let mut line = proot::command_line(program, &binds, user, &root, directory);
            line.extend([INIT_PATH.into(), shared.handoff.into(), IN_PROOT.into()]);
            Ok(Launch {
                first: FirstProcess::InProot,
                argv: command.argv.to_vec(),
                line,
                variables,
                inside: common,
                links: Vec::new(),
                directory: None,
            })
        }
        Means::Fakechroot(preload) => {
            let (loader, argv) = preloaded(guest, &root, command, shared)?;
            tell_library(&mut common, preload, guest, &root, shared);
            if let Some(loader) = loader {
                common.insert("FAKECHROOT_ELFLOADER".into(), loader.into());
            }
            Ok(Launch {
                first: FirstProcess::Shim,
                argv,
                line: Vec::new(),
                variables: common,
                inside: Variables::new(),
                links: shared.own.to_vec(),
                directory: Some(guest.working_directory.clone()),
            })
        }
    }
}

/// What udocker sets in every mode.
fn common_variables(guest: &Guest, mode: UdockerMode) -> Variables {
    let account = &guest.account;
    let id = guest.directory.file_name().unwrap_or_default();
    let defaults = [
        ("PATH", executable::SEARCH),
        ("HOME", account.home.as_str()),
    ];
    let image = guest
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let user = ["USER", "LOGNAME", "USERNAME"].map(|name| (name, account.user.as_str()));
    let mut variables: Variables = defaults
        .into_iter()
        .chain(image)
        .chain(user)
        .chain([("SHLVL", "0")])
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    variables.insert("container_root".into(), guest.root().into());
    variables.insert("container_uuid".into(), id.to_owned());
    variables.insert("container_execmode".into(), mode.to_string().into());
    variables
}

/// What the preloaded library is told (fakechroot(1), and udocker's own additions).
fn tell_library(
    variables: &mut Variables,
    preload: &Preload,
    guest: &Guest,
    root: &Path,
    shared: &Shared<'_>,
) {
    let listed = |name| on_host(root, guest.variable(name).unwrap_or_default());
    let preloads = [preload.library.clone()]
        .into_iter()
        .chain(listed("LD_PRELOAD"));
    let library_path = listed("LD_LIBRARY_PATH").map(PathBuf::into_os_string);
    let library_path = library_path.chain([preload.library_path.clone()]);
    let excluded = shared.paths.iter().cloned();
    // Only udocker's libraries know this; the others know the list of what is excluded.
    let mapped = shared.own.iter().map(|path| {
        let path = path.as_os_str();
        [path, OsStr::new("!"), path]
            .into_iter()
            .collect::<OsString>()
    });
    let mut set = |name: &str, value: OsString| {
        variables.insert(name.into(), value);
    };
    set("PWD", guest.working_directory.clone().into());
    set("FAKECHROOT_BASE", root.into());
    set("LD_PRELOAD", joined(preloads.map(Into::into)));
    set("LD_LIBRARY_PATH", joined(library_path));
    set("FAKECHROOT_CMD_SUBST", preload.substitutions.clone());
    set(
        "FAKECHROOT_EXPAND_SYMLINKS",
        preload.expand_symlinks.clone(),
    );
    set("FAKECHROOT_EXCLUDE_PATH", joined(excluded.map(Into::into)));
    set("FAKECHROOT_DIR_MAP", joined(mapped));
    if let Some(libc) = &preload.libc {
        set("FAKECHROOT_LIBC", libc.clone());
    }
}

fn joined(parts: impl Iterator<Item = OsString>) -> OsString {
    parts.collect::<Vec<_>>().join(OsStr::new(":"))
}
