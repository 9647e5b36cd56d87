//! Where a container's command is looked for, by whichever engine runs it: before an F mode does, it must be known what the
//! program is (see [`executable`]).

use std::path::{Path, PathBuf};

use crate::{
    engine::{
        Account,
        command::{Volumes, shared_paths},
        document::document,
        search, variable, variables, working_directory,
    },
    exec::request::RunRequest,
    prepare::prepared::Prepared,
    run::container::Container,
};
use rootfs::executable::PathLookup;

/// What a [`PathLookup`] is made of.
#[derive(Debug)]
pub(crate) struct Lookup {
    root: PathBuf,
    shared: Vec<PathBuf>,
    working_directory: PathBuf,
    search: String,
}

impl Lookup {
    /// That of a run in a container that was set up for an F mode.
    pub(crate) fn of(container: Container<'_>, request: &RunRequest<'_>) -> Self {
        let prepared = container.prepared;
        let root = prepared.directory.join("ROOT");
        let volumes = Volumes {
            record: request.record.root(),
            task_root: container.task_root,
            supervisor: Path::new(""),
        };
        let shared = shared_paths(prepared.mode, &volumes, Path::exists);
        let (working_directory, search) = match &prepared.guest {
            Some(guest) => (
                guest.working_directory.clone(),
                search(request.variables, guest.variable("PATH")).to_owned(),
            ),
            None => of_udocker(prepared, &root),
        };
        Self {
            root,
            shared,
            working_directory,
            search,
        }
    }

    pub(crate) fn place(&self) -> PathLookup<'_> {
        PathLookup {
            root: &self.root,
            shared: &self.shared,
            working_directory: &self.working_directory,
            search: &self.search,
        }
    }
}

/// udocker looks for the program before it knows the variables of the run.
fn of_udocker(prepared: &Prepared, root: &Path) -> (PathBuf, String) {
    let config = document(&prepared.directory);
    let account = Account::of(root, config.user.as_deref(), prepared.mode);
    let directory = working_directory(&config, root, &account);
    let assignments = variables(&config.env);
    let search = search(&[], variable(&assignments, "PATH"));
    (directory, search.to_owned())
}
