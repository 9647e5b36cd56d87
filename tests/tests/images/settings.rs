//! Images whose settings lead somewhere else than most: a working directory behind a link, a `PATH` of their own, a user
//! without a home.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use e2e::{Finished, Mode, Sandbox, derived};
use nix::{sys::stat::Mode as Permissions, unistd::mkfifo};
use serde_json::{Value, json};

/// A sandbox for the mode's image with more files and settings.
fn sandbox(mode: Mode, settings: &Value, make: impl Fn(&Path)) -> (Sandbox, Value) {
    let sandbox = Sandbox::new(mode);
    let files = sandbox.path("work/files");
    fs::create_dir(&files).unwrap();
    make(&files);
    let image = derived(&mode.image(), &files, settings, &sandbox.path("work"));
    (sandbox, json!({ "image_file": image }))
}

fn run_words(sandbox: &Sandbox, container: &Value, words: &Value) -> Finished {
    let more = json!({ "init_script": null, "container": container });
    sandbox.function("", &more);
    let run = sandbox.invoke_local(&json!({ "cmd_args": words }));
    run.within(Duration::from_secs(30)).run()
}

#[test]
fn a_static_program_is_refused_wherever_the_image_has_it() {
    let settings = json!({
        "WorkingDir": "/opt/app", "Env": ["PATH=/opt/app/bin:/usr/bin:/bin"], "Entrypoint": null, "Cmd": null });
    for mode in [Mode::NativeF1, Mode::F1] {
        let (sandbox, container) = sandbox(mode, &settings, |files| {
            fs::create_dir_all(files.join("opt/app/bin")).unwrap();
            let busybox = Path::new("/bin/busybox");
            for name in ["server", "bin/tool"] {
                fs::copy(busybox, files.join("opt/app").join(name)).unwrap();
            }
            let script = files.join("opt/app/bin/script");
            fs::write(&script, "#!/opt/app/server sh\necho out\n").unwrap();
            fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        });
        for words in [
            json!(["./server", "ls"]),
            json!(["tool"]),
            json!(["script"]),
        ] {
            let run = run_words(&sandbox, &container, &words);
            run.expect_code(1).expect_stderr("static executable");
        }
        let run = run_words(&sandbox, &container, &json!(["echo", "well"]));
        run.expect_code(0);
        assert_eq!(run.stdout(), "well\n", "{mode:?}");
    }
}

#[test]
fn a_working_directory_may_be_behind_a_link() {
    for link in ["/opt/app-1.2", "app-1.2"] {
        for mode in [Mode::NativeF1, Mode::NativeP1] {
            let settings = json!({ "WorkingDir": "/opt/app" });
            let (sandbox, container) = sandbox(mode, &settings, |files| {
                fs::create_dir_all(files.join("opt/app-1.2")).unwrap();
                fs::write(files.join("opt/app-1.2/data"), "here\n").unwrap();
                symlink(link, files.join("opt/app")).unwrap();
            });
            sandbox.function("cat data", &json!({ "container": container }));
            let run = sandbox.invoke_local(&json!({})).run();
            run.expect_code(0);
            assert_eq!(run.stdout(), "here\n", "{mode:?} {link}");
        }
    }
}

#[test]
fn a_user_without_a_home_starts_in_the_root() {
    for mode in [Mode::NativeF1, Mode::NativeP1] {
        let settings = json!({ "WorkingDir": "", "User": "nobody" });
        let (sandbox, container) = sandbox(mode, &settings, |_| {});
        sandbox.function("cat etc/passwd", &json!({ "container": container }));
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(0);
        assert!(run.stdout().contains("/nonexistent"), "{mode:?}");
    }
}

#[test]
fn a_fifo_in_an_image_is_not_waited_for() {
    let (sandbox, container) = sandbox(Mode::NativeF1, &json!({}), |files| {
        for directory in ["etc", "run", "usr/bin"] {
            fs::create_dir_all(files.join(directory)).unwrap();
        }
        for path in [
            "etc/ld.so.cache",
            "etc/a-release",
            "run/initctl",
            "usr/bin/a",
        ] {
            mkfifo(&files.join(path), Permissions::S_IRUSR).unwrap();
        }
    });
    run_words(&sandbox, &container, &json!(["/run/initctl"])).expect_code(126);
    run_words(&sandbox, &container, &json!(["/bin/echo"])).expect_code(0);
}

#[test]
fn proot_is_told_what_the_user_says_and_not_what_the_image_says() {
    let settings = json!({ "Env": ["PATH=/bin", "LD_PRELOAD=/lib/of-the-image.so", "PROOT_NO_SECCOMP=0", "A=image"] });
    let (mut sandbox, container) = sandbox(Mode::NativeP1, &settings, |_| {});
    sandbox.set("PROOT_NO_SECCOMP", "1");
    // proot's own variables, whose child the command is, and then the command's.
    let script = "tr '\\0' '\\n' < /proc/$PPID/environ | grep -v TMP_DIR; echo \"$LD_PRELOAD $A\"";
    sandbox.function(script, &json!({ "container": container }));
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(
        run.stdout(),
        "PROOT_NO_SECCOMP=1\n/lib/of-the-image.so image\n"
    );
}
