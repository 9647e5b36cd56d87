//! The events tests send, as the services write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What S3 leaves alone in the keys of its notifications; a space becomes `+` afterwards.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'*')
    .remove(b' ');

/// An S3 notification of one created object.
pub fn s3_event(bucket: &str, key: &str) -> Value {
    s3_records(&[(bucket, key)])
}

/// An S3 notification of several created objects: (bucket, key). Keys are form-encoded, as S3 does.
pub fn s3_records(objects: &[(&str, &str)]) -> Value {
    let records: Vec<Value> = objects
        .iter()
        .map(|(bucket, key)| record(bucket, key))
        .collect();
    json!({ "Records": records })
}

fn record(bucket: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-03-01T10:20:30.400Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": { "key": utf8_percent_encode(key, KEY).to_string().replace(' ', "+"), "sequencer": "0055AED6DCD90281E5" },
        },
    })
}

/// A direct invocation that brings its script.
pub fn direct_script(script: &str) -> Value {
    json!({ "script": STANDARD.encode(script) })
}
