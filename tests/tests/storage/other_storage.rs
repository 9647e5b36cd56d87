//! `WebDAV` and Onedata, in and out: jobs against a real `WebDAV` server and a Oneprovider's CDMI endpoint.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{
    Authentication, CuttingProxy, Fault, FaultyS3, Finished, Mode, Moving, Oneprovider, Refusal,
    Sandbox, WsgiDav,
};
use serde_json::{Value, json};

/// Passes the input on under its own name, below a folder of its own.
const PASS_ON: &str = "mkdir \"$TMP_OUTPUT_DIR/a b\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/a b/\"; \
    echo \"key $STORAGE_OBJECT_KEY at ${EVENT_TIME-no time}\"";

const LARGE: u64 = 100 * 1024 * 1024;

fn webdav(url: &str) -> Value {
    json!({ "webdav": { "dcache": { "hostname": url, "login": WsgiDav::LOGIN, "password": WsgiDav::PASSWORD } } })
}

fn onedata(url: &str) -> Value {
    json!({ "onedata": { "lab": { "oneprovider_host": url, "token": Oneprovider::TOKEN, "space": Oneprovider::SPACE } } })
}

/// A configuration with one provider, which is watched and written to.
fn config(providers: &Value, provider: &str, output: &str) -> Value {
    json!({
        "log_level": "DEBUG",
        "storage_providers": providers,
        "input": [{ "storage_provider": provider, "path": "data/in coming" }],
        "output": [{ "storage_provider": provider, "path": output }],
    })
}

fn dcache(name: &str) -> Value {
    json!({ "event": { "name": name, "mask": ["IN_CREATE"] }, "subscription": "https://door/subscriptions/1" })
}

fn one_trigger(key: &str) -> Value {
    json!({ "Key": key, "Records": [{ "objectKey": "f", "objectId": "1", "eventTime": "then", "eventSource": "OneTrigger" }] })
}

/// A job of AWS Batch: nothing to prepare.
fn run(sandbox: &Sandbox, config: &Value, event: &Value, script: &str) -> Finished {
    let run = sandbox
        .launch()
        .env("AWS_BATCH_JOB_ID", "4b1f")
        .env("FUNCTION_CONFIG", STANDARD.encode(config.to_string()))
        .env("SCRIPT", STANDARD.encode(script))
        .env("EVENT", event.to_string())
        .run();
    for secret in [
        WsgiDav::PASSWORD,
        &STANDARD.encode(format!("{}:{}", WsgiDav::LOGIN, WsgiDav::PASSWORD)),
        Oneprovider::TOKEN,
    ] {
        assert!(!run.stderr().contains(secret), "{}", run.stderr());
    }
    run
}

#[test]
fn a_file_of_dcache_comes_in_and_goes_out_over_webdav() {
    for authentication in [Authentication::Both, Authentication::Basic] {
        let sandbox = Sandbox::new(Mode::P1);
        let server = WsgiDav::start(&sandbox.path("home"), authentication);
        let config = config(
            &webdav(&server.url()),
            "webdav.dcache",
            "results/to day/deep",
        );
        for name in [
            "plain.txt",
            "a +%20ü#?&;'\"[]{}~.txt",
            ".hidden",
            "日本 語",
            "%41%zz",
        ] {
            server.put(&format!("data/in coming/{name}"), name.as_bytes());
            run(&sandbox, &config, &dcache(name), PASS_ON)
                .expect_code(0)
                .expect_stderr(&format!("key in coming/{name} at no time"));
            let arrived = server.text(&format!("results/to day/deep/a b/{name}"));
            assert_eq!(arrived.as_deref(), Some(name));
        }
        assert_eq!(server.names("results/to day/deep/a b").len(), 5);
        // Written again, over what is there.
        server.put("data/in coming/plain.txt", b"new");
        run(&sandbox, &config, &dcache("plain.txt"), PASS_ON).expect_code(0);
        assert_eq!(
            server.text("results/to day/deep/a b/plain.txt").as_deref(),
            Some("new")
        );
    }
}

#[test]
fn many_files_share_the_folders_that_are_missing() {
    let sandbox = Sandbox::new(Mode::P1);
    let server = WsgiDav::start(&sandbox.path("home"), Authentication::Both);
    let config = config(&webdav(&server.url()), "webdav.dcache", "out/here");
    let script = "cd \"$TMP_OUTPUT_DIR\"; mkdir -p x/y z; for i in $(seq 40); do echo $i > x/y/$i; echo $i > z/$i; done; : > empty";
    run(&sandbox, &config, &json!({}), script).expect_code(0);
    assert_eq!(server.names("out/here"), ["empty", "x", "z"]);
    assert_eq!(server.names("out/here/x/y").len(), 40);
    assert_eq!(server.text("out/here/z/40").as_deref(), Some("40\n"));
    assert_eq!(server.text("out/here/empty").as_deref(), Some(""));
}

/// A hundred megabytes, through connections that break.
#[test]
fn a_large_file_is_resumed_and_memory_stays_bounded() {
    let sandbox = Sandbox::new(Mode::P1);
    let server = WsgiDav::start(&sandbox.path("home"), Authentication::Both);
    server.put("data/in coming/large", b"begin");
    let mut large = File::options()
        .write(true)
        .open(server.path("data/in coming/large"))
        .unwrap();
    large.seek(SeekFrom::Start(LARGE - 3)).unwrap();
    large.write_all(b"end").unwrap();
    let proxy = CuttingProxy::start(server.port(), [3_000_000, 20_000_000, 100]);
    let config = config(&webdav(&proxy.url()), "webdav.dcache", "out");
    let run = run(&sandbox, &config, &dcache("large"), PASS_ON);
    run.expect_code(0).expect_stderr("download broke off");
    assert_eq!(proxy.left(), 0);
    assert!(run.peak_kib < 64 * 1024, "{} KiB", run.peak_kib);
    let (sent, arrived) = (
        server.path("data/in coming/large"),
        server.path("out/a b/large"),
    );
    assert!(fs::read(sent).unwrap() == fs::read(arrived).unwrap());
    assert_eq!(server.names("out/a b"), ["large"]);
}

#[test]
fn webdav_says_what_is_wrong() {
    let sandbox = Sandbox::new(Mode::P1);
    let server = WsgiDav::start(&sandbox.path("home"), Authentication::Both);
    server.put("data/in coming/f", b"f");
    server.put("file", b"no folder");
    let good = config(&webdav(&server.url()), "webdav.dcache", "out");
    run(&sandbox, &good, &dcache("gone"), PASS_ON)
        .expect_code(1)
        .expect_stderr("cannot download webdav://data/in coming/gone (storage provider webdav.dcache): there is no such object");
    let mut wrong = good.clone();
    wrong["storage_providers"]["webdav"]["dcache"]["password"] = json!("no");
    run(&sandbox, &wrong, &dcache("f"), PASS_ON)
        .expect_code(1)
        .expect_stderr("check login and password of this provider");
    let blocked = config(&webdav(&server.url()), "webdav.dcache", "file/below");
    run(&sandbox, &blocked, &dcache("f"), PASS_ON)
        .expect_code(1)
        .expect_stderr("cannot upload webdav://file/below/a b/f");
    // No server of another test can get this port meanwhile.
    run(
        &sandbox,
        &config(&webdav("http://127.0.0.1:1"), "webdav.dcache", "out"),
        &dcache("f"),
        PASS_ON,
    )
    .expect_code(1)
    .expect_stderr("the store cannot be reached");
    let digest = WsgiDav::start(&sandbox.path("udocker"), Authentication::Digest);
    run(
        &sandbox,
        &config(&webdav(&digest.url()), "webdav.dcache", "out"),
        &dcache("f"),
        PASS_ON,
    )
    .expect_code(1)
    .expect_stderr("the server asks for Digest, and only Basic authentication is spoken here");
}

#[test]
fn webdav_that_is_busy_or_renames_nothing() {
    let sandbox = Sandbox::new(Mode::P1);
    let server = WsgiDav::start(&sandbox.path("home"), Authentication::Both);
    server.put("data/in coming/f", b"content");
    let fault = |method, refusal, times| Fault {
        method,
        path: "/",
        refusal,
        times,
    };
    let proxy = FaultyS3::start(
        &server.url(),
        vec![
            fault("GET", Refusal::SlowDown, 2),
            fault("PUT", Refusal::SlowDown, 1),
            fault("MKCOL", Refusal::SlowDown, 1),
            fault("MOVE", Refusal::Denied, 1),
        ],
    );
    let config = config(&webdav(&proxy.url()), "webdav.dcache", "out");
    run(&sandbox, &config, &dcache("f"), PASS_ON).expect_code(0);
    assert_eq!(server.text("out/a b/f").as_deref(), Some("content"));
    assert_eq!(server.names("out/a b"), ["f"]);
    let requests = proxy.requests();
    assert!(
        requests
            .iter()
            .any(|line| line.starts_with("DELETE /out/a%20b/.f.part-")),
        "{requests:?}"
    );
    assert_eq!(
        requests.last().map(String::as_str),
        Some("PUT /out/a%20b/f")
    );
}

#[test]
fn a_file_of_onedata_comes_in_and_goes_out() {
    for moving in [Moving::Supported, Moving::Missing] {
        let sandbox = Sandbox::new(Mode::P1);
        let server = Oneprovider::start(moving);
        let config = config(&onedata(&server.url()), "onedata.lab", "results/to day");
        for (path, name) in [
            ("d/plain", "plain"),
            ("ü +%2f?#.txt", "ü +%2f?#.txt"),
            ("d/plain", "plain"),
        ] {
            let content = format!("{path} {moving:?}");
            server.put(&format!("home/{path}"), content.as_bytes());
            run(
                &sandbox,
                &config,
                &one_trigger(&format!("/home/{path}")),
                PASS_ON,
            )
            .expect_code(0)
            .expect_stderr(&format!("key {path} at then"));
            let arrived = server.get(&format!("home/results/to day/a b/{name}"));
            assert_eq!(arrived.as_deref(), Some(content.as_bytes()));
        }
        let left: Vec<_> = server
            .paths()
            .into_iter()
            .filter(|path| path.contains(".part-"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let moved = server
            .requests()
            .iter()
            .filter(|line| line.contains(".part-"))
            .count();
        assert!(moved >= 3, "nothing was written under another name first");
    }
}

#[test]
fn onedata_says_what_is_wrong() {
    let sandbox = Sandbox::new(Mode::P1);
    let server = Oneprovider::start(Moving::Supported);
    server.put("home/f", b"f");
    let good = config(&onedata(&server.url()), "onedata.lab", "out");
    run(&sandbox, &good, &one_trigger("/home/gone"), PASS_ON)
        .expect_code(1)
        .expect_stderr("cannot download onedata://home/gone (storage provider onedata.lab): there is no such object");
    run(&sandbox, &good, &one_trigger("/other/f"), PASS_ON)
        .expect_code(1)
        .expect_stderr("an event of the Onedata space other, and 0 onedata providers");
    let mut wrong = good.clone();
    wrong["storage_providers"]["onedata"]["lab"]["token"] = json!("stale");
    run(&sandbox, &wrong, &one_trigger("/home/f"), PASS_ON)
        .expect_code(1)
        .expect_stderr("the test says unauthorized); check the token of this provider");
    let mut elsewhere = good;
    elsewhere["storage_providers"]["onedata"]["lab"]["space"] = json!("nowhere");
    run(
        &sandbox,
        &elsewhere,
        &json!({}),
        "echo x > \"$TMP_OUTPUT_DIR/x\"",
    )
    .expect_code(1)
    .expect_stderr("cannot upload onedata://nowhere/out/x")
    .expect_stderr("the test says forbidden");
}
