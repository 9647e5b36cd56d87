//! Jobs: one event in the user's own image, which may hold nothing but a shell.

use std::fs;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{BareRoot, DiskS3, Finished, Launch, Mode, Room, Sandbox, direct_script, s3_event};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use serde_json::json;

/// The user of most jobs here: nobody whom the root knows.
const USER: u32 = 54_321;

/// A sandbox with a bare root in it; nothing if this user may not enter one (that takes the superuser).
fn in_bare_root(room: Room, user: u32) -> Option<(Sandbox, BareRoot)> {
    if !geteuid().is_root() {
        return None;
    }
    let sandbox = Sandbox::new(Mode::P1);
    let bare = BareRoot::new(&sandbox, room, user);
    Some((sandbox, bare))
}

/// A job as AWS Batch starts it.
fn batch(launch: Launch, script: &str) -> Launch {
    launch
        .env("AWS_BATCH_JOB_ID", "4b1f")
        .env("SCRIPT", STANDARD.encode(script))
}

/// What a job printed as its answer.
fn answer(run: &Finished) -> Vec<u8> {
    STANDARD
        .decode(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {:?} {}", run.stdout(), run.stderr()))
}

#[test]
fn a_batch_job_handles_an_object_in_a_bare_root() {
    for user in [0, USER] {
        let Some((mut sandbox, root)) = in_bare_root(Room::Tmp, user) else {
            return;
        };
        let s3 = DiskS3::start(&sandbox.path("buckets"));
        sandbox.use_aws(&s3.url(), DiskS3::ACCESS_KEY, DiskS3::SECRET_KEY);
        s3.put("inbox", "in/a b.txt", b"some words");
        let config = "output: [{storage_provider: s3, path: outbox/done}]\ntimeout: 1\nexecution_mode: batch\n\
            batch: {multi_node_parallel: {enabled: true, number_nodes: 4}}";
        let script = "busybox sleep 2\nbusybox tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/out.txt\"\n\
            echo \"user $(busybox id -u) index $AWS_BATCH_JOB_ARRAY_INDEX node $AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES home ${HOME-none}\"\n\
            echo \"$REQUEST_ID $STORAGE_OBJECT_KEY\"";
        let run = batch(root.launch(&sandbox), script)
            .env("EVENT", s3_event("inbox", "in/a b.txt").to_string())
            .env("FUNCTION_CONFIG", STANDARD.encode(config))
            .env("AWS_LAMBDA_REQUEST_ID", "the-invocation")
            .env("AWS_BATCH_JOB_ARRAY_INDEX", "7")
            .env("AWS_BATCH_JOB_NODE_INDEX", "1")
            .env("AWS_BATCH_JOB_NUM_NODES", "4")
            .run();
        // The function's own timeout of a second is not the job's, and it delegates nothing.
        run.expect_code(0)
            .expect_stderr(&format!("user {user} index 7 node 1 of 4 home none"))
            .expect_stderr("the-invocation in/a b.txt");
        assert_eq!(run.stdout(), "");
        assert!(!run.stderr().contains("no effect"), "{}", run.stderr());
        assert_eq!(
            s3.get("outbox", "done/out.txt").as_deref(),
            Some(&b"SOME WORDS"[..])
        );
        assert!(root.left().is_empty(), "left behind: {:?}", root.left());
    }
}

#[test]
fn the_exit_code_is_the_commands() {
    let Some((sandbox, root)) = in_bare_root(Room::Tmp, USER) else {
        return;
    };
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("no-such-program", 127),
    ] {
        let run = batch(root.launch(&sandbox), script)
            .env("EVENT", "{}")
            .run();
        run.expect_code(code);
        assert_eq!(run.stdout(), "");
    }
}

#[test]
fn what_the_command_left_running_goes_with_it() {
    let Some((sandbox, root)) = in_bare_root(Room::Tmp, USER) else {
        return;
    };
    batch(root.launch(&sandbox), "busybox sleep 600 &\nexit 4")
        .env("EVENT", "{}")
        .run()
        .expect_code(4);
    sandbox.expect_clean();
}

#[test]
fn a_read_only_root_is_enough_if_there_is_room_anywhere() {
    let Some((sandbox, root)) = in_bare_root(Room::OnlyShm, USER) else {
        return;
    };
    let script = "echo made > \"$TMP_OUTPUT_DIR/x\"; echo \"in $TMP_OUTPUT_DIR\"";
    let run = root
        .launch(&sandbox)
        .env("SCRIPT", STANDARD.encode(script))
        .stdin("{}")
        .run();
    run.expect_code(0).expect_stderr("in /dev/shm/faas-");
    assert_eq!(answer(&run), b"made\n");
}

#[test]
fn a_root_without_any_room_is_told_so() {
    let Some((sandbox, root)) = in_bare_root(Room::None, USER) else {
        return;
    };
    let run = batch(root.launch(&sandbox), "true")
        .env("EVENT", "{}")
        .run();
    run.expect_code(1)
        .expect_stderr("mount one and name it in TMPDIR");
}

#[test]
fn a_job_told_to_end_passes_it_on_and_uploads_what_there_is() {
    let Some((mut sandbox, root)) = in_bare_root(Room::Tmp, USER) else {
        return;
    };
    let s3 = DiskS3::start(&sandbox.path("buckets"));
    sandbox.use_aws(&s3.url(), DiskS3::ACCESS_KEY, DiskS3::SECRET_KEY);
    let config = "output: [{storage_provider: s3, path: outbox}]";
    let script = "cd \"$TMP_OUTPUT_DIR\"; echo first > first\n\
        trap 'echo asked >> asked; exit 9' TERM\n\
        echo ready; while :; do busybox sleep 0.1; done";
    let mut running = batch(root.launch(&sandbox), script)
        .env("EVENT", "{}")
        .env("FUNCTION_CONFIG", STANDARD.encode(config))
        .start();
    running.wait_for_stderr("ready");
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
    assert_eq!(s3.get("outbox", "first").as_deref(), Some(&b"first\n"[..]));
    assert_eq!(s3.get("outbox", "asked").as_deref(), Some(&b"asked\n"[..]));
    assert!(root.left().is_empty(), "left behind: {:?}", root.left());
}

#[test]
fn a_runners_files_configure_the_job() {
    let Some((sandbox, root)) = in_bare_root(Room::Tmp, USER) else {
        return;
    };
    let config = "container:\n  environment:\n    Variables:\n      WHAT: mounted\n";
    root.write("/oscar/config/function_config.yaml", config);
    root.write(
        "/oscar/config/script.sh",
        "busybox cat \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/out\"; echo \"$WHAT\" >> \"$TMP_OUTPUT_DIR/out\"; echo noise",
    );
    let run = root.launch(&sandbox).stdin("plain text").run();
    run.expect_code(0).expect_stderr("noise");
    assert_eq!(answer(&run), b"plain textmounted\n");
    // The event's script comes first.
    let run = root
        .launch(&sandbox)
        .stdin(direct_script("printf '%s' \"$WHAT\" > \"$TMP_OUTPUT_DIR/out\"").to_string())
        .run();
    run.expect_code(0);
    assert_eq!(answer(&run), b"mounted");
}

#[test]
fn several_output_files_are_answered_as_a_zip_and_none_as_nothing() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = sandbox
        .launch()
        .stdin(
            direct_script("mkdir -p \"$TMP_OUTPUT_DIR/deep\"; cd \"$TMP_OUTPUT_DIR\"; echo 1 > a; echo 2 > deep/b")
                .to_string(),
        )
        .run();
    run.expect_code(0);
    let file = sandbox.write("answer.zip", answer(&run));
    let mut archive = zip::ZipArchive::new(fs::File::open(file).unwrap()).unwrap();
    let mut content = |name: &str| {
        let mut text = String::new();
        let mut file = archive.by_name(name).unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(
        (content("a"), content("deep/b")),
        ("1\n".into(), "2\n".into())
    );

    let run = sandbox
        .launch()
        .stdin(direct_script("echo said").to_string())
        .run();
    run.expect_code(0).expect_stderr("said");
    assert_eq!(run.stdout(), "");

    // A command that failed has no answer, whatever it left.
    let run = sandbox
        .launch()
        .stdin(direct_script("echo x > \"$TMP_OUTPUT_DIR/x\"; exit 5").to_string())
        .run();
    run.expect_code(5);
    assert_eq!(run.stdout(), "");
    sandbox.expect_clean();
}

#[test]
fn the_images_command_is_named_after_two_dashes() {
    let sandbox = Sandbox::new(Mode::P1);
    let command = [
        "--",
        "sh",
        "-c",
        "printf '%s|' \"$@\" > \"$TMP_OUTPUT_DIR/words\"",
        "sh",
        "",
        "two words",
    ];
    let run = sandbox.launch().args(command).env("EVENT", "{}").run();
    run.expect_code(0);
    assert_eq!(answer(&run), b"|two words|");
    // Arguments of the event are the whole command line: nobody knows the image's entrypoint here.
    let event = json!({ "cmd_args": ["sh", "-c", "echo other > \"$TMP_OUTPUT_DIR/o\""] });
    let run = sandbox
        .launch()
        .args(command)
        .stdin(event.to_string())
        .run();
    run.expect_code(0);
    assert_eq!(answer(&run), b"other\n");
}

#[test]
fn a_job_with_nothing_to_run_says_what_to_configure() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = sandbox.launch().env("EVENT", "{}").run();
    run.expect_code(1)
        .expect_stderr("nothing to run")
        .expect_stderr("SCRIPT");
    let run = sandbox
        .launch()
        .env("EVENT", "{}")
        .env("SCRIPT", "echo not base64")
        .run();
    run.expect_code(1)
        .expect_stderr("environment variable SCRIPT");
    let run = sandbox
        .launch()
        .env("EVENT", "{}")
        .env("FUNCTION_CONFIG", "%")
        .run();
    run.expect_code(1)
        .expect_stderr("environment variable FUNCTION_CONFIG");
}

#[test]
fn a_runner_that_is_not_batch_keeps_the_functions_timeout() {
    let sandbox = Sandbox::new(Mode::P1);
    let config = "timeout: 3\ncontainer: {timeout_threshold: 1}\n";
    let run = sandbox
        .launch()
        .env("EVENT", direct_script("echo begun; sleep 60").to_string())
        .env("FUNCTION_CONFIG", STANDARD.encode(config))
        .run();
    run.expect_code(124).expect_stderr("begun");
    assert!(run.took.as_secs() < 20, "took {:?}", run.took);
}

#[test]
fn what_is_the_supervisors_is_not_the_commands() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = sandbox
        .launch()
        .env(
            "EVENT",
            direct_script("env > \"$TMP_OUTPUT_DIR/env\"").to_string(),
        )
        .env("FUNCTION_CONFIG", STANDARD.encode("log_level: DEBUG"))
        .env(
            "CONTEXT",
            json!({ "function_name": "f", "aws_request_id": "of the context" }).to_string(),
        )
        .env("LD_LIBRARY_PATH", "/opt/own/lib")
        .env("OWN", "kept\nwhole")
        .run();
    run.expect_code(0);
    let seen = String::from_utf8(answer(&run)).unwrap();
    for line in [
        "LD_LIBRARY_PATH=/opt/own/lib",
        "OWN=kept",
        "whole",
        "REQUEST_ID=of the context",
    ] {
        assert!(seen.lines().any(|l| l == line), "no {line:?} in {seen}");
    }
    for name in [
        "FUNCTION_CONFIG=",
        "CONTEXT=",
        "SCRIPT=",
        "STORAGE_OBJECT_KEY=",
    ] {
        assert!(
            !seen.lines().any(|line| line.starts_with(name)),
            "{name} in {seen}"
        );
    }
}

#[test]
fn a_request_without_a_body_is_an_event_for_the_script_that_waits_for_it() {
    let sandbox = Sandbox::new(Mode::P1);
    let script = STANDARD.encode("echo answered > \"$TMP_OUTPUT_DIR/a\"");
    let run = sandbox.launch().env("SCRIPT", script).run();
    run.expect_code(0);
    assert_eq!(answer(&run), b"answered\n");
    sandbox
        .launch()
        .run()
        .expect_code(2)
        .expect_stderr("no event");
}

/// A supervisor that starts under a limit, as root or as nobody whom the machine knows.
fn limited(sandbox: &Sandbox, user: Option<u32>, limit: &str) -> Finished {
    let mut words: Vec<std::ffi::OsString> = Vec::new();
    if let Some(user) = user {
        for (path, mode) in [("", 0o755), ("tmp", 0o777)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(sandbox.path(path), mode).unwrap();
        }
        let ids = ["--reuid", "--regid"].map(|option| format!("{option}={user}"));
        words.extend(["setpriv".into(), "--clear-groups".into()]);
        words.extend(ids.map(Into::into));
    }
    words.extend(["prlimit".into(), limit.into(), e2e::supervisor().into()]);
    batch(sandbox.launch(), "echo ran").through(words).run()
}

#[test]
fn a_job_runs_on_a_small_stack() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = limited(&sandbox, None, "--stack=131072");
    run.expect_code(0).expect_stderr("ran");
    sandbox.expect_clean();
}

#[test]
fn a_limit_of_processes_is_said_in_words() {
    if !geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new(Mode::P1);
    for limit in 1..=6 {
        let run = limited(&sandbox, Some(USER), &format!("--nproc={limit}"));
        let said = run.stderr();
        assert!(!said.contains("panicked"), "{limit}: {said}");
        if run.status.code() != Some(0) {
            let in_words = ["ulimit -u", "fork", "Resource temporarily unavailable"];
            assert!(
                in_words.iter().any(|words| said.contains(words)),
                "{limit}: {said}"
            );
        }
    }
    sandbox.expect_clean();
}
