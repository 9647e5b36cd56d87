//! The helpers themselves: a check that finds nothing must be one that could find something.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{
    CargoLambda, KILLED_IN, Mode, Moto, Registry, Sandbox, archive, processes_naming,
    wait_until_gone,
};
use serde_json::json;

/// Runs udocker by itself in a sandbox.
fn udocker(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command(&sandbox.mode().udocker());
    command
        .arg("--allow-root")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A proot that is killed leaves these in the system's own directory, whatever it is told.
fn remove_proot_files(pid: i32) {
    let names = [format!("proot-{pid}-"), format!("prooted-{pid}-")];
    for entry in fs::read_dir("/tmp").unwrap().flatten() {
        if names
            .iter()
            .any(|name| entry.file_name().to_string_lossy().starts_with(name))
        {
            let _ = fs::remove_file(entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[test]
fn a_process_that_got_away_is_found_in_every_mode() {
    for mode in Mode::ALL {
        let sandbox = Sandbox::new(mode);
        let repository = if mode == Mode::F1 {
            "local/debian"
        } else {
            "local/busybox"
        };
        let execmode = format!("--execmode={}", mode.name());
        let image = mode.image().display().to_string();
        for arguments in [
            vec!["load", "-i", &image],
            vec!["create", "--name=c", repository],
            vec!["setup", &execmode, "c"],
        ] {
            assert!(
                udocker(&sandbox)
                    .args(&arguments)
                    .status()
                    .unwrap()
                    .success(),
                "{mode:?} {arguments:?}"
            );
        }
        // Own session, no environment, no parent, root as working directory: only its program or its mounts tell.
        let script = "cd /; (setsid env -i sleep 300 &) ; sleep 300";
        let mut engine = udocker(&sandbox)
            .args(["run", "c", "/bin/sh", "-c", script])
            .spawn()
            .unwrap();
        let start = Instant::now();
        let sleeping = || {
            processes_naming(&sandbox.path(""))
                .iter()
                .filter(|process| {
                    process.command.ends_with("sleep 300") && !process.command.contains(" -c ")
                })
                .count()
        };
        while sleeping() < 2 {
            assert!(
                start.elapsed() < Duration::from_secs(15),
                "{mode:?}: {:#?}",
                processes_naming(&sandbox.path(""))
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        for process in processes_naming(&sandbox.path("")) {
            process.kill();
            remove_proot_files(process.pid);
        }
        engine.wait().unwrap();
        wait_until_gone(&sandbox.path(""), KILLED_IN);
        // A udocker that is killed leaves these; a supervisor has to see to it that they go.
        fs::remove_dir_all(sandbox.path("tmp")).unwrap();
        fs::create_dir(sandbox.path("tmp")).unwrap();
    }
}

#[test]
fn udocker_pulls_from_the_registry() {
    let sandbox = Sandbox::new(Mode::P1);
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("busybox"), "team/tools:1.2");
    let mut pull = udocker(&sandbox);
    let status = pull
        .args(["pull", "team/tools:1.2"])
        .env("UDOCKER_REGISTRY", registry.url())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn cargo_lambda_hands_events_to_a_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let emulator = CargoLambda::start(directory.path());
    let address = emulator.address();
    let runtime = std::thread::spawn(move || {
        let client = reqwest::blocking::Client::new();
        let base = format!("{address}/2018-06-01/runtime/invocation");
        let event = client.get(format!("{base}/next")).send().unwrap();
        let id = event.headers()["lambda-runtime-aws-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = event.bytes().unwrap();
        client
            .post(format!("{base}/{id}/response"))
            .body(body)
            .send()
            .unwrap();
    });
    assert_eq!(
        emulator.invoke(&json!({ "a": 1 })),
        (200, json!({ "a": 1 }))
    );
    runtime.join().unwrap();
}

#[test]
fn moto_keeps_keys_as_they_are() {
    let moto = Moto::shared();
    let bucket = moto.bucket();
    let mut keys = vec![
        "a b+c",
        "ünï/文件",
        "a/../b",
        "x//y",
        "folder/",
        "q'\"&<>%20",
    ];
    for key in &keys {
        moto.put(&bucket, key, format!("of {key}"));
    }
    keys.sort_unstable();
    assert_eq!(moto.keys(&bucket), keys);
    for key in &keys {
        assert_eq!(moto.text(&bucket, key), Some(format!("of {key}")));
    }
    assert_eq!(moto.get(&bucket, "absent"), None);
}
