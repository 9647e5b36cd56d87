//! After a run: removes what the engine and udocker leave in the container's directory. Follows no link, see [`scratch`].
//!
//! [`scratch`]: super::scratch

use std::{
    ffi::OsString,
    fs,
    path::{Component, Path},
    time::Duration,
};

use serde_json::Value;

use crate::{
    engine::command::is_runc,
    prepare::prepared::Prepared,
    rollback::{
        policy::State,
        scratch::{entries, is_plain_directory, remove},
    },
};

/// Whether a run was the last one going on in its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// What all runs share may be cleared up.
    Yes,
    /// Another supervisor is running the same container.
    No,
}

/// Clears up behind one run of `prepared`; `record` was the directory it shared with the host. Reports whether the next run
/// finds the image as it was made. `build_time` is what the container took to be built, where that is known.
pub fn after_run(
    prepared: &Prepared,
    record: &Path,
    last: Last,
    build_time: Option<Duration>,
) -> State {
    let root = prepared.directory.join("ROOT");
    remove_mount_point(&root, record);
    remove_mount_notes(&prepared.directory, record);
    if last == Last::No {
        return State::Clean;
    }
    if is_runc(prepared.mode) {
        remove_runc_state(&prepared.directory);
    }
    prepared.undo.after_run(&prepared.directory, build_time)
}

/// The directories udocker made in the image to mount the record's on, or the native engine to put a link to it in: its own
/// and the workspace's.
/// Those above may be the image's.
fn remove_mount_point(root: &Path, record: &Path) {
    let relative = record.strip_prefix("/").unwrap_or(record);
    let above = relative.parent().unwrap_or(relative);
    if is_plain_directory(root, above)
        && fs::read_link(root.join(relative)).is_ok_and(|target| target == record)
    {
        remove(&root.join(relative));
        let _the_images_own = fs::remove_dir(root.join(above));
        return;
    }
    for path in relative.ancestors().take(2) {
        if !is_plain_directory(root, path) || fs::remove_dir(root.join(path)).is_err() {
            return;
        }
    }
}

/// udocker notes each mount point as an entry named after its path, `#` for `/`.
fn remove_mount_notes(directory: &Path, record: &Path) {
    let mut wanted = OsString::new();
    for part in record.components().skip(1) {
        wanted.push("#");
        wanted.push(part);
    }
    for path in entries(directory, Path::new(".mountpoints")) {
        if path.file_name() == Some(&wanted) {
            remove(&directory.join(path));
        }
    }
}

/// The bundle's configuration holds the run's variables; a stopped runc leaves its state in a
/// directory of its own, and the control groups that the state names.
fn remove_runc_state(directory: &Path) {
    remove(&directory.join("config.json"));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if name == "ROOT" || hidden || !is_directory {
            continue;
        }
        if let Ok(state) = fs::read(entry.path().join("state.json")) {
            remove_control_groups(&state);
        }
        remove(&entry.path());
    }
}

/// `cgroup_paths` of runc's `state.json`; only empty groups can be removed.
fn remove_control_groups(state: &[u8]) {
    let state: Value = serde_json::from_slice(state).unwrap_or_default();
    let paths = state["cgroup_paths"].as_object();
    for path in paths.into_iter().flat_map(|paths| paths.values()) {
        let path = Path::new(path.as_str().unwrap_or_default());
        let inside = path.starts_with("/sys/fs/cgroup")
            && path.components().all(|c| c != Component::ParentDir);
        if inside {
            let _gone_already = fs::remove_dir(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::command::ImageCommand,
        rollback::{policy::Undo, scratch::Baseline},
    };
    use config::UdockerMode;
    use std::{os::unix::fs::symlink, sync::Arc};

    fn container(working: Option<&str>) -> (tempfile::TempDir, Prepared) {
        let dir = tempfile::tempdir().unwrap();
        for path in ["ROOT/tmp", "ROOT/var/tmp", "ROOT/work", ".mountpoints"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        fs::write(dir.path().join("ROOT/tmp/of-the-image"), "").unwrap();
        let prepared = Prepared {
            name: "faas-x".into(),
            image: "image".into(),
            directory: dir.path().to_owned(),
            command: ImageCommand::default(),
            mode: UdockerMode::R1,
            undo: Undo::Scratch(Baseline::of(dir.path(), working)),
            clearing: Arc::default(),
            guest: None,
        };
        (dir, prepared)
    }

    #[test]
    fn additions_go_and_the_image_stays() {
        let (dir, prepared) = container(Some("/work"));
        let root = dir.path().join("ROOT");
        fs::create_dir_all(root.join("tmp/faas-a/0")).unwrap();
        fs::create_dir_all(root.join("tmp/new/deep")).unwrap();
        fs::write(root.join("work/new"), "").unwrap();
        fs::write(root.join("state.json"), "{}").unwrap();
        fs::write(dir.path().join(".mountpoints/#tmp#faas-a#0"), "").unwrap();
        fs::write(dir.path().join("config.json"), "secrets").unwrap();
        fs::create_dir(dir.path().join("execution")).unwrap();
        fs::write(dir.path().join("execution/state.json"), "{}").unwrap();
        after_run(&prepared, Path::new("/tmp/faas-a/0"), Last::Yes, None);
        for gone in [
            "ROOT/tmp/faas-a",
            "ROOT/tmp/new",
            "ROOT/work/new",
            "config.json",
        ] {
            assert!(!dir.path().join(gone).exists(), "{gone}");
        }
        assert!(!dir.path().join("execution").exists());
        assert!(!dir.path().join(".mountpoints/#tmp#faas-a#0").exists());
        for kept in ["ROOT/tmp/of-the-image", "ROOT/state.json", "ROOT/var/tmp"] {
            assert!(dir.path().join(kept).exists(), "{kept}");
        }
    }

    #[test]
    fn nothing_is_removed_through_a_link() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("tmp/faas-a/0")).unwrap();
        fs::write(host.path().join("tmp/precious"), "").unwrap();
        let (dir, prepared) = container(Some("/data/tmp"));
        let root = dir.path().join("ROOT");
        symlink(host.path(), root.join("data")).unwrap();
        fs::remove_dir_all(root.join("var")).unwrap();
        symlink(host.path(), root.join("var")).unwrap();
        fs::remove_dir_all(root.join("tmp")).unwrap();
        symlink(host.path().join("tmp"), root.join("tmp")).unwrap();
        after_run(&prepared, Path::new("/tmp/faas-a/0"), Last::Yes, None);
        assert!(host.path().join("tmp/precious").exists());
        assert!(host.path().join("tmp/faas-a/0").exists());
    }

    #[test]
    fn what_others_use_is_left_alone() {
        let (dir, prepared) = container(None);
        fs::write(dir.path().join("ROOT/tmp/theirs"), "").unwrap();
        after_run(&prepared, Path::new("/tmp/faas-a/0"), Last::No, None);
        assert!(dir.path().join("ROOT/tmp/theirs").exists());
    }
}
