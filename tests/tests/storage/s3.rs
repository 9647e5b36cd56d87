//! Objects from and to S3 servers: moto, and s3s, which verifies signatures.

use std::fs;
use std::time::{Duration, Instant};

use e2e::{DiskS3, Fault, FaultyS3, Finished, Instance, Mode, Moto, Refusal, Sandbox, s3_event};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Copies its input to the output directory, under the same name.
const COPY: &str = "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"";

/// A sandbox that talks to a server.
fn sandbox(endpoint: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.use_aws(endpoint, "AKIDEXAMPLE", "secret");
    sandbox
}

fn output(path: &str) -> Value {
    json!({ "output": [{ "storage_provider": "s3", "path": path }] })
}

#[test]
fn an_object_goes_through() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "pictures/in.png", "not really a picture");
    let sandbox = sandbox(moto.url());
    sandbox.function(COPY, &output(&format!("/{outbox}/results//of/today/")));
    let run = sandbox
        .invoke(&s3_event(&inbox, "pictures/in.png"))
        .arg("--json")
        .run();
    run.expect_code(0);
    assert_eq!(moto.keys(&outbox), ["results/of/today/in.png"]);
    assert_eq!(
        moto.text(&outbox, "results/of/today/in.png").as_deref(),
        Some("not really a picture")
    );
    assert_eq!(
        moto.head(&outbox, "results/of/today/in.png"),
        (20, "image/png".to_owned())
    );
    let report = run.json();
    assert_eq!(
        report["outputs"][0]["destination"],
        format!("s3://{outbox}/results/of/today/in.png")
    );
}

#[test]
fn keys_of_every_kind_arrive_and_stay_inside() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    // (Under proot a name of 255 bytes is one too long.)
    let long = format!("{}/{}", "d".repeat(773), "f".repeat(250));
    assert_eq!(long.len(), 1024);
    let keys = [
        "with spaces and  two.txt",
        "ünï/çødé 文件.txt",
        "a+b+c.txt",
        "100%25 of it.txt",
        "../../../etc/escape.txt",
        "a/..",
        "a/../b.txt",
        "folder/",
        "//double//slash.txt",
        "quote'\"$(id)`.txt",
        "-rf",
        "&<>=?#;.txt",
        ".hidden",
        "event-file",
        &long,
    ];
    let sandbox = sandbox(moto.url());
    // The container tells which key it got and what is in its input directory, a NUL being in no key.
    let script = "printf '%s\\0' \"$STORAGE_OBJECT_KEY\" \"$(cat \"$INPUT_FILE_PATH\")\" \"$INPUT_FILE_PATH\"; :";
    sandbox.function(script, &output(&outbox));
    for key in keys {
        moto.put(&inbox, key, format!("content of {key}"));
        let mut event = s3_event(&inbox, key);
        // By its size alone a key like `folder/` is told from an empty object that only shows a folder.
        event["Records"][0]["s3"]["object"]["size"] = format!("content of {key}").len().into();
        let run = sandbox.invoke(&event).run();
        run.expect_code(0);
        let stdout = run.stdout();
        let [seen, content, path] = stdout
            .trim_end_matches('\0')
            .split('\0')
            .collect::<Vec<_>>()[..]
        else {
            panic!("{key:?}: {stdout:?}")
        };
        assert_eq!(seen, key);
        assert_eq!(content, format!("content of {key}"));
        let name = path.rsplit('/').next().unwrap();
        assert!(
            !name.is_empty() && name != "." && name != ".." && name.len() <= 255,
            "{key:?} became {path:?}"
        );
        assert!(
            !path.contains("/../") && path.contains("/input/"),
            "{key:?} became {path:?}"
        );
        sandbox.expect_clean();
    }
}

#[test]
fn names_of_outputs_are_kept_byte_for_byte() {
    let moto = Moto::shared();
    let outbox = moto.bucket();
    let sandbox = sandbox(moto.url());
    let script = "cd \"$TMP_OUTPUT_DIR\"; mkdir -p 'a b/ünï'; echo 1 > 'a b/ünï/c+d %20.txt'; echo 2 > ' lead'; echo 3 > \"it's&<>.txt\"
        ln -s /etc/passwd escape; ln -s 'a b' inside; mkdir empty; : > zero";
    sandbox.function(script, &output(&format!("{outbox}/out")));
    sandbox.invoke(&json!({})).run().expect_code(0);
    let expected = [
        "out/ lead",
        "out/a b/ünï/c+d %20.txt",
        "out/it's&<>.txt",
        "out/zero",
    ];
    assert_eq!(moto.keys(&outbox), expected);
    assert_eq!(
        moto.text(&outbox, "out/a b/ünï/c+d %20.txt").as_deref(),
        Some("1\n")
    );
    assert_eq!(moto.head(&outbox, "out/zero").0, 0);
}

#[test]
fn prefixes_and_suffixes_choose_the_outputs() {
    let moto = Moto::shared();
    let (first, second, all) = (moto.bucket(), moto.bucket(), moto.bucket());
    let sandbox = sandbox(moto.url());
    let rules = json!([
        { "storage_provider": "s3", "path": first, "prefix": ["gray", "color"], "suffix": [".png", ".jpg"] },
        { "storage_provider": "s3.default", "path": format!("{second}/logs"), "suffix": [".log"] },
        { "storage_provider": "s3", "path": all },
    ]);
    let script = "cd \"$TMP_OUTPUT_DIR\"; mkdir sub; for n in gray-1.png color-2.jpg gray.log other.png sub/gray-3.png; do echo $n > $n; done";
    sandbox.function(script, &json!({ "output": rules }));
    sandbox.invoke(&json!({})).run().expect_code(0);
    assert_eq!(
        moto.keys(&first),
        ["color-2.jpg", "gray-1.png", "sub/gray-3.png"]
    );
    assert_eq!(moto.keys(&second), ["logs/gray.log"]);
    assert_eq!(moto.keys(&all).len(), 5);
}

#[test]
fn a_large_file_goes_both_ways_in_parts() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    // Every block differs, so that parts out of order would be seen.
    let content: Vec<u8> = (0..5_000_000_u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    moto.put(&inbox, "large.bin", content.clone());
    let sandbox = sandbox(moto.url());
    sandbox.function(COPY, &output(&outbox));
    let run = sandbox.invoke(&s3_event(&inbox, "large.bin")).run();
    run.expect_code(0);
    assert!(
        moto.get(&outbox, "large.bin").unwrap() == content,
        "the copy differs"
    );
    assert!(run.peak_kib <= 64 * 1024, "{} KiB", run.peak_kib);
}

#[test]
fn a_configured_provider_has_its_own_endpoint_and_keys() {
    let directory = tempfile::tempdir().unwrap();
    let disk = DiskS3::start(directory.path());
    for bucket in ["inbox", "outbox"] {
        disk.bucket(bucket);
    }
    disk.put("inbox", "photos/a b+c.txt", b"from the disk");
    // The function's own credentials are for another server; using them here would be refused.
    let sandbox = sandbox("http://127.0.0.1:1");
    let provider = json!({ "endpoint": disk.url(), "access_key": DiskS3::ACCESS_KEY, "secret_key": DiskS3::SECRET_KEY, "region": "eu-central-1", "verify": false });
    for id in ["minio.store", "s3.store"] {
        let (kind, name) = id.split_once('.').unwrap();
        let config = json!({
            "storage_providers": { kind: { name: provider } },
            "input": [{ "storage_provider": id, "path": "inbox/photos" }],
            "output": [{ "storage_provider": id, "path": format!("outbox/{kind}") }],
        });
        sandbox.function(COPY, &config);
        let run = sandbox.invoke(&s3_event("inbox", "photos/a b+c.txt")).run();
        run.expect_code(0);
        let name = fs::read_dir(directory.path().join("outbox").join(kind))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .file_name();
        let stored = disk.get("outbox", &format!("{kind}/{}", name.to_str().unwrap()));
        assert_eq!(stored.as_deref(), Some(b"from the disk".as_slice()));
    }
    // A wrong secret is refused by the server, and said so.
    let config = json!({
        "storage_providers": { "minio": { "store": { "endpoint": disk.url(), "access_key": DiskS3::ACCESS_KEY, "secret_key": "wrong", "region": "us-east-1" } } },
        "input": [{ "storage_provider": "minio.store", "path": "inbox" }],
    });
    sandbox.function("echo never", &config);
    let run = sandbox
        .invoke(&s3_event("inbox", "photos/a b+c.txt"))
        .arg("--json")
        .run();
    run.expect_code(1);
    assert_eq!(run.json()["error"]["name"], "StageInFailed");
}

/// Runs a copy from `inbox`/`key` that must fail; returns the name and message of the failure.
fn failure(
    sandbox: &Sandbox,
    config: &Value,
    bucket: &str,
    key: &str,
) -> (String, String, Finished) {
    sandbox.function(
        &format!("echo ran; {COPY}; for n in 1 2 3; do echo $n > \"$TMP_OUTPUT_DIR/$n.txt\"; done"),
        config,
    );
    let run = sandbox.invoke(&s3_event(bucket, key)).arg("--json").run();
    run.expect_code(1);
    let report = run.json();
    assert_eq!(report["outcome"], "failed", "{report}");
    let text = |field: &str| {
        report["error"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("name"), text("message"), run)
}

#[test]
fn a_missing_object_or_bucket_fails_before_the_container_runs() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    let sandbox = sandbox(moto.url());
    for (bucket, key) in [
        (inbox.as_str(), "not/there.txt"),
        ("no-such-bucket-anywhere", "x"),
    ] {
        let (name, message, run) = failure(&sandbox, &json!({}), bucket, key);
        assert_eq!(name, "StageInFailed");
        assert!(
            message.contains(&format!("s3://{bucket}/{key}")),
            "{message}"
        );
        assert!(!run.stderr().contains("ran\n"), "{}", run.stderr());
        sandbox.expect_clean();
    }
}

#[test]
fn a_denied_object_says_which_and_what_is_needed() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    moto.put(&inbox, "secret.txt", "x");
    let fault = |method| Fault {
        method,
        path: "secret.txt",
        refusal: Refusal::Denied,
        times: usize::MAX,
    };
    let server = FaultyS3::start(moto.url(), vec![fault("GET"), fault("HEAD")]);
    let (name, message, _) = failure(&sandbox(&server.url()), &json!({}), &inbox, "secret.txt");
    assert_eq!(name, "StageInFailed");
    assert!(
        message.contains(&format!("s3://{inbox}/secret.txt")) && message.contains("s3:GetObject"),
        "{message}"
    );
    // A refusal is final: asking again changes nothing.
    assert!(server.requests().len() <= 2, "{:?}", server.requests());
}

#[test]
fn an_upload_to_a_missing_bucket_names_every_file() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    moto.put(&inbox, "in.txt", "x");
    let (name, message, _) = failure(
        &sandbox(moto.url()),
        &output("no-such-bucket-anywhere/out"),
        &inbox,
        "in.txt",
    );
    assert_eq!(name, "StageOutFailed");
    for file in ["in.txt", "1.txt", "2.txt", "3.txt"] {
        assert!(message.contains(file), "{file} is not named: {message}");
    }
    assert!(message.contains("no-such-bucket-anywhere"), "{message}");
}

#[test]
fn an_upload_refused_halfway_fails_and_the_others_arrive() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "in.bin", vec![7_u8; 300_000]);
    let fault = Fault {
        method: "PUT",
        path: "in.bin",
        refusal: Refusal::Halfway(100_000),
        times: usize::MAX,
    };
    let server = FaultyS3::start(moto.url(), vec![fault]);
    let (name, message, run) = failure(&sandbox(&server.url()), &output(&outbox), &inbox, "in.bin");
    assert_eq!(name, "StageOutFailed");
    assert!(
        message.contains("in.bin") && !message.contains("2.txt"),
        "{message}"
    );
    assert_eq!(moto.keys(&outbox), ["1.txt", "2.txt", "3.txt"]);
    assert_eq!(
        run.json()["outputs"].as_array().map(Vec::len),
        Some(3),
        "{}",
        run.stdout()
    );
}

#[test]
fn a_part_refused_leaves_no_unfinished_upload() {
    let moto = Moto::shared();
    let outbox = moto.bucket();
    let fault = Fault {
        method: "PUT",
        path: "partNumber=2",
        refusal: Refusal::Denied,
        times: usize::MAX,
    };
    let server = FaultyS3::start(moto.url(), vec![fault]);
    let sandbox = sandbox(&server.url());
    sandbox.function(
        "head -c 40000000 /dev/zero > \"$TMP_OUTPUT_DIR/large.bin\"",
        &output(&outbox),
    );
    let run = sandbox.invoke(&json!({})).run();
    run.expect_code(1).expect_stderr("large.bin");
    assert_eq!(moto.get(&outbox, "large.bin"), None);
    let aborted = server
        .requests()
        .iter()
        .any(|request| request.starts_with("DELETE ") && request.contains("uploadId="));
    assert!(
        aborted,
        "the upload was not aborted: {:?}",
        server.requests()
    );
}

#[test]
fn a_server_that_is_busy_for_a_moment_is_asked_again() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "in.txt", "patience");
    let fault = |method| Fault {
        method,
        path: "in.txt",
        refusal: Refusal::SlowDown,
        times: 2,
    };
    let server = FaultyS3::start(moto.url(), vec![fault("GET"), fault("PUT")]);
    let sandbox = sandbox(&server.url());
    sandbox.function(COPY, &output(&outbox));
    sandbox
        .invoke(&s3_event(&inbox, "in.txt"))
        .run()
        .expect_code(0);
    assert_eq!(moto.text(&outbox, "in.txt").as_deref(), Some("patience"));
}

#[test]
fn an_endpoint_that_does_not_answer_fails_in_time() {
    let sandbox = sandbox("http://127.0.0.1:1");
    let (name, message, run) = failure(&sandbox, &json!({}), "inbox", "in.txt");
    assert_eq!(name, "StageInFailed");
    assert!(message.contains("s3://inbox/in.txt"), "{message}");
    assert!(run.took.as_secs() < 20, "took {:?}", run.took);
}

#[test]
fn a_version_of_an_object_is_the_one_that_is_fetched() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    moto.put(&inbox, "v.txt", "x");
    let server = FaultyS3::start(moto.url(), Vec::new());
    let sandbox = sandbox(&server.url());
    sandbox.function("cat \"$INPUT_FILE_PATH\"", &json!({}));
    let mut event = s3_event(&inbox, "v.txt");
    event["Records"][0]["s3"]["object"]["versionId"] = "null".into();
    sandbox.invoke(&event).run().expect_code(0);
    let requests = server.requests();
    let asked = requests
        .iter()
        .filter(|request| request.starts_with("GET "))
        .all(|request| request.contains("versionId=null"));
    assert!(asked, "{requests:?}");
}

#[test]
fn a_machine_without_a_region_variable_signs_for_the_instances_region() {
    let instance = Instance::start("eu-south-2");
    let sandbox = Sandbox::new(Mode::P1);
    // The endpoint of a profile stands for AWS itself here: nothing else may keep the instance from being asked.
    let profile = format!("[default]\nendpoint_url = {}\n", instance.url());
    fs::create_dir(sandbox.path("home/.aws")).unwrap();
    fs::write(sandbox.path("home/.aws/config"), profile).unwrap();
    sandbox.function(COPY, &json!({}));
    sandbox
        .invoke(&s3_event("inbox", "in.txt"))
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url())
        .run()
        .expect_code(1)
        .expect_stderr("StageInFailed");
    let asked = instance.authorizations();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|header| header.contains("/eu-south-2/s3/")),
        "{asked:?}"
    );
}

#[test]
fn an_upload_that_a_signal_interrupts_leaves_no_parts() {
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(MockServer::start());
    let created =
        "<InitiateMultipartUploadResult><UploadId>id-1</UploadId></InitiateMultipartUploadResult>";
    // No part ever arrives; the abort takes its time, too.
    for (verb, answer) in [
        (
            "POST",
            ResponseTemplate::new(200).set_body_raw(created, "application/xml"),
        ),
        (
            "PUT",
            ResponseTemplate::new(200).set_delay(Duration::from_mins(1)),
        ),
        (
            "DELETE",
            ResponseTemplate::new(204).set_delay(Duration::from_millis(300)),
        ),
    ] {
        runtime.block_on(
            Mock::given(method(verb))
                .respond_with(answer)
                .mount(&server),
        );
    }
    let asked = |verb: &str| {
        let requests = runtime.block_on(server.received_requests()).unwrap();
        requests
            .iter()
            .filter(|request| request.method.as_str() == verb)
            .count()
    };
    let sandbox = sandbox(&server.uri());
    sandbox.function(
        "head -c 20000000 /dev/zero > \"$TMP_OUTPUT_DIR/large\"",
        &output("outbox"),
    );
    let running = sandbox.invoke(&json!({})).start();
    let started = Instant::now();
    while asked("PUT") == 0 {
        assert!(started.elapsed() < Duration::from_mins(1), "no upload");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
    assert_eq!(asked("DELETE"), 1);
    sandbox.expect_clean();
}
