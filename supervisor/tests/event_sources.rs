//! What the sources have beside their golden samples: providers, malformed parts, nesting, bodies and parameters.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{FunctionConfig, Overrides};
use faas_supervisor::event::{Event, Input, Record, Rejected, Source, parse};
use faas_supervisor::plan::{InvocationContext, plan};
use proptest::prelude::*;
use serde_json::{Value, json};

const ONE_MINIO: &str = "storage_providers: {minio: {lab: {endpoint: 'http://m'}}}\n";
const TWO_MINIOS: &str = "storage_providers: {minio: {a: {endpoint: 'http://a'}, b: {endpoint: 'http://b'}}, s3: {x: {}}}\n";
const ACCEPT: &str = "http: {storage_events: true}\n";

fn config(text: &str) -> FunctionConfig {
    FunctionConfig::parse(text, Path::new("/"), &Overrides::default()).unwrap()
}

fn parsed(event: &Value, text: &str) -> Result<Event, Rejected> {
    parse(&event.to_string().into(), &config(text))
}

fn event(event: &Value, text: &str) -> Event {
    parsed(event, text).unwrap()
}

fn error(event: &Value, text: &str) -> (Source, String) {
    let rejected = parsed(event, text).expect_err("an error");
    (rejected.source.clone(), rejected.to_string())
}

fn record(source: &str, key: &str) -> Value {
    json!({"eventSource": source, "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
}

fn s3() -> Value {
    json!({ "Records": [record("aws:s3", "k")] })
}

fn minio() -> Value {
    json!({ "Records": [record("minio:s3", "d/k")] })
}

fn message(id: &str, body: &Value) -> Value {
    let body = body
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned);
    json!({"messageId": id, "eventSource": "aws:sqs", "body": body})
}

fn queue(bodies: &[Value]) -> Value {
    let messages: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| message(&index.to_string(), body))
        .collect();
    json!({ "Records": messages })
}

fn topic(message: &Value) -> Value {
    json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message, "Timestamp": "then"}}]})
}

fn delegated(provider: &str, inner: &Value) -> Value {
    json!({"storage_provider": provider, "event": inner})
}

fn request(body: &str) -> Value {
    json!({"httpMethod": "POST", "path": "/", "requestContext": {}, "headers": {}, "body": body})
}

fn described(record: &Record) -> String {
    match &record.input {
        Input::None => "none".to_owned(),
        Input::Object(object) => {
            format!("{} {}/{}", object.provider, object.bucket, object.key)
        }
        Input::Payload { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn inputs(event: &Event) -> Vec<String> {
    event.records.iter().map(described).collect()
}

#[test]
fn which_provider_holds_the_object() {
    let inner = minio();
    let rules = |rules: &str| format!("{TWO_MINIOS}input: [{rules}]\n");
    let a = "{storage_provider: minio.a, path: b}";
    let deep = "{storage_provider: minio.b, path: b/d}";
    let s3_rule = "{storage_provider: s3.x, path: b}";
    for (event_value, text, provider) in [
        (&inner, ONE_MINIO.to_owned(), "minio.lab"),
        (&inner, rules(a), "minio.a"),
        (&inner, rules(&format!("{a}, {deep}")), "minio.b"),
        (&inner, rules(&format!("{s3_rule}, {a}")), "minio.a"),
        (&s3(), rules(&format!("{a}, {s3_rule}")), "s3.x"),
        (&s3(), rules(a), "minio.a"),
        (&s3(), ONE_MINIO.to_owned(), "s3.default"),
        (&delegated("minio.b", &inner), rules(a), "minio.b"),
        (
            &delegated("minio", &inner),
            ONE_MINIO.to_owned(),
            "minio.lab",
        ),
        (
            &delegated("MINIO.lab", &json!(inner.to_string())),
            ONE_MINIO.to_owned(),
            "minio.lab",
        ),
        (
            &delegated("minio.lab", &s3()),
            ONE_MINIO.to_owned(),
            "minio.lab",
        ),
        (
            &delegated("s3", &inner),
            TWO_MINIOS.to_owned(),
            "s3.default",
        ),
        (
            &queue(&[delegated("minio.a", &inner)]),
            TWO_MINIOS.to_owned(),
            "minio.a",
        ),
        (
            &delegated("minio.a", &queue(std::slice::from_ref(&inner))),
            TWO_MINIOS.to_owned(),
            "minio.a",
        ),
    ] {
        let event = event(event_value, &text);
        assert!(
            described(&event.records[0]).starts_with(provider),
            "{event_value} {text}"
        );
    }
}

#[test]
fn a_minio_event_may_be_name_and_key_alone() {
    let short = |name: &str, key: &str| json!({"EventName": name, "Key": key});
    let created = event(&short("s3:ObjectCreated:Put", "b/a b+c%20.txt"), ONE_MINIO);
    assert_eq!(inputs(&created), ["minio.lab b/a b+c%20.txt"]);
    let gone = event(&short("s3:ObjectRemoved:Delete", "b/k"), ONE_MINIO);
    assert_eq!((gone.records.len(), gone.skipped.len()), (0, 1));
    let wrong = error(&short("s3:ObjectCreated:Put", "b"), ONE_MINIO);
    assert_eq!(
        wrong,
        (
            Source::Storage,
            "event field Key: expected bucket/key".to_owned()
        )
    );
    assert_eq!(
        event(&short("other", "b/k"), ONE_MINIO).source,
        Source::Direct
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table")]
fn errors_name_the_field_and_the_source() {
    let bridge = |detail: Value| json!({"source": "aws.s3", "detail-type": "Object Created", "detail": detail});
    let tasks = |tasks: Value| json!({"invocationSchemaVersion": "1.0", "invocationId": "i", "tasks": tasks});
    let base64 = |body: Value, flag: Value| json!({"httpMethod": "GET", "path": "/", "body": body, "isBase64Encoded": flag});
    let broken = json!({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {}}}]});
    for (value, text, source, expected) in [
        (
            minio(),
            "",
            "storage",
            "Records[0].eventSource: a MinIO event of bucket b, and no minio provider is configured",
        ),
        (
            minio(),
            TWO_MINIOS,
            "storage",
            "and 2 minio providers are configured",
        ),
        (
            delegated("minio.c", &s3()),
            TWO_MINIOS,
            "direct",
            "storage_provider: minio.c is not configured",
        ),
        (
            delegated("minio", &s3()),
            TWO_MINIOS,
            "direct",
            "storage_provider: minio.default is not configured",
        ),
        (
            delegated("ftp.x", &s3()),
            "",
            "direct",
            "storage_provider: found \"ftp.x\", expected s3",
        ),
        (
            json!({"event": {}, "storage_provider": 5}),
            "",
            "direct",
            "storage_provider: expected text",
        ),
        (
            delegated("s3", &broken),
            "",
            "storage",
            "event.Records[0].s3.object.key is missing",
        ),
        (
            bridge(json!({"object": {"key": "k"}})),
            "",
            "notification",
            "detail.bucket.name is missing",
        ),
        (
            bridge(json!({"bucket": {"name": "b"}, "object": {"key": 5}})),
            "",
            "notification",
            "detail.object.key: expected text",
        ),
        (
            bridge(json!({"bucket": {"name": "b"}})),
            "",
            "notification",
            "detail.object.key is missing",
        ),
        (
            json!({"source": "aws.s3", "detail-type": "Object Created"}),
            "",
            "notification",
            "field detail is missing",
        ),
        (
            json!({"Records": [{"EventSource": "aws:sns"}]}),
            "",
            "notification",
            "Records[0].Sns is missing",
        ),
        (
            topic(&json!(5)),
            "",
            "notification",
            "Records[0].Sns.Message: expected text",
        ),
        (
            topic(&json!(broken.to_string())),
            "",
            "notification",
            "Records[0].Sns.Message.Records[0].s3.object.key is missing",
        ),
        (
            json!({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}),
            "",
            "queue",
            "Records[0].messageId is missing",
        ),
        (
            json!({"Records": [message("a", &json!("x")), 5]}),
            "",
            "queue",
            "Records[1].messageId is missing",
        ),
        (
            json!({"invocationSchemaVersion": "3.0", "invocationId": "i", "tasks": []}),
            "",
            "batch operation",
            "invocationSchemaVersion: found \"3.0\"",
        ),
        (
            json!({"invocationSchemaVersion": "1.0", "tasks": []}),
            "",
            "batch operation",
            "invocationId is missing",
        ),
        (
            tasks(json!({})),
            "",
            "batch operation",
            "tasks: expected a list",
        ),
        (
            tasks(json!([{"s3Key": "k"}])),
            "",
            "batch operation",
            "tasks[0].taskId is missing",
        ),
        (
            base64(json!("%%"), json!(true)),
            "",
            "HTTP (REST API, version 1.0)",
            "body: not base64",
        ),
        (
            base64(json!("x"), json!("yes")),
            "",
            "HTTP (REST API, version 1.0)",
            "isBase64Encoded: expected true or false",
        ),
        (
            base64(json!({"a": 1}), json!(false)),
            "",
            "HTTP (REST API, version 1.0)",
            "body: expected text",
        ),
        (
            request(r#"{"script": "%"}"#),
            "",
            "HTTP (REST API, version 1.0)",
            "body.script: not base64",
        ),
        (
            request(&broken.to_string()),
            ACCEPT,
            "HTTP (REST API, version 1.0)",
            "body.Records[0].s3.object.key is missing",
        ),
    ] {
        let (found, message) = error(&value, text);
        assert_eq!(found.to_string(), source, "{value}");
        assert!(message.contains(expected), "{message}\n  not {expected}");
    }
    let mut parameters = request("");
    parameters["queryStringParameters"] = json!({"a": 5});
    assert!(
        error(&parameters, "")
            .1
            .contains("queryStringParameters.a: expected text")
    );
}

#[test]
fn parts_of_a_request_that_no_service_sends_are_refused() {
    let lists = vec![json!([0]); 100_000];
    for field in [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ] {
        let mut large = request("");
        large[field] = json!({ "a": lists });
        let (_, message) = error(&large, "");
        assert!(
            message.contains(field) && message.contains("262144"),
            "{message}"
        );
    }
}

#[test]
fn a_malformed_item_fails_alone_and_names_its_field() {
    let event = event(
        &json!({"Records": [
            message("a", &s3()),
            message("b", &json!({"cmd_args": 5})),
            {"messageId": "c", "eventSource": "aws:sqs"},
            {"messageId": "d", "eventSource": "aws:s3", "body": "x"},
            message("e", &json!({"Event": "s3:TestEvent", "Bucket": "b"})),
            message("f", &json!("")),
        ]}),
        "",
    );
    let rejected: Vec<_> = event
        .items
        .iter()
        .map(|item| {
            (
                item.id.as_str(),
                item.rejected
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(rejected[0], ("a", String::new()));
    assert!(
        rejected[1]
            .1
            .contains("Records[1].body.cmd_args: expected a list"),
        "{rejected:?}"
    );
    assert!(rejected[2].1.contains("Records[2].body is missing"));
    assert!(
        rejected[3]
            .1
            .contains("Records[3].eventSource: found \"aws:s3\"")
    );
    assert_eq!((rejected[4].1.as_str(), rejected[5].1.as_str()), ("", ""));
    assert_eq!(event.skipped, ["Records[4].body: s3:TestEvent of bucket b"]);
    assert_eq!(inputs(&event), ["s3.default b/k", "none"]);
    let items: Vec<_> = event.records.iter().map(|record| record.item).collect();
    assert_eq!(items, [Some(0), Some(5)]);
    // A delegated queue event inside a message is processed whole or not at all.
    let inner = json!({"Records": [message("x", &s3()), message("y", &json!({"cmd_args": 5}))]});
    let nested = self::event(&queue(&[delegated("s3", &inner)]), "");
    assert_eq!((nested.records.len(), nested.items.len()), (0, 1));
    assert!(nested.items[0].rejected.is_some());
}

#[test]
fn messages_are_unwrapped_to_what_they_carry() {
    let envelope = |message: &Value| {
        let message = message
            .as_str()
            .map_or_else(|| message.to_string(), str::to_owned);
        json!({"Type": "Notification", "TopicArn": "t", "Message": message, "Timestamp": "then"})
    };
    let event = event(
        &queue(&[
            envelope(&s3()),
            envelope(&json!("hello")),
            json!({"Type": "Notification", "Message": "no topic"}),
            envelope(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent"})),
        ]),
        "",
    );
    assert_eq!(inputs(&event)[..2], ["s3.default b/k", "hello"]);
    assert_eq!((event.records.len(), event.skipped.len()), (3, 1));
    assert_eq!(event.records[0].event_time.as_deref(), Some("then"));
    assert_eq!(event.records[0].raw, s3().to_string());
    // Requests are not looked for in messages: whoever writes to a queue is no HTTP caller.
    assert_eq!(
        inputs(&self::event(&queue(&[request("x")]), "")),
        [request("x").to_string()]
    );
}

#[test]
fn nesting_has_an_end() {
    let mut nested = s3();
    for depth in 1..=5 {
        nested = delegated("s3", &nested);
        assert_eq!(event(&nested, "").records.len(), 1, "{depth}");
    }
    for _ in 0..300 {
        nested = delegated("s3", &nested);
    }
    let (_, message) = error(&nested, "");
    assert!(
        message.ends_with("event: events are nested more than 5 deep"),
        "{message}"
    );
}

#[test]
fn a_body_is_a_storage_event_only_where_that_is_configured() {
    for body in [s3(), minio(), delegated("minio", &minio())] {
        let body = body.to_string();
        let ignored = event(&request(&body), ONE_MINIO);
        assert_eq!(inputs(&ignored), std::slice::from_ref(&body));
        let accepted = event(&request(&body), &format!("{ACCEPT}{ONE_MINIO}"));
        assert!(
            matches!(accepted.records[0].input, Input::Object(_)),
            "{body}"
        );
        assert!(matches!(accepted.source, Source::Http(_)));
    }
    assert_eq!(inputs(&event(&request("plain"), ACCEPT)), ["plain"]);
    let queued = queue(&[s3()]).to_string();
    assert_eq!(inputs(&event(&request(&queued), ACCEPT)), [queued]);
}

#[test]
fn bodies_are_decoded_where_the_request_or_the_bytes_say_so() {
    let encoded = STANDARD.encode("bytes");
    let body = |headers: Value, body: &str, flag: bool| {
        let mut request = request(body);
        request["headers"] = headers;
        request["isBase64Encoded"] = json!(flag);
        inputs(&event(&request, "")).remove(0)
    };
    let octets = || json!({"CONTENT-type": "Application/Octet-Stream; charset=x"});
    assert_eq!(body(json!({}), &encoded, true), "bytes");
    assert_eq!(body(octets(), &encoded, false), "bytes");
    assert_eq!(body(octets(), &format!("{encoded}\n"), false), "bytes");
    assert_eq!(body(octets(), "Ynl0ZXM", false), "Ynl0ZXM");
    assert_eq!(body(octets(), "not base64", false), "not base64");
    assert_eq!(
        body(json!({"content-type": "text/plain"}), &encoded, false),
        encoded
    );
    assert_eq!(
        body(json!({"content-type": null}), &encoded, false),
        encoded
    );
    assert_eq!(body(json!({}), "", false), "none");
    assert_eq!(body(json!({}), "", true), "none");
    assert_eq!(body(octets(), " ", false), "none");
    let mut absent = request("");
    absent["body"] = json!(null);
    assert_eq!(inputs(&event(&absent, "")), ["none"]);
}

#[test]
fn query_parameters_become_variables_where_their_names_can_be() {
    let mut request = request("");
    request["queryStringParameters"] = json!({"a": "1 2", "B_2": "", "2x": "x", "c-d": "no", "": "no", "é": "no", "nul": "a\u{0}b", "EVENT": "mine"});
    let config = config("container: {environment: {Variables: {CONT_VAR_a: configured}}}");
    let event = parse(&request.to_string().into(), &config).unwrap();
    let plan = plan(&event, &config, &InvocationContext::default()).unwrap();
    let mut variables: Vec<_> = plan.runs[0]
        .variables
        .iter()
        .filter(|variable| variable.name.starts_with("CONT_VAR_"))
        .map(|variable| (variable.name.as_str(), variable.value.as_str()))
        .collect();
    variables.sort_unstable();
    let expected = [
        ("CONT_VAR_2x", "x"),
        ("CONT_VAR_B_2", ""),
        ("CONT_VAR_EVENT", "mine"),
        ("CONT_VAR_a", "configured"),
    ];
    assert_eq!(variables, expected);
    assert_eq!(plan.runs[0].event_json, request.to_string());
}

fn any_json() -> impl Strategy<Value = Value> {
    let texts = [
        "aws:s3",
        "minio:s3",
        "aws:sqs",
        "aws:sns",
        "aws.s3",
        "Object Created",
        "s3:TestEvent",
        "s3:ObjectCreated:Put",
        "1.0",
        "2.0",
        "minio",
        "s3",
        "Notification",
        "application/octet-stream",
        "b/k",
        "arn:aws:s3:::b",
        "YQ==",
        "{}",
        r#"{"Records":[{"eventSource":"aws:s3"}]}"#,
    ];
    let names = [
        "Records",
        "eventSource",
        "EventSource",
        "messageId",
        "body",
        "Sns",
        "Message",
        "Type",
        "TopicArn",
        "source",
        "detail-type",
        "detail",
        "bucket",
        "object",
        "name",
        "key",
        "s3",
        "event",
        "storage_provider",
        "EventName",
        "Key",
        "invocationSchemaVersion",
        "invocationId",
        "tasks",
        "taskId",
        "s3Key",
        "s3Bucket",
        "s3BucketArn",
        "httpMethod",
        "path",
        "requestContext",
        "elb",
        "http",
        "headers",
        "multiValueHeaders",
        "content-type",
        "isBase64Encoded",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "script",
        "cmd_args",
        "time",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        let name = prop::sample::select(names.to_vec());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner.clone()), 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn parsing_and_planning_are_total(value in any_json(), accept in any::<bool>()) {
        let text = if accept { format!("{ACCEPT}{ONE_MINIO}") } else { String::new() };
        for value in [value.clone(), queue(std::slice::from_ref(&value)), topic(&value), delegated("s3", &value),
                      request(&value.to_string()), json!({"Records": [value.clone()]}),
                      json!({"invocationSchemaVersion": "1.0", "invocationId": "i", "tasks": [value]})] {
            if let Ok(event) = parsed(&value, &text) {
                prop_assert!(event.records.iter().all(|record| record.item.is_none_or(|item| item < event.items.len())));
                prop_assert!(event.items.is_empty() || matches!(event.source, Source::Queue | Source::Operations(_)));
                let plan = plan(&event, &config(&text), &InvocationContext::default()).unwrap();
                prop_assert_eq!(plan.runs.len(), event.records.len());
                let nul = plan.runs.iter().flat_map(|run| &run.variables).any(|v| v.value.contains('\0') || v.name.contains(['\0', '=']));
                prop_assert!(!nul);
            }
        }
    }

    #[test]
    fn no_message_is_lost(bodies in prop::collection::vec(any_json(), 1..6)) {
        let event = event(&queue(&bodies), "");
        prop_assert_eq!(event.items.len(), bodies.len());
        for (position, item) in event.items.iter().enumerate() {
            let runs = event.records.iter().filter(|record| record.item == Some(position)).count();
            prop_assert!(item.rejected.is_none() || runs == 0);
        }
    }

    #[test]
    fn any_body_arrives_byte_for_byte(body in prop::collection::vec(any::<u8>(), 1..100)) {
        prop_assume!(!matches!(body.trim_ascii(), b"" | b"{}" | b"null"));
        let mut request = request(&STANDARD.encode(&body));
        request["isBase64Encoded"] = json!(true);
        let event = event(&request, "");
        let kept = matches!(&event.records[0].input, Input::Payload { bytes, .. } if *bytes == body);
        prop_assert!(kept);
    }
}

/// Two providers of each of the other stores, and a folder of one to watch.
const OTHERS: &str = "storage_providers:
  webdav: {dcache: {hostname: d, login: a, password: b}, other: {hostname: o, login: a, password: b}}
  onedata: {lab: {oneprovider_host: o, token: t, space: lab}, home: {oneprovider_host: o, token: t, space: home}}
";

fn one_trigger(key: &str) -> Value {
    json!({"Key": key, "Records": [{"objectKey": "f", "objectId": "0001", "eventTime": "then", "eventSource": "OneTrigger"}]})
}

fn dcache(name: &str, mask: &[&str]) -> Value {
    json!({"event": {"name": name, "mask": mask}, "subscription": "https://door:3880/api/v1/events/1"})
}

fn watching(rules: &str) -> String {
    format!("{OTHERS}input: [{rules}]\n")
}

const WATCHED: &str = "{storage_provider: webdav.dcache, path: data/incoming}";

#[test]
fn files_of_onedata_and_dcache() {
    let bare = json!({"name": "a+b%20.jpg", "mask": ["IN_MOVED_TO"]});
    let twin = "{storage_provider: onedata.twin, path: d}";
    let twins = watching(twin).replace(
        "home: {oneprovider_host",
        "twin: {oneprovider_host: o, token: t, space: lab}, home: {oneprovider_host",
    );
    for (event_value, text, expected) in [
        (
            one_trigger("/lab/d/a +%20ü.txt"),
            watching(""),
            "onedata.lab lab/d/a +%20ü.txt",
        ),
        (one_trigger("home/f"), watching(""), "onedata.home home/f"),
        (one_trigger("/lab/d/f"), twins, "onedata.twin lab/d/f"),
        (
            delegated("onedata.lab", &one_trigger("/lab/x")),
            watching(""),
            "onedata.lab lab/x",
        ),
        (
            dcache("f.jpg", &["IN_CREATE"]),
            watching(WATCHED),
            "webdav.dcache data/incoming/f.jpg",
        ),
        (
            bare.clone(),
            watching(WATCHED),
            "webdav.dcache data/incoming/a+b%20.jpg",
        ),
        (
            delegated("webdav.other", &dcache("f", &["IN_CLOSE_WRITE"])),
            watching(&format!(
                "{WATCHED}, {{storage_provider: webdav.other, path: /o/}}"
            )),
            "webdav.other o/f",
        ),
        (
            delegated("webdav.dcache", &bare),
            watching(WATCHED),
            "webdav.dcache data/incoming/a+b%20.jpg",
        ),
        (
            queue(&[dcache("f", &["IN_CREATE"])]),
            watching(WATCHED),
            "webdav.dcache data/incoming/f",
        ),
        (
            topic(&json!(one_trigger("/lab/t").to_string())),
            watching(""),
            "onedata.lab lab/t",
        ),
        (
            request(&one_trigger("/lab/h").to_string()),
            format!("{}{ACCEPT}", watching("")),
            "onedata.lab lab/h",
        ),
    ] {
        let event = event(&event_value, &text);
        assert_eq!(inputs(&event), [expected], "{event_value}");
    }
    let event = event(&one_trigger("/lab/d/f"), OTHERS);
    assert_eq!(event.source, Source::Storage);
    assert_eq!(event.records[0].event_time.as_deref(), Some("then"));
    let again = parse(&event.records[0].raw.bytes(), &config(OTHERS)).unwrap();
    assert_eq!(again, event);
    let text = watching(WATCHED);
    let event = self::event(&dcache("f", &["IN_CREATE"]), &text);
    assert_eq!(event.source, Source::Storage);
    assert_eq!(
        parse(&event.records[0].raw.bytes(), &config(&text)).unwrap(),
        event
    );
}

#[test]
fn what_is_no_file_in_onedata_and_dcache_is_skipped() {
    for event_value in [
        one_trigger("/lab/d/"),
        dcache("d", &["IN_CREATE", "IN_ISDIR"]),
        dcache("f", &["IN_DELETE"]),
        dcache("f", &["IN_MOVED_FROM"]),
        dcache("f", &["IN_ATTRIB"]),
        dcache("f", &["IN_OPEN", "IN_ACCESS"]),
        json!({"event": {"mask": ["IN_DELETE_SELF"]}, "subscription": "s"}),
        json!({"event": {"mask": ["IN_Q_OVERFLOW"]}, "subscription": "s"}),
    ] {
        // Without a folder to watch: what is skipped need not be found.
        let event = event(&event_value, OTHERS);
        assert_eq!(
            (event.records.len(), event.skipped.len()),
            (0, 1),
            "{event_value}"
        );
        assert_eq!(event.source, Source::Storage);
    }
}

#[test]
fn what_only_looks_like_them_is_direct() {
    for event_value in [
        json!({"Key": "/lab/f"}),
        json!({"Key": "/lab/f", "Records": []}),
        json!({"Key": "/lab/f", "Records": [{"eventSource": "other"}]}),
        json!({"event": {"name": "f", "mask": "IN_CREATE"}, "subscription": "s"}),
        json!({"event": {"name": "f", "mask": ["IN_CREATE"]}}),
        json!({"name": "f", "mask": []}),
        json!({"name": "f", "mask": ["IN_CREATE", "other"]}),
        json!({"name": "f", "mask": ["IN_CREATE", 5]}),
    ] {
        assert_eq!(
            event(&event_value, OTHERS).source,
            Source::Direct,
            "{event_value}"
        );
    }
}

#[test]
fn what_is_wrong_with_them_names_the_field() {
    let two = watching(&format!(
        "{WATCHED}, {{storage_provider: webdav.other, path: o}}"
    ));
    let mut several = one_trigger("/lab/f");
    several["Records"] = json!([several["Records"][0], several["Records"][0]]);
    let mut odd_time = one_trigger("/lab/f");
    odd_time["Records"][0]["eventTime"] = json!(5);
    for (event_value, text, reason) in [
        (
            one_trigger("/lab"),
            watching(""),
            "event field Key: found \"/lab\", expected /space/path",
        ),
        (
            one_trigger("//f"),
            watching(""),
            "event field Key: bucket name",
        ),
        (
            one_trigger("/lab/"),
            watching(""),
            "event field Key: object key",
        ),
        (
            one_trigger("/elsewhere/f"),
            watching(""),
            "and 0 onedata providers",
        ),
        (
            delegated("onedata.home", &one_trigger("/lab/f")),
            watching(""),
            "event field event.Key: found \"/lab/f\", but onedata.home is the space home",
        ),
        (
            json!({"Records": one_trigger("")["Records"]}),
            watching(""),
            "event field Key is missing",
        ),
        (
            several,
            watching(""),
            "event field Records: expected one record",
        ),
        (
            odd_time,
            watching(""),
            "event field Records[0].eventTime: expected text",
        ),
        (
            dcache("f", &["IN_CREATE"]),
            watching(""),
            "event field event.name: a dCache event does not say which folder the file is in, and 0 inputs",
        ),
        (
            dcache("f", &["IN_CREATE"]),
            two.clone(),
            "2 inputs have a webdav provider",
        ),
        (
            delegated("webdav.other", &dcache("f", &["IN_CREATE"])),
            watching(WATCHED),
            "0 inputs have webdav.other",
        ),
        (
            dcache("../f", &["IN_CREATE"]),
            watching(WATCHED),
            "event field event.name: found \"../f\", expected the name of a file",
        ),
        (
            dcache("", &["IN_CREATE"]),
            watching(WATCHED),
            "event field event.name: found \"\"",
        ),
        (
            json!({"event": {"mask": ["IN_CREATE"]}, "subscription": "s"}),
            watching(WATCHED),
            "event field event.name is missing",
        ),
        (
            delegated("webdav.nowhere", &one_trigger("/lab/f")),
            two,
            "webdav.nowhere is not configured",
        ),
    ] {
        let (_, message) = error(&event_value, &text);
        assert!(message.contains(reason), "{event_value}: {message}");
    }
}
