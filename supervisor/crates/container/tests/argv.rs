//! What runs in the container and udocker's command line for it, mode by mode.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{ffi::OsString, path::Path};

use config::UdockerMode;
use container::engine::command::{
    ContainerCommand, Family, ImageCommand, Volumes, run_arguments, with_devices,
};
use container::shim::devices::devices_instead_of_dev;

fn image() -> ImageCommand {
    ImageCommand {
        entrypoint: vec!["/entry point".into(), "-v".into()],
        cmd: vec!["default".into()],
        working_directory: None,
    }
}

fn mode(name: &str) -> UdockerMode {
    name.parse().unwrap()
}

fn line(mode_name: &str, command: &ContainerCommand, task_root: Option<&Path>) -> Vec<String> {
    let volumes = Volumes {
        record: Path::new("/tmp/faas-x/0"),
        task_root,
        supervisor: Path::new("/opt/init/faas-init"),
    };
    let exists = |path: &Path| path != Path::new("/etc/resolv.conf");
    let arguments = run_arguments("c", mode(mode_name), &volumes, command, exists);
    arguments
        .into_iter()
        .map(|a| a.into_string().unwrap())
        .collect()
}

fn script() -> ContainerCommand {
    ContainerCommand::Script("/tmp/faas-x/0/script.sh".into())
}

fn with<'a>(base: &[&'a str], command: &[&'a str]) -> Vec<&'a str> {
    [base, command].concat()
}

const BASE: [&str; 3] = ["run", "--nobanner", "--nosysdirs"];

#[test]
fn p_modes_run_the_init() {
    let expected = with(
        &BASE,
        &[
            "--volume=/dev",
            "--volume=/proc",
            "--volume=/etc/hosts",
            "--volume=/tmp/faas-x/0",
            "--volume=/opt/init/faas-init:/.faas-init",
            "--entrypoint=/.faas-init",
            "c",
            "/tmp/faas-x/0/handoff",
        ],
    );
    let arguments = ContainerCommand::Arguments(vec!["a b".into(), "$c".into()]);
    for mode in ["P1", "P2", "S1"] {
        assert_eq!(line(mode, &script(), None), expected, "{mode}");
        assert_eq!(line(mode, &arguments, None), expected, "{mode}");
    }
}

#[test]
fn the_command_is_the_images_entrypoint_with_the_events_arguments() {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let run_script = words(&["/bin/sh", "/tmp/faas-x/0/script.sh"]);
    assert_eq!(script().argv(&image()), run_script);
    let arguments = ContainerCommand::Arguments(vec!["a b".into(), String::new()]);
    let run_arguments = words(&["/entry point", "-v", "a b", ""]);
    assert_eq!(arguments.argv(&image()), run_arguments);
    let run_default = words(&["/entry point", "-v", "default"]);
    assert_eq!(ContainerCommand::ImageDefault.argv(&image()), run_default);
}

#[test]
fn r_modes_bind_directories_only_and_bring_their_own_proc() {
    let expected = [
        &BASE[..],
        &[
            "--volume=/etc/hosts",
            "--volume=/var/task",
            "--volume=/tmp/faas-x/0",
            "--volume=/opt/init:/.faas-init",
            "--entrypoint=/.faas-init/faas-init",
            "c",
            "/tmp/faas-x/0/handoff",
        ],
    ]
    .concat();
    let task_root = Some(Path::new("/var/task"));
    assert_eq!(line("R1", &script(), task_root), expected);
}

#[test]
fn f_modes_leave_the_command_to_udocker() {
    let expected = [
        &BASE[..],
        &[
            "--volume=/dev",
            "--volume=/proc",
            "--volume=/etc/hosts",
            "--volume=/tmp/faas-x/0",
        ],
    ]
    .concat();
    let run_script = with(
        &expected,
        &["--entrypoint=/bin/sh", "c", "/tmp/faas-x/0/script.sh"],
    );
    assert_eq!(line("F1", &script(), None), run_script);
    let arguments = ContainerCommand::Arguments(vec!["a b".into()]);
    assert_eq!(line("F3", &arguments, None), with(&expected, &["c", "a b"]));
    assert_eq!(
        line("F1", &ContainerCommand::ImageDefault, None),
        with(&expected, &["c"])
    );
}

#[test]
fn an_image_without_entrypoint_runs_the_arguments_themselves() {
    let bare = ImageCommand {
        cmd: vec!["sh".into()],
        ..ImageCommand::default()
    };
    let arguments = ContainerCommand::Arguments(vec!["ls".into(), "-l".into()]);
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    assert_eq!(arguments.argv(&bare), words(&["ls", "-l"]));
    assert_eq!(ContainerCommand::ImageDefault.argv(&bare), words(&["sh"]));
    let nothing = ContainerCommand::ImageDefault.argv(&ImageCommand::default());
    assert!(nothing.is_empty());
}

#[test]
fn families() {
    let table = [
        ("P1", Family::Inside),
        ("R1", Family::Inside),
        ("S1", Family::Inside),
        ("F1", Family::Preload),
        ("F4", Family::Preload),
    ];
    for (name, family) in table {
        assert_eq!(Family::of(mode(name)), family, "{name}");
    }
}

#[test]
fn where_dev_has_no_shm_its_devices_are_shared_one_by_one() {
    let dev = tempfile::tempdir().unwrap();
    for name in ["null", "stdout", "fd"] {
        std::fs::write(dev.path().join(name), "").unwrap();
    }
    let mut devices = devices_instead_of_dev(dev.path()).unwrap();
    devices.sort();
    assert_eq!(
        devices,
        ["null", "stdout"].map(|name| dev.path().join(name))
    );
    std::fs::create_dir(dev.path().join("shm")).unwrap();
    assert_eq!(devices_instead_of_dev(dev.path()), None);

    let paths = || ["/dev", "/proc"].map(Into::into).to_vec();
    assert_eq!(with_devices(paths(), None), paths());
    let own = with_devices(paths(), Some(vec!["/dev/null".into()]));
    assert_eq!(own, ["/dev/null", "/proc"].map(Path::new));
}
