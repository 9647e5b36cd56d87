//! `run` and `invoke`.

use tests::{Deploy, Interceptor, Moto, texts};

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
