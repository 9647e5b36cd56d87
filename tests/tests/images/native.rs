//! The native engine by itself: what it does as udocker does it, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use e2e::{Finished, Mode, Sandbox, tool};
use serde_json::{Value, json};

/// What only udocker sets, see the module `container::engine`.
const UDOCKERS_OWN: [&str; 7] = [
    "PS1",
    "TERM",
    "PROOT_TMP_DIR",
    "container_ruser",
    "container_names",
    "FAKECHROOT_AF_UNIX_PATH",
    // Of whoever starts it.
    "PWD",
];
/// Lists, whose order and spelling may differ.
const LISTS: [&str; 3] = [
    "FAKECHROOT_EXCLUDE_PATH",
    "FAKECHROOT_DIR_MAP",
    "LD_LIBRARY_PATH",
];

fn library() -> PathBuf {
    let directory = format!("/usr/lib/{}-linux-gnu/fakechroot", std::env::consts::ARCH);
    Path::new(&directory).join("libfakechroot.so")
}

/// Runs the entrypoint of the image with these words.
fn run_words(sandbox: &Sandbox, words: &Value) -> Finished {
    sandbox.function("", &json!({ "init_script": null }));
    sandbox.invoke_local(&json!({ "cmd_args": words })).run()
}

#[test]
fn the_library_is_told_what_udocker_tells_it() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    let run = sandbox.script("env").run();
    run.expect_code(0);
    let ours = variables(&run.stdout());
    let container = container(&sandbox);

    // The real udocker, with the store as we made it, and an `env` that writes down what it is asked to do.
    let (shims, seen) = (sandbox.path("work/shims"), sandbox.path("work/seen"));
    fs::create_dir(&shims).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -i ] && printf '%s\\n' \"$@\" > '{}'\nexec /usr/bin/env \"$@\"\n",
        seen.display()
    );
    fs::write(shims.join("env"), script).unwrap();
    fs::set_permissions(shims.join("env"), fs::Permissions::from_mode(0o755)).unwrap();
    let shared = sandbox.path("work");
    let mut udocker = sandbox.command(&tool("udocker"));
    udocker.env(
        "PATH",
        format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", shims.display()),
    );
    udocker.args(["--allow-root", "run", "--nobanner", "--nosysdirs"]);
    for volume in [
        "/dev",
        "/proc",
        "/etc/hosts",
        "/etc/resolv.conf",
        shared.to_str().unwrap(),
    ] {
        udocker.arg(format!("--volume={volume}"));
    }
    let name = container.file_name().unwrap();
    let output = udocker
        .arg(name)
        .args(["/bin/sh", "-c", ":"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = fs::read_to_string(seen).unwrap();
    let theirs = variables(&seen);

    let root = container.join("ROOT").display().to_string();
    for (name, value) in &theirs {
        if UDOCKERS_OWN.contains(&name.as_str()) {
            continue;
        }
        let own = ours.get(name).unwrap_or_else(|| panic!("no {name}"));
        if LISTS.contains(&name.as_str()) {
            let missing: Vec<_> = parts(value).difference(&parts(own)).cloned().collect();
            // Of a run's own: udocker's copies of the accounts, and the directory it shares.
            let missing: Vec<_> = missing
                .iter()
                .filter(|part| !part.contains("!/etc/") && !part.contains(shared.to_str().unwrap()))
                .collect();
            assert!(missing.is_empty(), "{name}: {missing:?} in {own}");
        } else if name == "FAKECHROOT_ELFLOADER" {
            let real = |path: &str| fs::canonicalize(path).unwrap();
            assert_eq!(real(own), real(value));
        } else {
            assert_eq!(own, value, "{name}");
        }
    }
    // The loader, the program, its words.
    let line: Vec<&str> = seen.lines().rev().take(4).collect();
    assert_eq!(line[..2], [":", "-c"]);
    assert_eq!(line[2], format!("{root}/bin/sh"));
}

fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn parts(list: &str) -> BTreeSet<String> {
    list.split(':')
        .map(|part| part.replace("//", "/"))
        .collect()
}

/// The one container of the sandbox.
fn container(sandbox: &Sandbox) -> PathBuf {
    let entries = fs::read_dir(sandbox.path("udocker/containers")).unwrap();
    let mut directories = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir());
    let directory = directories.next().unwrap().path();
    assert!(directories.next().is_none());
    directory
}

#[test]
fn what_one_engine_has_set_up_the_other_runs() {
    for mode in [Mode::F1, Mode::P1] {
        for (prepare, first, then) in [
            ("native", "native", "udocker"),
            ("udocker", "native", "udocker"),
            ("native", "udocker", "native"),
            ("udocker", "udocker", "native"),
        ] {
            let sandbox = Sandbox::new(mode);
            for engine in [first, then] {
                let container = json!({ "engine": engine, "prepare": prepare });
                let script = "cat /etc/passwd | wc -l; echo \"$IMAGE_VARIABLE\"";
                sandbox.function(script, &json!({ "container": container }));
                let run = sandbox.invoke_local(&json!({})).run();
                run.expect_code(0);
                assert_eq!(
                    run.stdout(),
                    "2\nfrom the image\n",
                    "{mode:?} {prepare} {engine}"
                );
            }
            // The second found what the first had made.
            container(&sandbox);
        }
    }
}

#[test]
fn what_is_bound_is_the_hosts_by_every_way() {
    for mode in [Mode::NativeF1, Mode::NativeP1] {
        let sandbox = Sandbox::new(mode);
        // By its path, step by step, by a link, and by what was opened before.
        let script = "set -e; cd /; o=$TMP_OUTPUT_DIR; echo 1 > $o/path; cd \"$(dirname \"$(dirname \"$o\")\")\"
            cd \"$(basename \"$(dirname \"$o\")\")\"; cd output; echo 2 > steps; ln -s \"$o\" /tmp/way; echo 3 > /tmp/way/link
            mkdir -p \"$o/a/b/c\"; cp -r \"$o/a\" \"$o/copy\"; echo 4 > \"$o/a/b/c/deep\"; wc -c < /etc/hosts";
        let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
        sandbox.function(script, &json!({ "output": output }));
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(0);
        let hosts = fs::metadata("/etc/hosts").unwrap().len();
        assert_eq!(run.stdout().trim(), hosts.to_string(), "{mode:?}");
        for (key, text) in [
            ("path", "1"),
            ("steps", "2"),
            ("link", "3"),
            ("a/b/c/deep", "4"),
        ] {
            let object = sandbox.object("outbox", key);
            assert_eq!(
                object.as_deref().map(str::trim),
                Some(text),
                "{mode:?} {key}"
            );
        }
        sandbox.expect_clean();
    }
}

/// A sandbox whose function brings programs along in `/var/task`, or what stands for it here.
fn with_programs(mode: Mode, programs: &[(&str, &str, u32)]) -> (Sandbox, PathBuf) {
    let mut sandbox = Sandbox::new(mode);
    let task = sandbox.path("work/task");
    fs::create_dir(&task).unwrap();
    for (name, text, mode) in programs {
        let path = task.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    sandbox.set("LAMBDA_TASK_ROOT", task.clone());
    (sandbox, task)
}

/// The same with a program for another processor, and the path of that.
fn with_foreign_program() -> (Sandbox, PathBuf) {
    let (sandbox, task) = with_programs(Mode::NativeF1, &[]);
    let mut program = fs::read("/bin/true").unwrap();
    program[18] = if cfg!(target_arch = "x86_64") {
        183
    } else {
        62
    };
    let foreign = task.join("foreign");
    fs::write(&foreign, program).unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o755)).unwrap();
    (sandbox, foreign)
}

#[test]
fn scripts_are_run_by_what_they_name() {
    for mode in [Mode::NativeF1, Mode::NativeP1, Mode::P1] {
        let programs = [
            ("plain", "#!/bin/sh\necho \"$0|$1|$2|$#\"", 0o755),
            ("with-argument", "#! /bin/sh -e -u\necho never", 0o755),
            ("of-a-script", "#!TASK/plain x\n", 0o755),
            ("no-first-line", "echo \"plain $1\"", 0o755),
            ("not-executable", "#!/bin/sh\n", 0o644),
        ];
        let (sandbox, task) = with_programs(mode, &programs);
        let text = fs::read_to_string(task.join("of-a-script")).unwrap();
        let text = text.replace("TASK", task.to_str().unwrap());
        fs::write(task.join("of-a-script"), text).unwrap();
        let path = |name: &str| task.join(name).display().to_string();
        let run = |words: Value| {
            sandbox.function("", &json!({ "init_script": null, "extra_payload": "." }));
            sandbox.invoke_local(&json!({ "cmd_args": words })).run()
        };
        let ran = run(json!([path("plain"), "a b", ""]));
        assert_eq!(
            ran.stdout(),
            format!("{}|a b||2\n", path("plain")),
            "{mode:?} {}",
            ran.stderr()
        );
        // The kernel gives all that follows as one argument, which no shell knows.
        assert_ne!(run(json!([path("with-argument")])).code(), 0, "{mode:?}");
        let ran = run(json!([path("of-a-script"), "y"]));
        assert_eq!(
            ran.stdout(),
            format!("{}|x|{}|3\n", path("plain"), path("of-a-script")),
            "{mode:?}"
        );
        run(json!([path("not-executable")])).expect_code(126);
        run(json!([path("absent")])).expect_code(127);
        run(json!(["absent-from-every-directory"])).expect_code(127);
        if mode == Mode::NativeF1 {
            assert_eq!(
                run(json!([path("no-first-line"), "z"])).stdout(),
                "plain z\n"
            );
        }
    }
}

#[test]
fn a_program_for_another_machine_is_refused_with_the_way_out() {
    let (sandbox, foreign) = with_foreign_program();
    sandbox.function("", &json!({ "init_script": null, "extra_payload": "." }));
    let words = json!({ "cmd_args": [foreign] });
    let run = sandbox.invoke_local(&words).run();
    run.expect_code(1);
    run.expect_stderr("is for arm64, and this machine is x86_64: build or pull the image");
}

#[test]
fn a_run_that_cannot_start_leaves_the_image_as_it_was() {
    let (mut sandbox, foreign) = with_foreign_program();
    sandbox.set("FAAS_OVERLAY", "off");
    let more = json!({ "init_script": null, "extra_payload": "." });
    for (words, code) in [(json!([foreign]), 1), (json!(["/bin/true"]), 0)] {
        sandbox.function("", &more);
        let run = sandbox.invoke_local(&json!({ "cmd_args": words })).run();
        run.expect_code(code);
        assert!(!run.stderr().contains("interrupted"), "{}", run.stderr());
    }
}

#[test]
fn a_library_that_does_not_go_with_the_image_is_refused_or_passed_over() {
    let mut sandbox = Sandbox::new(Mode::NativeF1);
    let libraries = sandbox.path("work/lib");
    fs::create_dir(&libraries).unwrap();
    // A library for a newer glibc than there is.
    let mut newer = fs::read(library()).unwrap();
    let places: Vec<usize> = (0..newer.len() - 10)
        .filter(|&at| newer[at..].starts_with(b"GLIBC_2.34\0"))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        newer[at..at + 10].copy_from_slice(b"GLIBC_2.99");
    }
    let arch = if cfg!(target_arch = "x86_64") {
        "x86_64"
    } else {
        "arm64"
    };
    let named = libraries.join(format!("libfakechroot-Debian-12-{arch}.so"));
    fs::write(&named, newer).unwrap();

    sandbox.set("UDOCKER_FAKECHROOT_SO", named.as_os_str());
    let run = sandbox.script("echo ran").run();
    run.expect_code(1);
    run.expect_stderr("needs glibc 2.99, and image");
    run.expect_stderr("name another library, or choose another container.execmode");

    // The image's distribution has a library of its name that does not fit, and there is no other.
    sandbox.set("UDOCKER_FAKECHROOT_SO", "");
    sandbox.set("UDOCKER_LIB", libraries.as_os_str());
    let run = sandbox.script("echo ran").run();
    run.expect_code(1);
    run.expect_stderr("(Debian 12, glibc 2.");
    run.expect_stderr(&format!("found: libfakechroot-Debian-12-{arch}.so"));

    // One that does.
    fs::copy(
        library(),
        libraries.join(format!("libfakechroot-Other-1-{arch}.so")),
    )
    .unwrap();
    let run = sandbox.script("echo ran; wc -l < /etc/passwd").run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "ran\n2\n");
}

#[test]
fn modes_that_only_udocker_has_are_refused() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    for mode in ["R1", "F3", "S1"] {
        sandbox.function("echo ran", &json!({ "container": { "execmode": mode } }));
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(1);
        run.expect_stderr(&format!("execution mode {mode} needs udocker"));
    }
}

#[test]
fn variables_of_the_user_do_not_let_a_program_out() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    let variables = json!({
        "LD_PRELOAD": "/usr/lib/libnothing.so", "FAKECHROOT_BASE": "/", "LD_LIBRARY_PATH": "/opt/lib" });
    let script =
        "wc -l < /etc/passwd; case $LD_LIBRARY_PATH in */ROOT/opt/lib:*) echo first;; esac";
    sandbox.function(
        script,
        &json!({ "container": { "environment": { "Variables": variables } } }),
    );
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "2\nfirst\n", "{}", run.stderr());
}

#[test]
fn without_an_interpreter_for_udocker_the_engine_is_native() {
    let mut sandbox = Sandbox::new(Mode::NativeF1);
    let launcher = sandbox.write("udocker.py", "#!/usr/bin/env python3\n");
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.set("UDOCKER_EXEC", launcher);
    let programs = sandbox.path("work/bin");
    fs::create_dir(&programs).unwrap();
    symlink("/usr/bin/patchelf", programs.join("patchelf")).unwrap();
    sandbox.set("PATH", programs);
    sandbox.function(
        "echo \"$container_execmode\"",
        &json!({ "container": { "engine": "auto" } }),
    );
    let run = sandbox.invoke_local(&json!({})).arg("--json").run();
    run.expect_code(0);
    run.expect_stderr("F1");
    assert_eq!(run.json()["udocker_commands"], 0, "{}", run.json());
}

#[test]
fn an_image_with_a_static_program_is_refused_in_f1() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    let image = Mode::NativeP1.image();
    sandbox.function(
        "",
        &json!({ "init_script": null, "container": { "image_file": image } }),
    );
    let run = sandbox
        .invoke_local(&json!({ "cmd_args": ["/bin/busybox", "echo"] }))
        .run();
    run.expect_code(1);
    run.expect_stderr("static executable");
    assert!(
        run_words(&Sandbox::new(Mode::NativeP1), &json!(["echo", "a  b", ""]))
            .stdout()
            .starts_with("a  b")
    );
}
