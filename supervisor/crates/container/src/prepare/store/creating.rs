//! The note that a container is being created, by which the next preparation finds what an interrupted one has left.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::Store;
use image::StoreName;
use rootfs::remove_tree;

/// What a note begins with that says what the container's directory is called.
const CALLED: &str = "+";

/// How a container that is being created is told from others.
#[derive(Debug, Clone, Copy)]
pub enum New<'a> {
    /// This is what its directory will be called.
    Called(&'a str),
    /// Its directory is none of those that are there already: udocker chooses the name.
    NotAmong(&'a BTreeSet<PathBuf>),
}

impl Store {
    /// Notes of which image a container is created, and how it is told from others.
    ///
    /// # Errors
    /// The operating system's.
    pub fn begin_creating(&self, reference: &str, new: &New<'_>) -> io::Result<()> {
        let marks: Vec<String> = match new {
            New::Called(name) => vec![format!("{CALLED}{name}")],
            New::NotAmong(before) => before
                .iter()
                .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
                .collect(),
        };
        let lines: Vec<String> = [reference.to_owned()].into_iter().chain(marks).collect();
        // Half a note would say that containers of others are new.
        let mut note = NamedTempFile::new_in(&self.own)?;
        note.write_all(lines.join("\n").as_bytes())?;
        note.persist(self.creating())?;
        Ok(())
    }

    /// Takes the note back. Unless the creation was complete, what it left goes: a container that is the noted one or was
    /// not there before, has no name and is of the same image. Anything else is not ours.
    pub fn end_creating(&self, complete: bool) {
        let Ok(note) = fs::read_to_string(self.creating()) else {
            return;
        };
        if !complete {
            let mut lines = note.lines();
            let reference = lines.next().unwrap_or_default();
            let marks: BTreeSet<&str> = lines.collect();
            let called = marks.iter().find_map(|mark| mark.strip_prefix(CALLED));
            for directory in self.container_dirs() {
                let name = directory.file_name().and_then(|n| n.to_str()).unwrap_or("");
                let is_new = called.map_or(!marks.contains(name), |called| called == name);
                if is_new && self.is_left_over(&directory, reference) {
                    tracing::info!(path = %directory.display(), "removing an unfinished container");
                    remove_tree(&directory);
                }
            }
        }
        let _absent = fs::remove_file(self.creating());
    }

    fn is_left_over(&self, directory: &Path, reference: &str) -> bool {
        let named = fs::read_dir(&self.containers)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| target.file_name() == directory.file_name());
        let StoreName { repository, tag } = StoreName::of(reference);
        let image = fs::read_to_string(directory.join("imagerepo.name"));
        // Whoever is killed between making that file and writing it leaves it empty.
        let is_ours = |image: String| {
            let image = image.trim();
            image.is_empty() || image == format!("{repository}:{tag}")
        };
        !named && image.map_or(true, is_ours)
    }

    fn creating(&self) -> PathBuf {
        self.own.join("creating")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_left_of_one_image_goes_when_another_is_prepared() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store {
            own: directory.path().join("own"),
            containers: directory.path().join("containers"),
            repos: directory.path().join("repos"),
        };
        fs::create_dir_all(&store.own).unwrap();
        let container = |id: &str, image: &str| {
            let container = store.containers.join(id);
            fs::create_dir_all(container.join("ROOT")).unwrap();
            fs::write(container.join("imagerepo.name"), image).unwrap();
            container
        };
        let before = container("before", "team/a:1");
        let others = BTreeSet::from([before.clone()]);
        let noted = New::NotAmong(&others);
        store.begin_creating("team/a:1", &noted).unwrap();
        let left = container("left", "team/a:1");
        let closed = fs::Permissions::from_mode(0o555);
        fs::set_permissions(left.join("ROOT"), closed).unwrap();
        let elsewhere = container("elsewhere", "team/b:1");
        let barely_begun = container("barely", "");
        store.end_creating(false);
        let there = [&before, &left, &elsewhere, &barely_begun].map(|path| path.exists());
        assert_eq!(there, [true, false, true, false]);
        // The note is gone with it.
        let left = container("left", "team/a:1");
        store.end_creating(false);
        assert!(left.exists());
        // Of what is known by its name, nothing else goes.
        let called = New::Called("left");
        store.begin_creating("team/a:1", &called).unwrap();
        let of_udocker = container("appeared", "team/a:1");
        store.end_creating(false);
        assert!(!left.exists() && of_udocker.exists() && before.exists());
    }
}
