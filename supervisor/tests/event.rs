//! Events: what each payload becomes, and that any bytes become something.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use bytes::Bytes;
use config::{FunctionConfig, Overrides};
use faas_supervisor::event::{
    Event, EventError, Input, ObjectRef, Record, Rejected, Source, form_decode, parse,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn event(payload: impl AsRef<[u8]>) -> Event {
    let payload = Bytes::copy_from_slice(payload.as_ref());
    parse(&payload, &FunctionConfig::default()).unwrap()
}

fn error(payload: &Value) -> String {
    parse(&payload.to_string().into(), &FunctionConfig::default())
        .expect_err("an error")
        .to_string()
}

fn object(record: &Record) -> &ObjectRef {
    let Input::Object(object) = &record.input else {
        panic!("not an object: {record:?}")
    };
    object
}

fn s3(key: &str) -> Value {
    json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
}

fn records(records: &[Value]) -> Value {
    json!({ "Records": records })
}

/// The documented notification message (S3 user guide, "Event message structure").
const NOTIFICATION: &str = r#"{"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
 "eventTime": "1970-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "A"},
 "requestParameters": {"sourceIPAddress": "127.0.0.1"}, "responseElements": {"x-amz-id-2": "i"},
 "s3": {"s3SchemaVersion": "1.0", "configurationId": "c", "bucket": {"name": "amzn-s3-demo-bucket",
  "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::amzn-s3-demo-bucket"},
  "object": {"key": "Happy+Face.jpg", "size": 1024, "eTag": "d41d", "versionId": "096f", "sequencer": "00"}}}]}"#;

#[test]
fn a_documented_notification() {
    let event = event(NOTIFICATION);
    assert_eq!(
        (event.source, event.records.len(), event.skipped.len()),
        (Source::Storage, 1, 0)
    );
    let record = &event.records[0];
    assert_eq!(
        record.event_time.as_deref(),
        Some("1970-01-01T00:00:00.000Z")
    );
    assert_eq!(record.raw, NOTIFICATION);
    let object = object(record);
    assert_eq!(
        (object.bucket.as_str(), object.key.as_str()),
        ("amzn-s3-demo-bucket", "Happy Face.jpg")
    );
    assert_eq!(
        (object.version_id.as_deref(), object.size_hint),
        (Some("096f"), Some(1024))
    );
    assert_eq!(object.provider.to_string(), "s3.default");
}

#[test]
fn a_minimal_notification() {
    let event = event(
        r#"{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}"#,
    );
    assert_eq!(event.source, Source::Storage);
    let object = object(&event.records[0]);
    assert_eq!(
        (object.key.as_str(), &object.version_id, object.size_hint),
        ("k", &None, None)
    );
    assert_eq!(event.records[0].event_time, None);
}

#[test]
fn every_record_is_handled_and_carries_only_itself() {
    let event = event(records(&[s3("one"), s3("two"), s3("dir/three")]).to_string());
    let keys: Vec<_> = event
        .records
        .iter()
        .map(|record| object(record).key.as_str())
        .collect();
    assert_eq!(keys, ["one", "two", "dir/three"]);
    let raw: Value = serde_json::from_str(event.records[1].raw.as_str()).unwrap();
    assert_eq!(raw, records(&[s3("two")]));
}

#[test]
fn keys_are_form_decoded() {
    for (encoded, key) in [
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("caf%C3%A9", "café"),
        ("%E6%97%A5/%E6%9C%AC", "日/本"),
        ("a/../../etc/passwd", "a/../../etc/passwd"),
        ("%2e%2e%2f", "../"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a%0Ab", "a\nb"),
        ("%252e", "%2e"),
        ("a%2525+%2B", "a%25 +"),
        ("a//b", "a//b"),
    ] {
        let mut record = s3(encoded);
        record["s3"]["object"]["size"] = json!(1);
        let event = event(records(&[record]).to_string());
        assert_eq!(object(&event.records[0]).key.as_str(), key, "{encoded}");
    }
    let longest = "k".repeat(1024);
    assert_eq!(
        object(&event(records(&[s3(&longest)]).to_string()).records[0])
            .key
            .as_str(),
        longest
    );
}

#[test]
fn what_has_nothing_to_process_is_skipped_with_a_reason() {
    let named = |name: &str, key: &str| {
        let mut record = s3(key);
        record["eventName"] = json!(name);
        record
    };
    let marker = |size: Value| {
        let mut record = named("ObjectCreated:Put", "dir/");
        record["s3"]["object"]["size"] = size;
        record
    };
    let event = event(
        records(&[
            named("ObjectRemoved:Delete", "gone"),
            named("s3:ObjectRemoved:DeleteMarkerCreated", "gone"),
            named("LifecycleExpiration:Delete", "gone"),
            marker(json!(0)),
            marker(json!(null)),
            marker(json!(5)),
            named("ObjectCreated:Copy", "kept"),
        ])
        .to_string(),
    );
    let keys: Vec<_> = event
        .records
        .iter()
        .map(|record| object(record).key.as_str())
        .collect();
    assert_eq!(
        (event.source, keys),
        (Source::Storage, vec!["dir/", "kept"])
    );
    assert_eq!(event.skipped.len(), 5);
    assert_eq!(
        event.skipped[0],
        "Records[0], s3://b/gone: ObjectRemoved:Delete is about an object that is gone"
    );
    assert_eq!(
        event.skipped[3],
        "Records[3], s3://b/dir/: a folder marker, it has no content"
    );
}

#[test]
fn a_test_event_is_acknowledged() {
    let payload = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014", "Bucket": "b", "HostId": "h"});
    let event = event(payload.to_string());
    assert_eq!((event.source, event.records.len()), (Source::Storage, 0));
    assert_eq!(event.skipped, ["s3:TestEvent of bucket b"]);
}

#[test]
fn errors_name_the_field() {
    let with = |pointer: &str, value: Value| {
        let mut event = records(&[s3("a"), s3("b"), s3("c")]);
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    for (payload, expected) in [
        (
            with("/Records/2/s3/object", json!({})),
            "event field Records[2].s3.object.key is missing",
        ),
        (
            with("/Records/2/s3/object/key", json!(null)),
            "event field Records[2].s3.object.key is missing",
        ),
        (
            with("/Records/2/s3/object/key", json!(5)),
            "event field Records[2].s3.object.key: expected text",
        ),
        (
            with("/Records/1/s3/object/key", json!("a%FFb")),
            "Records[1].s3.object.key: \"a%FFb\" is not UTF-8 after",
        ),
        (
            with("/Records/1/s3/object/key", json!("a%00b")),
            "Records[1].s3.object.key: object key",
        ),
        (
            with("/Records/1/s3/object/key", json!("")),
            "Records[1].s3.object.key: object key",
        ),
        (
            with("/Records/1/s3/object/key", json!("é".repeat(513))),
            "Records[1].s3.object.key: object key",
        ),
        (
            with("/Records/0/s3/bucket", json!({})),
            "Records[0].s3.bucket.name is missing",
        ),
        (
            with("/Records/0/s3/bucket", json!([])),
            "Records[0].s3.bucket",
        ),
        (
            with("/Records/0/s3/bucket/name", json!("../x")),
            "Records[0].s3.bucket.name: bucket name \"../x\"",
        ),
        (
            with("/Records/0/s3", json!(null)),
            "Records[0].s3.bucket is missing",
        ),
        (
            with("/Records/0/s3", json!("x")),
            "Records[0].s3.bucket is missing",
        ),
        (
            with("/Records/1", json!(7)),
            "Records[1].eventSource is missing",
        ),
        (
            with("/Records/1/eventSource", json!("aws:sqs")),
            "Records[1].eventSource: found \"aws:sqs\"",
        ),
    ] {
        let message = error(&payload);
        assert!(message.contains(expected), "{message}\n  not {expected}");
    }
    let mut late = s3("k");
    late["eventTime"] = json!(5);
    assert!(error(&records(&[late])).contains("Records[0].eventTime: expected text"));
}

#[test]
fn the_bucket_decides_on_the_provider() {
    let text = "input:\n- {storage_provider: s3.other, path: x}\n- {storage_provider: s3.wide, path: b}\n\
                - {storage_provider: s3.deep, path: /b/deep/}\n\
                storage_providers: {s3: {other: {}, wide: {}, deep: {}}}\n";
    let config =
        FunctionConfig::parse(text, std::path::Path::new("/"), &Overrides::default()).unwrap();
    let provider = |key: &str| {
        let event = parse(&records(&[s3(key)]).to_string().into(), &config).unwrap();
        object(&event.records[0]).provider.to_string()
    };
    assert_eq!(provider("file"), "s3.wide");
    assert_eq!(provider("deep/file"), "s3.deep");
    assert_eq!(provider("deeper/file"), "s3.wide");
}

fn direct(payload: impl AsRef<[u8]>) -> Record {
    let mut event = event(payload);
    assert_eq!((event.source, event.records.len()), (Source::Direct, 1));
    event.records.remove(0)
}

#[test]
fn anything_else_is_a_direct_invocation_and_its_own_input_file() {
    for payload in [
        &b"plain text\nof two lines"[..],
        b"\xff\xfe\x00binary",
        b"[1,2]",
        b"\"text\"",
        b"12",
        b"{\"a\":",
        b"[]",
        b"true",
        b"{\"Records\":5}",
        b"{\"Records\":[]}",
        b"{\"Records\":[{\"eventSource\":\"aws:kinesis\",\"body\":\"x\"}]}",
        b"{\"event\":{\"a\":1}}",
        b"{\"httpMethod\":\"GET\"}",
        b"{\"source\":\"aws.ec2\",\"detail-type\":\"x\"}",
        b"{\"tasks\":[]}",
        b"{\"a\":1e999}",
        b"{\"script\":\"eA==\"} trailing",
        b"{\"Event\":\"other\"}",
    ] {
        let record = direct(payload);
        assert_eq!(
            record.input,
            Input::Payload {
                bytes: Bytes::copy_from_slice(payload),
                name: "event-file".to_owned()
            }
        );
        assert_eq!(
            (&record.script, &record.cmd_args, &record.event_time),
            (&None, &None, &None)
        );
        assert_eq!(record.raw, String::from_utf8_lossy(payload));
    }
    for nothing in ["", "  \n", "{}", " { } ", "null", "\tnull\n"] {
        assert_eq!(direct(nothing).input, Input::None, "{nothing:?}");
    }
}

#[test]
fn deep_nesting_is_just_a_payload() {
    for payload in [
        "[".repeat(200_000),
        format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)),
    ] {
        assert!(matches!(direct(payload).input, Input::Payload { .. }));
    }
    let deep = format!(
        "[{{\"eventSource\":\"aws:s3\",\"x\":{}{}}}]",
        "[".repeat(9000),
        "]".repeat(9000)
    );
    let deep = parse(
        &format!("{{\"Records\":{deep}}}").into(),
        &FunctionConfig::default(),
    );
    assert!(matches!(
        deep,
        Err(Rejected { error: EventError::Invalid { field, .. }, source: Source::Storage }) if field == "Records[0]"
    ));
}

#[test]
fn scripts_and_arguments() {
    let script = direct(r#"{"script": "IyEvYmluL3No\nCmVjaG8gaGk="}"#);
    assert_eq!(script.script.as_deref(), Some(&b"#!/bin/sh\necho hi"[..]));
    assert!(matches!(&script.input, Input::Payload { name, .. } if name == "event-file"));
    assert_eq!(
        direct(r#"{"script": "aGk"}"#).script.as_deref(),
        Some(&b"hi"[..])
    );
    let args = |payload: &str| direct(payload).cmd_args;
    let list = |items: &[&str]| {
        Some(
            items
                .iter()
                .map(|item| (*item).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        args(r#"{"cmd_args": ["a b", 1, -2.50, 1e999, ""]}"#),
        list(&["a b", "1", "-2.50", "1e999", ""])
    );
    assert_eq!(
        args(r#"{"cmd_args": "[\"x\", \"\u00e9\", 7]"}"#),
        list(&["x", "é", "7"])
    );
    assert_eq!(args(r#"{"cmd_args": [], "script": null}"#), None);
    assert_eq!(args(r#"{"cmd_args": null}"#), None);
    assert_eq!(args(r#"{"cmd\u005fargs": ["x"]}"#), list(&["x"]));
}

#[test]
fn wrong_scripts_and_arguments_are_errors_that_name_the_field() {
    for (payload, expected) in [
        (
            json!({"script": "not base64!"}),
            "event field script: not base64",
        ),
        (
            json!({"script": 5}),
            "event field script: expected the script's text, encoded as base64",
        ),
        (
            json!({"script": ""}),
            "event field script: the script is empty",
        ),
        (
            json!({"script": "Cgo="}),
            "event field script: the script is empty",
        ),
        (
            json!({"cmd_args": "ls -l"}),
            "event field cmd_args: expected a list of texts and numbers",
        ),
        (
            json!({"cmd_args": {"a": 1}}),
            "event field cmd_args: expected a list",
        ),
        (
            json!({"cmd_args": 5}),
            "event field cmd_args: expected a list",
        ),
        (
            json!({"cmd_args": ["a", ["b"]]}),
            "event field cmd_args[1]: expected text or a number",
        ),
        (
            json!({"cmd_args": [null]}),
            "event field cmd_args[0]: expected text or a number",
        ),
        (
            json!({"cmd_args": ["a\u{0}"]}),
            "event field cmd_args[0]: holds a NUL",
        ),
    ] {
        let message = error(&payload);
        assert!(message.contains(expected), "{message}\n  not {expected}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![
            Just("aws:s3".to_owned()),
            Just("s3:TestEvent".to_owned()),
            ".{0,12}"
        ]
        .prop_map(Value::from),
    ];
    let names = [
        "Records",
        "eventSource",
        "eventName",
        "eventTime",
        "s3",
        "bucket",
        "object",
        "key",
        "name",
        "size",
        "versionId",
        "script",
        "cmd_args",
        "Event",
        "x",
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let name = prop::sample::select(names.to_vec());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

fn form_encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

proptest! {
    #[test]
    fn parsing_is_total_for_bytes(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&payload.into(), &FunctionConfig::default());
    }

    #[test]
    fn parsing_is_total_for_json(value in json_value()) {
        let _ = parse(&value.to_string().into(), &FunctionConfig::default());
        let _ = parse(&json!({"Records": [{"eventSource": "aws:s3", "s3": value}]}).to_string().into(),
                      &FunctionConfig::default());
    }

    #[test]
    fn direct_payloads_are_kept_byte_for_byte(payload in prop::collection::vec(any::<u8>(), 1..200)) {
        prop_assume!(!payload.trim_ascii().is_empty());
        if let Input::Payload { bytes, .. } = direct(&payload).input {
            prop_assert_eq!(bytes, payload);
        } else {
            prop_assert!(false, "no input file");
        }
    }

    #[test]
    fn form_decoding_undoes_form_encoding(key in any::<String>()) {
        prop_assert_eq!(form_decode(&form_encode(&key)), key.as_bytes());
    }

    #[test]
    fn an_encoded_key_arrives_decoded(key in "[^\\x00]{1,200}[^/\\x00]") {
        let event = event(records(&[s3(&form_encode(&key))]).to_string());
        prop_assert_eq!(object(&event.records[0]).key.as_str(), key);
    }
}
