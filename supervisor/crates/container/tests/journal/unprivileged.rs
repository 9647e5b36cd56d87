//! The same as a user whom modes can stop: root runs the tests that change modes once more.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
};

const NOBODY: u32 = 65534;

#[test]
fn modes_stop_nobody() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(dir.path(), open).unwrap();
    let program = dir.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let tests = [
        "changes::each_kind_of_change_is_undone",
        "hostile::no_mode_is_in_the_way",
        "random::any_changes_are_undone",
    ];
    let output = Command::new(&program)
        .arg("--exact")
        .args(tests)
        .current_dir(dir.path())
        .env("TMPDIR", dir.path())
        .env("PROPTEST_FAILURE_PERSISTENCE", "off")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("3 passed"), "{text}");
}
