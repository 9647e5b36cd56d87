//! Plans: inputs, entries, variables, file names and output keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use config::location::{Bucket, Key};
use config::{FunctionConfig, OutputRule, Overrides, ProviderId, Secret};
use container::Sensitivity;
use faas_supervisor::event::{Input, ObjectRef, parse};
use faas_supervisor::plan::{
    Entry, FunctionCredentials, InvocationContext, OutputKeyError, OutputTarget, Paths, Plan,
    PlanError, PlannedInput, RunPlan, SafeName, SafeNames, plan,
};
use proptest::prelude::*;
use serde_json::json;

fn config(text: &str) -> FunctionConfig {
    FunctionConfig::parse(text, Path::new("/base"), &Overrides::default()).unwrap()
}

fn context() -> InvocationContext {
    InvocationContext {
        request_id: "req-1".to_owned(),
        instance_ip: "10.0.0.1".to_owned(),
        credentials: Some(FunctionCredentials {
            access_key_id: Secret::new("AKID"),
            secret_access_key: Secret::new("SECRET"),
            session_token: Some(Secret::new("TOKEN")),
            region: Some("us-east-1".to_owned()),
        }),
        ..InvocationContext::default()
    }
}

fn planned(payload: impl AsRef<[u8]>, config: &FunctionConfig, ctx: &InvocationContext) -> Plan {
    let payload = Bytes::copy_from_slice(payload.as_ref());
    plan(&parse(&payload, config).unwrap(), config, ctx).unwrap()
}

fn s3_event(keys: &[&str]) -> String {
    let record = |key: &&str| {
        json!({"eventSource": "aws:s3", "eventTime": "2024-01-01T00:00:00Z",
               "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1}}})
    };
    json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() }).to_string()
}

fn environment(run: &RunPlan, input_file: Option<&str>) -> Vec<(String, String)> {
    let paths = Paths {
        input_dir: Path::new("/in"),
        output_dir: Path::new("/out"),
        input_file: input_file.map(Path::new),
        event_file: Path::new("/ev/event.json"),
    };
    let variables = run.environment(&paths);
    let names: HashSet<_> = variables.iter().map(|variable| &variable.name).collect();
    assert_eq!(
        names.len(),
        variables.len(),
        "a name twice in {variables:?}"
    );
    variables
        .into_iter()
        .map(|variable| (variable.name, variable.value))
        .collect()
}

fn value<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    environment
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn the_complete_environment_of_a_storage_event() {
    let config =
        config("extra_payload: files\ncontainer: {environment: {Variables: {MODE: fast}}}");
    let event = s3_event(&["dir/a+b.png"]);
    let plan = planned(&event, &config, &context());
    let mut environment = environment(&plan.runs[0], Some("/in/a b.png"));
    environment.sort();
    let expected = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_LAMBDA_REQUEST_ID", "req-1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "SECRET"),
        ("AWS_SESSION_TOKEN", "TOKEN"),
        ("EVENT", event.as_str()),
        ("EVENT_FILE", "/ev/event.json"),
        ("EVENT_TIME", "2024-01-01T00:00:00Z"),
        ("EXTRA_PAYLOAD", "/var/task"),
        ("INPUT_FILE_PATH", "/in/a b.png"),
        ("INSTANCE_IP", "10.0.0.1"),
        ("MODE", "fast"),
        ("REQUEST_ID", "req-1"),
        ("STORAGE_OBJECT_KEY", "dir/a b.png"),
        ("TMP_INPUT_DIR", "/in"),
        ("TMP_OUTPUT_DIR", "/out"),
    ];
    assert_eq!(
        environment,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(plan.runs[0].label, "s3://b/dir/a b.png");
    assert_eq!(plan.runs[0].event_json, event);
}

#[test]
fn a_direct_event_without_input_has_no_input_variables() {
    let plan = planned("{}", &config(""), &InvocationContext::default());
    let environment = environment(&plan.runs[0], None);
    let names: BTreeSet<_> = environment.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "AWS_LAMBDA_REQUEST_ID",
        "EVENT",
        "EVENT_FILE",
        "INSTANCE_IP",
        "REQUEST_ID",
        "TMP_INPUT_DIR",
        "TMP_OUTPUT_DIR",
    ];
    assert_eq!(names, expected.into());
    assert_eq!(
        (&plan.runs[0].input, plan.runs[0].label.as_str()),
        (&PlannedInput::None, "direct")
    );
}

#[test]
fn precedence_of_variables() {
    let text = "container: {environment: {Variables: {EVENT: mine, INPUT_FILE_PATH: mine, EXTRA_PAYLOAD: mine, A: file, \
                B: file, AWS_REGION: eu-west-1}}}";
    let mut ctx = context();
    ctx.extra_variables = [("A", "first"), ("A", "last"), ("REQUEST_ID", "mine")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec();
    let environment = environment(&planned("{}", &config(text), &ctx).runs[0], None);
    for (name, expected) in [
        ("EVENT", Some("{}")),
        ("INPUT_FILE_PATH", None),
        ("EXTRA_PAYLOAD", None),
        ("A", Some("last")),
        ("B", Some("file")),
        ("REQUEST_ID", Some("req-1")),
        ("AWS_REGION", Some("eu-west-1")),
        ("AWS_ACCESS_KEY_ID", Some("AKID")),
    ] {
        assert_eq!(value(&environment, name), expected, "{name}");
    }
}

#[test]
fn credentials_come_together_or_not_at_all() {
    let credentials = |text: &str| {
        let environment = environment(&planned("{}", &config(text), &context()).runs[0], None);
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
        ]
        .map(|name| {
            value(&environment, name)
                .map(str::to_owned)
                .unwrap_or_default()
        })
    };
    assert_eq!(credentials(""), ["AKID", "SECRET", "TOKEN", "us-east-1"]);
    assert_eq!(
        credentials("container: {aws_credentials: false}"),
        ["", "", "", ""]
    );
    let own =
        "container: {environment: {Variables: {AWS_ACCESS_KEY_ID: k, AWS_SECRET_ACCESS_KEY: s}}}";
    assert_eq!(credentials(own), ["k", "s", "", "us-east-1"]);
    let mut ctx = context();
    ctx.credentials.as_mut().unwrap().session_token = None;
    let environment = environment(&planned("{}", &config(""), &ctx).runs[0], None);
    assert_eq!(value(&environment, "AWS_SESSION_TOKEN"), None);
    assert_eq!(value(&environment, "AWS_SECRET_ACCESS_KEY"), Some("SECRET"));
}

#[test]
fn the_event_is_one_line_or_only_in_its_file() {
    let event_of = |payload: &str| {
        let plan = planned(payload, &config(""), &InvocationContext::default());
        assert_eq!(plan.runs[0].event_json, payload);
        value(&environment(&plan.runs[0], None), "EVENT").map(str::to_owned)
    };
    assert_eq!(
        event_of("{\n  \"a\": \"x\\ny\",\r\n\"b\": 1}").as_deref(),
        Some("{   \"a\": \"x\\ny\",  \"b\": 1}")
    );
    assert_eq!(event_of("plain").as_deref(), Some("plain"));
    assert_eq!(event_of("two\nlines"), None);
    assert_eq!(event_of("a\0b"), None);
    let limit = 96 * 1024;
    assert_eq!(
        event_of(&"x".repeat(limit)).map(|event| event.len()),
        Some(limit)
    );
    assert_eq!(event_of(&"x".repeat(limit + 1)), None);
}

#[test]
fn sensitive_variables_are_marked_and_not_printed() {
    let text = "container: {environment: {Variables: {DB_PASSWORD: hidden1, api_key: hidden2, COLOUR: red}}}";
    let plan = planned("{\"x\": \"hidden3\"}", &config(text), &context());
    let secret: Vec<_> = plan.runs[0]
        .variables
        .iter()
        .filter(|v| v.sensitivity == Sensitivity::Secret)
        .collect();
    let names: BTreeSet<_> = secret
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "DB_PASSWORD",
        "EVENT",
        "api_key",
    ];
    assert_eq!(names, expected.into());
    let printed = format!("{:?}", plan.runs[0].variables);
    assert!(
        !["hidden", "AKID", "SECRET\"", "TOKEN\""]
            .iter()
            .any(|text| printed.contains(text)),
        "{printed}"
    );
    assert!(printed.contains("COLOUR=\"red\""));
}

#[test]
fn what_is_started() {
    let init = config("init_script: run.sh");
    let entry = |payload: &str, config: &FunctionConfig| {
        planned(payload, config, &InvocationContext::default()).runs[0]
            .entry
            .clone()
    };
    let script = r#"{"script": "aGk=", "cmd_args": ["x"]}"#;
    assert_eq!(entry(script, &init), Entry::Script(b"hi".to_vec().into()));
    assert_eq!(
        entry(r#"{"cmd_args": ["x"]}"#, &init),
        Entry::Arguments(vec!["x".to_owned()])
    );
    assert_eq!(
        entry("{}", &init),
        Entry::InitScript(PathBuf::from("/base/run.sh"))
    );
    assert_eq!(
        entry(r#"{"cmd_args": []}"#, &config("")),
        Entry::ImageDefault
    );
}

#[test]
fn inputs_of_one_name_do_not_collide() {
    let names = |keys: &[&str], text: &str| -> Vec<String> {
        let plan = planned(s3_event(keys), &config(text), &InvocationContext::default());
        let name = |run: &RunPlan| match &run.input {
            PlannedInput::Object { file_name, .. } => file_name.to_string(),
            other => format!("{other:?}"),
        };
        plan.runs.iter().map(name).collect()
    };
    let keys = ["a/x.png", "b/x.png", "x-2.png", "c/x.png", "a/x.png", "d/y"];
    assert_eq!(
        names(&keys, ""),
        ["x.png", "x-2.png", "x-2-2.png", "x-3.png", "x.png", "y"]
    );
    assert_eq!(
        names(&["a/x.tar.gz", "b/x.tar.gz"], ""),
        ["x.tar.gz", "x-2.tar.gz"]
    );
    assert_eq!(names(&["a/x"], "file_stage_in: false"), ["None"]);
    let plan = planned(
        s3_event(&["a/x"]),
        &config("file_stage_in: false"),
        &InvocationContext::default(),
    );
    assert_eq!(
        value(&environment(&plan.runs[0], None), "STORAGE_OBJECT_KEY"),
        Some("a/x")
    );
}

#[test]
fn keys_become_one_safe_component() {
    let long = format!("{}.tar.gz", "é".repeat(508));
    for (key, name) in [
        ("plain.txt", "plain.txt"),
        ("a/b/c.txt", "c.txt"),
        ("a/../../etc/passwd", "passwd"),
        ("../..", "__"),
        ("a/.", "_"),
        ("%2e%2e%2f", "%2e%2e%2f"),
        ("dir/", "dir"),
        ("a//", "a"),
        ("/", "input"),
        ("", "input"),
        ("...", "..."),
        (".hidden", ".hidden"),
        ("日本/語.png", "語.png"),
        ("a\nb\0c\u{7f}", "a_b_c_"),
        ("a b+c.png", "a b+c.png"),
        ("-rf", "-rf"),
        ("a\\b", "a\\b"),
        ("..\u{1}", ".._"),
    ] {
        assert_eq!(SafeName::from_key(key).as_str(), name, "{key:?}");
    }
    assert_eq!(
        SafeName::from_key(&long).as_str(),
        format!("{}.tar.gz", "é".repeat(123))
    );
    let no_extension = format!("a.{}", "x".repeat(300));
    assert_eq!(
        SafeName::from_key(&no_extension).as_str(),
        no_extension.split_at(254).0
    );
    assert_eq!(SafeName::from_key(&"k".repeat(1024)).as_str().len(), 254);
}

fn target(path: &str) -> OutputTarget {
    let rule = OutputRule {
        storage_provider: ProviderId::own_role(),
        path: path.to_owned(),
        prefix: Vec::new(),
        suffix: Vec::new(),
    };
    OutputTarget::new(&rule).unwrap()
}

#[test]
fn output_paths_are_normalised() {
    for (path, key) in [
        ("b", "x/y.txt"),
        ("b/", "x/y.txt"),
        ("/b//dir/", "dir/x/y.txt"),
        ("b/d//e/", "d/e/x/y.txt"),
    ] {
        let target = target(path);
        assert_eq!(target.bucket.as_str(), "b");
        assert_eq!(
            target.key_for(Path::new("x/y.txt")).unwrap().as_str(),
            key,
            "{path}"
        );
    }
}

#[test]
fn files_without_a_key_are_named() {
    let bad = Path::new(OsStr::from_bytes(b"dir/\xff.bin"));
    assert_eq!(
        target("b").key_for(bad),
        Err(OutputKeyError::NotUtf8 {
            file: bad.to_path_buf()
        })
    );
    assert!(
        target("b")
            .key_for(bad)
            .unwrap_err()
            .to_string()
            .contains("dir/\\xFF.bin")
    );
    let long = PathBuf::from("n".repeat(1022));
    assert!(target("b/d").key_for(&long).is_ok());
    let longer = PathBuf::from("n".repeat(1023));
    assert!(target("b").key_for(&longer).is_ok());
    assert!(matches!(
        target("b/d").key_for(&longer),
        Err(OutputKeyError::TooLong { bytes: 1025, .. })
    ));
    for outside in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a"] {
        let error = target("b").key_for(Path::new(outside)).unwrap_err();
        assert_eq!(
            error,
            OutputKeyError::NotRelative {
                file: PathBuf::from(outside)
            }
        );
    }
}

#[test]
fn prefix_and_suffix_are_compared_with_the_file_name() {
    let accepts = |prefix: &[&str], suffix: &[&str], file: &[u8]| {
        let mut target = target("b");
        target.rule.prefix = prefix.iter().map(|text| (*text).to_owned()).collect();
        target.rule.suffix = suffix.iter().map(|text| (*text).to_owned()).collect();
        target.accepts(file)
    };
    assert!(accepts(&[], &[], b"any/\xff"));
    assert!(accepts(&["out-"], &[], b"deep/dir/out-1.png"));
    assert!(!accepts(&["deep"], &[], b"deep/dir/out-1.png"));
    assert!(accepts(&["x", "out"], &["jpg", "png"], b"out-1.png"));
    assert!(!accepts(&["out"], &["jpg"], b"out-1.png"));
    assert!(!accepts(&["x"], &["png"], b"out-1.png"));
    assert!(!accepts(&[], &["png"], b"png/file"));
}

#[test]
fn outputs_are_resolved_and_wrong_ones_named() {
    let config =
        config("output: [{storage_provider: s3, path: a/x}, {storage_provider: local, path: b}]");
    let plan = planned("{}", &config, &InvocationContext::default());
    let targets: Vec<_> = plan
        .outputs
        .iter()
        .map(|t| (t.bucket.as_str(), t.prefix_path.as_str()))
        .collect();
    assert_eq!(targets, [("a", "x"), ("b", "")]);
    let mut broken = config;
    broken.output[1].path = "//".to_owned();
    let event = parse(&"{}".into(), &broken).unwrap();
    let error = plan_of(&event, &broken).unwrap_err();
    assert_eq!(
        error,
        PlanError::OutputPath {
            index: 1,
            path: "//".to_owned()
        }
    );
}

fn plan_of(
    event: &faas_supervisor::event::Event,
    config: &FunctionConfig,
) -> Result<Plan, PlanError> {
    plan(event, config, &InvocationContext::default())
}

fn is_one_component(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
}

proptest! {
    #[test]
    fn any_key_is_one_component(key in prop_oneof![any::<String>(), "[./a\\x00é]{0,40}", "\\PC{200,600}(\\.[a-z]{1,40})?"]) {
        let name = SafeName::from_key(&key);
        prop_assert!(is_one_component(name.as_str()), "{name:?}");
        prop_assert!(name.as_str().len() <= 254 && !name.as_str().chars().any(char::is_control));
        let last = key.rsplit('/').find(|part| !part.is_empty());
        if let Some(last) = last.filter(|last| last.len() <= 254 && !last.chars().any(char::is_control)) {
            prop_assert!(name.as_str() == last || matches!(last, "." | ".."));
        }
    }

    #[test]
    fn different_objects_get_different_names(keys in prop::collection::vec("[ab/.]{1,4}|\\PC{250,300}\\.png", 1..40)) {
        let mut names = SafeNames::default();
        let object = |key: &String| ObjectRef {
            provider: ProviderId::own_role(),
            bucket: Bucket::new("b").unwrap(),
            key: Key::new(key.clone()).unwrap(),
            version_id: None,
            size_hint: None,
        };
        let keys: Vec<_> = keys.into_iter().filter(|key| key.len() <= 1024).collect();
        let given: Vec<_> = keys.iter().map(|key| names.assign(&object(key))).collect();
        let distinct: HashSet<_> = keys.iter().collect();
        prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), distinct.len());
        for (key, name) in keys.iter().zip(&given) {
            prop_assert!(is_one_component(name.as_str()) && name.as_str().len() <= 254);
            prop_assert_eq!(&names.assign(&object(key)), name);
        }
    }

    #[test]
    fn output_keys_keep_the_path_and_never_double_a_slash(
        folder in prop::collection::vec("[a-z ]{0,5}", 0..4),
        parts in prop::collection::vec("[^/\\x00]{1,20}", 1..5),
    ) {
        prop_assume!(!parts.iter().any(|part| part == "." || part == ".."));
        let relative = parts.join("/");
        let target = target(&format!("/b/{}", folder.join("/")));
        let key = target.key_for(Path::new(&relative)).unwrap();
        prop_assert!(key.as_str().ends_with(&relative));
        prop_assert!(!key.as_str().starts_with('/') && !key.as_str().contains("//"));
        prop_assert_eq!(key.as_str().len(), relative.len() + target.prefix_path.len() + usize::from(!target.prefix_path.is_empty()));
    }

    #[test]
    fn any_event_can_be_planned(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let config = FunctionConfig::default();
        if let Ok(event) = parse(&payload.into(), &config) {
            for run in plan_of(&event, &config).unwrap().runs {
                prop_assert!(run.variables.iter().all(|v| !v.value.contains(['\0', '\n']) && !v.name.contains(['\0', '='])));
                let inputs = (&run.input, &event.records[0].input);
                let lost = matches!(inputs, (PlannedInput::None, Input::Payload { .. }));
                prop_assert!(!lost, "the payload was lost");
            }
        }
    }
}
