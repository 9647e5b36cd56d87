//! The supervisor in a terminal: events, options, reports and refusals.

use std::fs;
use std::time::Duration;

use e2e::{Mode, Registry, Sandbox, archive, direct_script, s3_event, s3_records};
use serde_json::{Value, json};

#[test]
fn every_record_of_an_event_is_processed() {
    let sandbox = Sandbox::new(Mode::P1);
    for name in ["one", "two", "three"] {
        sandbox.put("inbox", &format!("{name}.txt"), name);
    }
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    let script =
        "n=$(basename \"$INPUT_FILE_PATH\"); cat \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$n\"";
    sandbox.function(script, &json!({ "output": output }));
    let event = s3_records(&[
        ("inbox", "one.txt"),
        ("inbox", "two.txt"),
        ("inbox", "three.txt"),
    ]);
    let run = sandbox.invoke_local(&event).arg("--json").run();
    run.expect_code(0);
    for name in ["one", "two", "three"] {
        assert_eq!(
            sandbox.object("outbox", &format!("{name}.txt")).as_deref(),
            Some(name)
        );
    }
    let report = run.json();
    let labels: Vec<&str> = report["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["label"].as_str().unwrap())
        .collect();
    assert_eq!(
        labels,
        [
            "s3://inbox/one.txt",
            "s3://inbox/two.txt",
            "s3://inbox/three.txt"
        ]
    );
    sandbox.expect_clean();
}

#[test]
fn one_failed_record_does_not_stop_the_others_and_decides_the_outcome() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.put("inbox", "good", "good");
    sandbox.put("inbox", "bad", "bad");
    sandbox.put("inbox", "late", "late");
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    let script = "[ $(basename \"$INPUT_FILE_PATH\") = bad ] && exit 3; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"";
    sandbox.function(script, &json!({ "output": output }));
    let event = s3_records(&[
        ("inbox", "good"),
        ("inbox", "bad"),
        ("inbox", "missing"),
        ("inbox", "late"),
    ]);
    let run = sandbox.invoke_local(&event).arg("--json").run();
    run.expect_code(1);
    let report = run.json();
    let outcomes: Vec<&Value> = report["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["outcome"])
        .collect();
    assert_eq!(outcomes, ["exited", "exited", "failed", "exited"]);
    assert_eq!(report["records"][1]["exit_code"], 3);
    assert_eq!(report["outcome"], "failed");
    assert!(
        report["error"]["message"]
            .as_str()
            .unwrap()
            .contains("missing"),
        "{report}"
    );
    assert_eq!(sandbox.object("outbox", "good").as_deref(), Some("good"));
    assert_eq!(sandbox.object("outbox", "late").as_deref(), Some("late"));
}

#[test]
fn two_inputs_of_one_name_do_not_collide() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.put("inbox", "a/data.txt", "of a");
    sandbox.put("inbox", "b/data.txt", "of b");
    sandbox.function("cat \"$INPUT_FILE_PATH\"; echo", &json!({}));
    let run = sandbox
        .invoke_local(&s3_records(&[
            ("inbox", "a/data.txt"),
            ("inbox", "b/data.txt"),
        ]))
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "of a\nof b\n");
}

#[test]
fn a_test_event_and_a_removal_run_nothing() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.function("echo ran", &json!({}));
    let test_event = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbox" });
    let mut removal = s3_event("inbox", "gone");
    removal["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    for event in [test_event, removal] {
        let run = sandbox.invoke_local(&event).run();
        run.expect_code(0);
        assert_eq!(run.stdout(), "", "{event}");
    }
}

#[test]
fn the_report_tells_everything_once() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.put("inbox", "in.txt", "12345");
    let output = json!([{ "storage_provider": "s3", "path": "outbox/dir", "suffix": [".out"] }]);
    let script = "echo words; printf 1234567 > \"$TMP_OUTPUT_DIR/a.out\"; echo no > \"$TMP_OUTPUT_DIR/b.txt\"; exit 5";
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox
        .invoke_local(&s3_event("inbox", "in.txt"))
        .args(["--json", "--keep"])
        .run();
    run.expect_code(5);
    run.expect_stderr("words");
    let report = run.json();
    assert_eq!(report["outcome"], "exited");
    assert_eq!(report["exit_code"], 5);
    assert_eq!(report["signal"], Value::Null);
    assert_eq!(report["error"], Value::Null);
    assert_eq!(
        (&report["bytes_in"], &report["bytes_out"]),
        (&json!(5), &json!(7))
    );
    assert_eq!(report["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(report["outputs"][0]["file"], "a.out");
    assert_eq!(report["outputs"][0]["bytes"], 7);
    let destination = report["outputs"][0]["destination"].as_str().unwrap();
    assert!(destination.ends_with("outbox/dir/a.out"), "{destination}");
    for phase in [
        "prepare_ms",
        "stage_in_ms",
        "run_ms",
        "stage_out_ms",
        "total_ms",
    ] {
        assert!(report["phases"][phase].is_number(), "{phase}: {report}");
    }
    assert!(report["udocker_commands"].as_u64().unwrap() >= 1);
    // --keep: the workspace is where the report says, with what the run left.
    let workspace = std::path::PathBuf::from(report["workspace"].as_str().unwrap());
    assert!(
        workspace.starts_with(sandbox.path("tmp")),
        "{}",
        workspace.display()
    );
    assert!(workspace.is_dir());
    fs::remove_dir_all(workspace).unwrap();
    sandbox.expect_clean();
}

#[test]
fn the_summary_is_on_standard_error() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = sandbox.script("echo hello").run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "hello\n");
    let summary = run.stderr().to_lowercase();
    for word in ["prepare", "run", "exit"] {
        assert!(summary.contains(word), "no {word:?} in {summary}");
    }
}

#[test]
fn an_event_on_standard_input_needs_no_configuration() {
    let sandbox = Sandbox::new(Mode::P1);
    let event =
        direct_script("echo from the script in the event; cat \"$EVENT_FILE\" | wc -c").to_string();
    let run = sandbox
        .launch()
        .args(["--event", "-", "--execmode", "P1", "--image"])
        .arg(archive("busybox"))
        .stdin(event.clone())
        .run();
    run.expect_code(0);
    assert_eq!(
        run.stdout(),
        format!("from the script in the event\n{}\n", event.len())
    );
}

#[test]
fn a_direct_payload_is_the_input_file() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.function("cat \"$INPUT_FILE_PATH\"", &json!({}));
    let event = json!({ "anything": ["at", "all"], "n": 1.5 });
    let run = sandbox.invoke_local(&event).run();
    run.expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout()).unwrap(), event);
}

#[test]
fn arguments_reach_the_entrypoint_whole() {
    for mode in [Mode::P1, Mode::R1] {
        let sandbox = Sandbox::new(mode);
        let container = json!({ "image_file": archive("arguments") });
        sandbox.function("", &json!({ "init_script": null, "container": container }));
        let arguments = json!([
            "plain",
            "two words",
            "",
            " lead",
            "it's \"quoted\"",
            "$HOME",
            "*",
            "--flag=a b",
            "ünï"
        ]);
        let expected = "entrypoint with 9 arguments\n[plain]\n[two words]\n[]\n[ lead]\n[it's \"quoted\"]\n[$HOME]\n[*]\n[--flag=a b]\n[ünï]\n";
        // A list, and the same as JSON text.
        for arguments in [arguments.clone(), json!(arguments.to_string())] {
            let run = sandbox
                .invoke_local(&json!({ "cmd_args": arguments }))
                .run();
            run.expect_code(0);
            assert_eq!(run.stdout(), expected, "{mode:?}");
        }
    }
}

#[test]
fn without_a_script_the_images_own_command_runs() {
    for (mode, image, expected) in [
        (Mode::P1, "busybox", "default command\n"),
        (Mode::F1, "debian", "default command\n"),
        (
            Mode::P1,
            "arguments",
            "entrypoint with 1 arguments\n[the image's own argument]\n",
        ),
    ] {
        let sandbox = Sandbox::new(mode);
        sandbox.function(
            "",
            &json!({ "init_script": null, "container": { "image_file": archive(image) } }),
        );
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(0);
        assert_eq!(run.stdout(), expected, "{mode:?} {image}");
    }
}

#[test]
fn an_image_comes_from_a_registry() {
    let sandbox = Sandbox::new(Mode::P1);
    let registry = Registry::start(&sandbox.path("home"));
    registry.push(&archive("busybox"), "team/tools:1.2");
    let container = json!({ "image_file": null, "image": "team/tools:1.2" });
    sandbox.function("echo pulled", &json!({ "container": container }));
    let run = sandbox
        .invoke_local(&json!({}))
        .env("UDOCKER_REGISTRY", registry.url())
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "pulled\n");
    // What is prepared is found again, without the registry.
    drop(registry);
    let run = sandbox
        .invoke_local(&json!({}))
        .env("UDOCKER_REGISTRY", "http://127.0.0.1:1")
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "pulled\n");
}

#[test]
fn an_image_that_cannot_be_had_is_an_error_with_a_way_out() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.write("garbage.tar", "this is no archive");
    let cases = [
        (
            json!({ "image_file": "garbage.tar" }),
            "load",
            "garbage.tar",
        ),
        (
            json!({ "image_file": "not-there.tar" }),
            "",
            "not-there.tar",
        ),
        (
            json!({ "image_file": null, "image": "team/absent:1" }),
            "pull",
            "team/absent",
        ),
    ];
    for (container, step, name) in cases {
        sandbox.function("echo never", &json!({ "container": container }));
        let run = sandbox
            .invoke_local(&json!({}))
            .arg("--json")
            .env("UDOCKER_REGISTRY", "http://127.0.0.1:1")
            .run();
        run.expect_code(1);
        let report = run.json();
        assert_eq!(report["outcome"], "failed", "{report}");
        assert_eq!(report["error"]["name"], "ImageFailed", "{report}");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(step) && message.contains(name),
            "{container}: {message}"
        );
        sandbox.expect_clean();
    }
}

#[test]
fn a_missing_udocker_is_named() {
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.set("UDOCKER_EXEC", "/nonexistent/udocker");
    let run = sandbox.script("echo never").run();
    run.expect_code(1)
        .expect_stderr("/nonexistent/udocker")
        .expect_stderr("UDOCKER_EXEC");
    assert_eq!(run.stdout(), "");
}

#[test]
fn udocker_is_found_in_the_path_of_a_terminal() {
    let sandbox = Sandbox::new(Mode::P1);
    let bin = sandbox
        .mode()
        .udocker()
        .parent()
        .unwrap()
        .display()
        .to_string();
    let run = sandbox
        .script("echo found")
        .without("UDOCKER_EXEC")
        .env("PATH", format!("{bin}:/usr/bin:/bin:/usr/sbin"))
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "found\n");
}

#[test]
fn bad_configuration_is_refused_before_any_work() {
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.record_udocker();
    let image = sandbox.mode().image().display().to_string();
    let with = |text: &str| format!("container: {{image_file: '{image}'}}\n{text}\n");
    let cases = [
        ("name: [unclosed\nother: x".to_owned(), vec!["line"]),
        (
            with("timeout: soon"),
            vec!["timeout", "soon", "expected a number of seconds"],
        ),
        (with("timeout: -5"), vec!["timeout", "-5", "expected"]),
        (
            with("log_level: LOUD"),
            vec!["log_level", "LOUD", "WARNING"],
        ),
        (
            with("file_stage_in: maybe"),
            vec!["file_stage_in", "maybe", "expected"],
        ),
        (
            with("output: not-a-list"),
            vec!["output", "not-a-list", "expected a list"],
        ),
        (
            with("output: [{storage_provider: minio.store, path: out}]"),
            vec!["minio.store", "output"],
        ),
        (
            with("output: [{storage_provider: s3, path: out, suffix: 7}]"),
            vec!["suffix", "7", "expected"],
        ),
        (
            format!("container: {{image_file: '{image}', execmode: Q9}}"),
            vec!["execmode", "Q9", "P1", "F1"],
        ),
        (
            format!("container: {{image_file: '{image}', timeout_threshold: []}}"),
            vec!["timeout_threshold", "expected"],
        ),
        (
            "container: 17".to_owned(),
            vec!["container", "17", "expected"],
        ),
    ];
    for (text, expected) in cases {
        sandbox.write("bad.yaml", &text);
        sandbox.write("event.json", "{}");
        let run = sandbox
            .launch()
            .args(["--config", "bad.yaml", "--event", "event.json"])
            .run();
        run.expect_code(1);
        for word in expected {
            assert!(
                run.stderr().contains(word),
                "{text:?}: no {word:?} in {}",
                run.stderr()
            );
        }
        assert_eq!(run.stdout(), "");
        assert!(run.took < Duration::from_secs(5));
    }
    assert_eq!(sandbox.udocker_commands(), Vec::<String>::new());
    sandbox.expect_clean();
}

#[test]
fn bad_events_and_bad_options_are_refused() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.function("echo never", &json!({}));
    let launch = || {
        sandbox
            .launch()
            .args(["--config", "function_config.yaml", "--local-storage", "."])
    };
    let missing = launch().args(["--event", "nowhere.json"]).run();
    missing.expect_code(1).expect_stderr("nowhere.json");
    let mut no_key = s3_event("inbox", "x");
    no_key["Records"][0]["s3"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("key");
    let run = sandbox.invoke_local(&no_key).run();
    run.expect_code(1).expect_stderr("Records[0].s3.object.key");
    assert_eq!(run.stdout(), "");
    let usage = sandbox.launch().arg("--no-such-option").run();
    assert_ne!(usage.code(), 0);
    usage.expect_stderr("--no-such-option");
}

#[test]
fn a_whole_function_definition_file_is_accepted() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.write("script.sh", "echo \"$GREETING\"");
    let function = json!({
        "name": "defined", "init_script": "script.sh",
        "container": { "image_file": sandbox.mode().image(), "execmode": "P1", "environment": { "Variables": { "GREETING": "defined" } } },
    });
    let definition =
        json!({ "functions": { "aws": [{ "lambda": function }] }, "storage_providers": {} });
    sandbox.write("function_config.yaml", definition.to_string());
    let run = sandbox.invoke_local(&json!({})).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "defined\n");
}

#[test]
fn file_stage_in_can_be_switched_off() {
    let sandbox = Sandbox::new(Mode::R1);
    sandbox.function(
        "echo \"$STORAGE_OBJECT_KEY\"; ls -A \"$TMP_INPUT_DIR\" | grep -v event; :",
        &json!({ "file_stage_in": false }),
    );
    let run = sandbox
        .invoke_local(&s3_event("inbox", "not/there.txt"))
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "not/there.txt\n");
}

#[test]
fn an_event_larger_than_an_argument_is_in_the_event_file() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.function(
        "wc -c < \"$EVENT_FILE\"; echo \"${EVENT:+in the environment too}\"",
        &json!({}),
    );
    for (size, in_environment) in [(1_000, true), (200_000, false), (3_000_000, false)] {
        let event = json!({ "text": "x".repeat(size) });
        let run = sandbox.invoke_local(&event).run();
        run.expect_code(0);
        let expected = if in_environment {
            "in the environment too\n"
        } else {
            "\n"
        };
        assert_eq!(
            run.stdout(),
            format!("{}\n{expected}", event.to_string().len())
        );
    }
}

#[test]
fn outputs_that_are_no_files_are_left_alone_and_odd_names_arrive() {
    let sandbox = Sandbox::new(Mode::P1);
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    let script = "cd \"$TMP_OUTPUT_DIR\"; mkfifo pipe; ln -s /etc/hostname link; ln -s / root; ln -s . loop; mkdir empty
        echo 1 > \"$(printf 'two\\nlines')\"; echo 2 > -rf; echo 3 > '*'; echo 4 > \"$(printf 'tab\\there')\"";
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox.invoke_local(&json!({})).arg("--json").run();
    run.expect_code(0);
    for (key, content) in [
        ("two\nlines", "1\n"),
        ("-rf", "2\n"),
        ("*", "3\n"),
        ("tab\there", "4\n"),
    ] {
        assert_eq!(
            sandbox.object("outbox", key).as_deref(),
            Some(content),
            "{key:?}"
        );
    }
    assert_eq!(
        run.json()["outputs"].as_array().unwrap().len(),
        4,
        "{}",
        run.stdout()
    );
}

#[test]
fn a_name_that_can_be_no_key_fails_alone() {
    let sandbox = Sandbox::new(Mode::P1);
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    let script =
        "cd \"$TMP_OUTPUT_DIR\"; echo good > good.txt; echo bad > \"$(printf 'bad\\377name')\"";
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox.invoke_local(&json!({})).arg("--json").run();
    run.expect_code(1);
    let report = run.json();
    assert_eq!(report["error"]["name"], "StageOutFailed");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("bad") && message.contains("name") && !message.contains("good"),
        "{message}"
    );
    assert_eq!(
        sandbox.object("outbox", "good.txt").as_deref(),
        Some("good\n")
    );
}

#[test]
fn a_key_cannot_lead_out_of_the_local_storage() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.write("private.txt", "not for the container");
    sandbox.function("cat \"$INPUT_FILE_PATH\"", &json!({}));
    for key in [
        "../../work/private.txt",
        "../outbox/../../work/private.txt",
        "/../../work/private.txt",
    ] {
        let run = sandbox.invoke_local(&s3_event("inbox", key)).run();
        run.expect_code(1);
        assert!(!run.stdout().contains("not for"), "{key}");
    }
}

#[test]
fn what_one_run_leaves_in_the_container_is_not_there_for_the_next() {
    for mode in Mode::ALL {
        let sandbox = Sandbox::new(mode);
        let script = "for f in /tmp/mark /var/tmp/mark; do [ -e $f ] && echo $f was there; echo x > $f; done; echo ran";
        for _ in 0..2 {
            let run = sandbox.script(script).run();
            run.expect_code(0);
            assert_eq!(run.stdout(), "ran\n", "{mode:?}");
        }
    }
}
