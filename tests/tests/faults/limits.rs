//! Large and many: memory stays bounded, and running out of room is an error like any other.

use std::fs::{self, File};
use std::time::Duration;

use e2e::{Lambda, Mode, Moto, RangeS3, Sandbox, SmallDisk, s3_event};
use serde_json::json;

/// Most memory the supervisor may take, in KiB.
const MEMORY_LIMIT: u64 = 64 * 1024;

/// Prints 200 MB: 2,000,000 numbered lines of 100 bytes. (In F1: under Debian's proot a program cannot buffer its output.)
const LARGE_LOG: &str = "seq -f '%099.0f' 1 2000000";

#[test]
fn two_hundred_megabytes_of_log_arrive_whole_in_a_terminal() {
    let sandbox = Sandbox::new(Mode::F1);
    let run = sandbox.script(LARGE_LOG).run();
    run.expect_code(0);
    assert_eq!(run.stdout.len(), 200_000_000);
    for (index, line) in (1_u64..).zip(run.stdout.split(|byte| *byte == b'\n').take(2_000_000)) {
        assert_eq!(std::str::from_utf8(line).unwrap().parse(), Ok(index));
    }
    assert!(
        run.peak_kib > 0 && run.peak_kib <= MEMORY_LIMIT,
        "{} KiB",
        run.peak_kib
    );
}

#[test]
fn two_hundred_megabytes_of_log_fit_a_payload_with_head_and_tail() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function(LARGE_LOG, &json!({}));
    let mut lambda = Lambda::start_with(&sandbox, |launch| launch.within(Duration::from_mins(2)));
    let answer = lambda.invoke_for(&json!({}), Duration::from_mins(1));
    assert!(answer.size() <= 6 * 1024 * 1024, "{} bytes", answer.size());
    let (status, log) = answer.status_and_log();
    assert_eq!(status, 200);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.first().unwrap().parse(), Ok(1_u64));
    assert_eq!(lines.last().unwrap().parse(), Ok(2_000_000_u64));
    assert!(log.len() > 1_000_000, "only {} bytes are kept", log.len());
    assert!(
        lines.iter().any(|line| line.parse::<u64>().is_err()),
        "nothing marks what was left out"
    );
    let run = lambda.stop();
    assert!(
        run.peak_kib > 0 && run.peak_kib <= MEMORY_LIMIT,
        "{} KiB",
        run.peak_kib
    );
    assert!(
        run.stdout.len() >= 200_000_000,
        "the platform's log has only {} bytes",
        run.stdout.len()
    );
}

#[test]
fn a_line_without_end_is_no_reason_to_grow() {
    let sandbox = Sandbox::new(Mode::P1);
    let run = sandbox
        .script("head -c 150000000 /dev/zero | tr '\\0' x; echo; echo end")
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout.len(), 150_000_005);
    assert!(run.peak_kib <= MEMORY_LIMIT, "{} KiB", run.peak_kib);
}

#[test]
fn a_gigabyte_from_and_to_a_directory() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.put("inbox", "sparse.bin", "start");
    let source = sandbox.path("buckets/inbox/sparse.bin");
    File::options()
        .write(true)
        .open(&source)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    let script = "wc -c < \"$INPUT_FILE_PATH\"; head -c 5 \"$INPUT_FILE_PATH\"; ln \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/copy.bin\"";
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox.invoke_local(&s3_event("inbox", "sparse.bin")).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "1073741824\nstart");
    assert_eq!(
        fs::metadata(sandbox.path("buckets/outbox/copy.bin"))
            .unwrap()
            .len(),
        1 << 30
    );
    assert!(run.peak_kib <= MEMORY_LIMIT, "{} KiB", run.peak_kib);
}

#[test]
fn a_gigabyte_from_s3() {
    let server = RangeS3::start(1 << 30);
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.use_aws(&server.url(), "AKIDEXAMPLE", "secret");
    // Every mebibyte starts with its own index.
    let script = "f=$INPUT_FILE_PATH; wc -c < \"$f\"; for mebibyte in 0 1 7 8 500 1023; do
        dd if=\"$f\" bs=1M skip=$mebibyte count=1 2>/dev/null | od -An -tu8 -N8 | tr -d ' '; done";
    sandbox.function(script, &json!({}));
    let run = sandbox.invoke(&s3_event("inbox", "large.bin")).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "1073741824\n0\n1\n7\n8\n500\n1023\n");
    assert!(run.peak_kib <= MEMORY_LIMIT, "{} KiB", run.peak_kib);
    assert!(
        server.ranges().len() > 1,
        "not fetched in parts: {:?}",
        server.ranges()
    );
}

#[test]
fn a_thousand_small_outputs_all_arrive() {
    let moto = Moto::shared();
    let outbox = moto.bucket();
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    let output = json!([{ "storage_provider": "s3", "path": format!("{outbox}/many") }]);
    let script = "cd \"$TMP_OUTPUT_DIR\"; i=0; while [ $i -lt 1000 ]; do echo $i > file-$i.txt; i=$((i + 1)); done";
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox.invoke(&json!({})).arg("--json").run();
    run.expect_code(0);
    assert_eq!(run.json()["outputs"].as_array().unwrap().len(), 1000);
    assert_eq!(moto.keys(&outbox).len(), 1000);
    assert_eq!(
        moto.text(&outbox, "many/file-617.txt").as_deref(),
        Some("617\n")
    );
    assert!(run.peak_kib <= MEMORY_LIMIT, "{} KiB", run.peak_kib);
}

#[test]
fn an_input_larger_than_the_free_space_is_refused_before_it_is_written() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    moto.put(&inbox, "large.bin", vec![1_u8; 12_000_000]);
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    let tmp = sandbox.path("tmp");
    let Some(disk) = SmallDisk::mount(&tmp, "8m") else {
        return;
    };
    sandbox.function("echo never", &json!({}));
    let run = sandbox
        .invoke(&s3_event(&inbox, "large.bin"))
        .arg("--json")
        .run();
    run.expect_code(1);
    let report = run.json();
    assert_eq!(report["error"]["name"], "StageInFailed");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("large.bin") && message.contains("space"),
        "{message}"
    );
    sandbox.expect_clean();
    drop(disk);
}

#[test]
fn a_container_that_fills_the_disk_fails_like_a_container() {
    let sandbox = Sandbox::new(Mode::P1);
    let tmp = sandbox.path("tmp");
    let Some(disk) = SmallDisk::mount(&tmp, "32m") else {
        return;
    };
    // The log has to be kept somewhere too: what does not fit must not end the supervisor.
    let run = sandbox.script("head -c 60000000 /dev/zero > \"$TMP_OUTPUT_DIR/big\"; code=$?; echo \"code $code\"; exit 4").run();
    run.expect_code(4);
    assert_eq!(run.stdout(), "code 1\n");
    sandbox.expect_clean();
    drop(disk);
}

#[test]
fn a_log_that_finds_the_disk_full_still_gets_an_answer() {
    let Some(sandbox) = Sandbox::on_lambda_with(Mode::F1, 192 << 20) else {
        return;
    };
    sandbox.function(
        "cat /dev/zero > \"$TMP_OUTPUT_DIR/fill\"; head -c 20000000 /dev/zero | tr '\\0' x | fold -w 99; echo last",
        &json!({}),
    );
    let mut lambda = Lambda::start_with(&sandbox, |launch| launch.env("FAAS_METRICS", "off"));
    let (status, log) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!(status, 200, "{log}");
    assert!(
        log.ends_with("last\n"),
        "the end of the log is lost: {} bytes",
        log.len()
    );
    let run = lambda.stop();
    assert!(
        run.stdout.ends_with(b"xlast\n"),
        "the platform's log is not whole"
    );
    sandbox.expect_clean();
}

#[test]
fn a_workspace_takes_room_only_while_it_is_used() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function(
        "head -c 3000000 /dev/zero > \"$TMP_OUTPUT_DIR/big\"",
        &json!({}),
    );
    let mut lambda = Lambda::start(&sandbox);
    let mut at_first = None;
    for _ in 0..3 {
        assert_eq!(lambda.invoke(&json!({})).status_and_log().0, 200);
        let left = sandbox.kept();
        assert_eq!(at_first.get_or_insert(left.clone()), &left);
        let output = left.iter().any(|path| path.join("0").exists());
        assert!(!output, "{left:?}");
    }
    lambda.stop();
}
