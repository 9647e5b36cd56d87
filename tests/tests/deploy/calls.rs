//! `run` and `invoke`.

use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::{Deploy, Interceptor, Moto, Refused, Seen, supervisor, texts};

#[test]
fn run_shows_the_output_and_exits_with_the_containers_code() {
    let user = Deploy::new();
    let name = user.name("running");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["run", "-n", &name, "echo", "-tt"]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(call.body, r#"{"cmd_args":"[\"echo\",\"-tt\"]"}"#);
    assert!(call.path.ends_with("/invocations"));
    let script = user.write("script.sh", "true\n");
    user.at(
        &interceptor.url(),
        &["run", "-n", &name, "-s", script.to_str().unwrap()],
    );
    assert_eq!(
        interceptor.seen().pop().unwrap().body,
        r#"{"script":"dHJ1ZQo="}"#
    );
    assert!(
        user.run(&["run", "-n", &name, "-a"])
            .contains("has been started")
    );
    let failing = Interceptor::start(Moto::shared().url(), |seen| {
        const ANSWER: &str = r#"{"statusCode": 500, "headers": {"x-faas-exit-code": "7"}, "body": "AP9i", "isBase64Encoded": true}"#;
        seen.path
            .ends_with("/invocations")
            .then_some((200, "", ANSWER))
    });
    let output = user.at(&failing.url(), &["run", "-n", &name]);
    let expected = (Some(7), b"\x00\xffb".as_slice());
    assert_eq!((output.status.code(), output.stdout.as_slice()), expected);
    user.at(&failing.url(), &["run", "-n", &name, "-o", "out.bin"]);
    assert_eq!(std::fs::read(user.path("out.bin")).unwrap(), b"\x00\xffb");
}

#[test]
fn run_on_a_bucket_sends_every_file() {
    let user = Deploy::new();
    let (name, bucket) = (user.name("many"), user.name("files"));
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    for number in 0..5 {
        user.write(&format!("data/a file {number}"), "x");
    }
    user.run(&["put", "-b", &format!("{bucket}/in"), "-p", "data"]);
    assert_eq!(
        user.json(&["ls", "-b", &format!("{bucket}/in")])
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(
        &interceptor.url(),
        &["run", "-n", &name, "-ib", &format!("{bucket}/in")],
    );
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let calls: Vec<_> = seen
        .iter()
        .filter(|seen| seen.path.ends_with("/invocations"))
        .collect();
    assert_eq!(calls.len(), 5);
    assert!(calls[0].body.contains("in/a+file+0"), "{}", calls[0].body);
    let kind = |call: &&Seen, kind: &str| {
        let header = format!("x-amz-invocation-type: {kind}\n");
        call.headers.contains(&header)
    };
    assert!(
        kind(&calls[0], "RequestResponse"),
        "the first one is waited for"
    );
    assert!(
        calls[1..].iter().all(|call| kind(call, "Event")),
        "the others are not"
    );
    user.run(&["get", "-b", &format!("{bucket}/in"), "-p", "back"]);
    assert_eq!(
        std::fs::read_to_string(user.path("back/a file 4")).unwrap(),
        "x"
    );
}

#[test]
fn invoke_calls_the_endpoint() {
    let user = Deploy::new();
    let name = user.name("http");
    user.run(&[
        "init",
        "-n",
        &name,
        "-i",
        "busybox",
        "-api",
        &user.name("api"),
    ]);
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        seen.path
            .starts_with("/called")
            .then_some((200, "", "answer"))
    });
    user.configure(|cfg| {
        cfg["aws"]["api_gateway"]["endpoint"] =
            format!("{}/called/{{stage_name}}/launch", interceptor.url()).into();
    });
    assert!(
        user.run(&["invoke", "-n", &name, "-p", r#"{"a b": ["1", 2]}"#])
            .contains("answer")
    );
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("GET", "/called/scar/launch?a%20b=1&a%20b=2")
    );
    let data = user.write("data.bin", "bytes");
    user.run(&["invoke", "-n", &name, "-db", data.to_str().unwrap()]);
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(
        (call.method.as_str(), call.body.as_str()),
        ("POST", "Ynl0ZXM=")
    );
    user.write("large.bin", &"x".repeat(9_000_000));
    assert!(
        user.fails(&["invoke", "-n", &name, "-db", "large.bin"])
            .contains("the endpoint takes 10485760")
    );
    assert!(
        user.fails(&["invoke", "-n", "nobody"])
            .contains("has no HTTP endpoint")
    );
}

#[test]
fn a_call_that_waits_is_made_again_only_when_the_function_has_not_run() {
    let user = Deploy::new();
    let name = user.name("once");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    let calls = |refused: Refused, arguments: &[&str]| {
        let count = AtomicUsize::new(0);
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            let call = seen.path.ends_with("/invocations");
            (call && count.fetch_add(1, Ordering::Relaxed) < 1).then_some(refused)
        });
        let output = user.at(&interceptor.url(), arguments);
        let seen = interceptor.seen();
        let calls = seen
            .iter()
            .filter(|seen| seen.path.ends_with("/invocations"));
        (calls.count(), output.status.code())
    };
    let waiting = ["run", "-n", &name];
    let broken = (500, "ServiceException", "broken");
    let busy = (429, "TooManyRequestsException", "Rate exceeded");
    assert_eq!(calls(broken, &waiting), (1, Some(1)));
    assert_eq!(calls(busy, &waiting), (2, Some(0)));
    assert_eq!(calls(broken, &["run", "-n", &name, "-a"]), (2, Some(0)));
}

#[test]
fn the_first_file_of_a_bucket_decides_and_its_containers_code_is_the_commands() {
    let user = Deploy::new();
    let (name, bucket) = (user.name("first"), user.name("first-files"));
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    user.write("data/one", "1");
    user.write("data/two", "2");
    user.run(&["put", "-b", &bucket, "-p", "data"]);
    let codes = [
        (
            "ContainerFailed",
            "the container exited with code 7; its output:",
            7,
        ),
        (
            "ContainerKilled",
            "the container was killed by signal 9",
            137,
        ),
        (
            "ContainerTimedOut",
            "the container was stopped at its time limit of 3.0 s",
            124,
        ),
        ("StageInFailed", "one: no such key", 1),
    ];
    for (kind, message, code) in codes {
        let answer = format!(r#"{{"errorType": "{kind}", "errorMessage": "{message}"}}"#);
        let answer: &'static str = answer.leak();
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            seen.path
                .ends_with("/invocations")
                .then_some((200, "FunctionError", answer))
        });
        let output = user.at(&interceptor.url(), &["run", "-n", &name, "-ib", &bucket]);
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{kind}: {stdout}{stderr}");
        assert!(stderr.contains("the other 1 are not sent"), "{stderr}");
        assert_eq!(
            interceptor
                .seen()
                .iter()
                .filter(|seen| seen.path.ends_with("/invocations"))
                .count(),
            1
        );
    }
}

#[test]
fn doctor_shows_what_the_function_reports() {
    let user = Deploy::new();
    let name = user.name("examined");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    let report = std::process::Command::new(supervisor())
        .args(["doctor", "--sandbox", "--json"])
        .output()
        .unwrap();
    // The answer of the function: this machine's report, whose words are known.
    let mut report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    report["will_not_work"] = serde_json::json!(["ptrace: P modes do not."]);
    let answer: &'static str = report.to_string().leak();
    let function = Interceptor::start(Moto::shared().url(), move |seen| {
        seen.path
            .ends_with("/invocations")
            .then_some((200, "", answer))
    });
    let output = user.at(&function.url(), &["doctor", "-n", &name]);
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let sent = function.seen().pop().unwrap().body;
    assert_eq!(sent, r#"{"faas_doctor":true}"#);
    for part in [
        "What will not work here\n  - ptrace: P modes do not.\n",
        "\nFacilities",
        "prctl PR_SET_NAME",
        "\nMounts\n",
    ] {
        assert!(stdout.contains(part), "no {part:?} in {stdout}");
    }
    let output = user.at(&function.url(), &["doctor", "-n", &name, "--json"]);
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, report);

    // A supervisor that knows nothing of it runs its container; moto's functions answer what they are sent, which is no report.
    let older = Interceptor::start(Moto::shared().url(), |seen| {
        const ANSWER: &str =
            r#"{"statusCode": 200, "headers": {}, "body": "b2sK", "isBase64Encoded": true}"#;
        seen.path
            .ends_with("/invocations")
            .then_some((200, "", ANSWER))
    });
    for endpoint in [older.url(), Moto::shared().url().to_owned()] {
        let output = user.at(&endpoint, &["doctor", "-n", &name]);
        let (stdout, stderr) = texts(&output);
        assert!(!output.status.success(), "{stdout}");
        assert!(stderr.contains("faas-deploy update"), "{stderr}");
        assert!(stderr.contains(&name), "{stderr}");
    }
}
