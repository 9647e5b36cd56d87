//! What must hold for any input. The fuzz targets call these with inputs of their making, and the project's tests with what
//! was found that way (`fuzz/regressions`).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a check that fails panics, and each target calls one of them"
)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};
use std::sync::LazyLock;

use config::location::{Bucket, Key};
use config::{FunctionConfig, OutputRule, Overrides, ProviderId};
use container::Variable;
use faas_supervisor::batch::message::job_event;
use faas_supervisor::event::{self, ObjectRef};
use faas_supervisor::plan::{
    InvocationContext, MAX_NAME_BYTES, OutputTarget, Plan, PlannedInput, RunPlan, SafeName,
    SafeNames, plan,
};

/// A function with providers of every kind.
const CONFIG: &str = r#"
input:
  - {storage_provider: webdav.disk, path: tank/incoming}
  - {storage_provider: s3, path: pictures}
storage_providers:
  minio: {lab: {endpoint: "http://localhost:9000"}}
  webdav: {disk: {hostname: dav.example.org, login: me, password: secret}}
  onedata: {space: {oneprovider_host: one.example.org, token: secret, space: data}}
"#;

static FUNCTIONS: LazyLock<[FunctionConfig; 2]> = LazyLock::new(|| {
    let parse = |text: &str| FunctionConfig::parse(text, Path::new("/"), &Overrides::default());
    let with_storage_events = format!("{CONFIG}http: {{storage_events: true}}\n");
    [parse(CONFIG).unwrap(), parse(&with_storage_events).unwrap()]
});

/// Any bytes are some event or an error, and a record's own event means the same to a job as the record to the function.
pub fn event(bytes: &[u8]) {
    for function in FUNCTIONS.iter() {
        let Ok(event) = event::parse(&bytes.to_vec().into(), function) else {
            continue;
        };
        let whole = planned(&event, function);
        // A direct payload that is not text is only passed on by the function itself: Lambda's payloads are JSON.
        if std::str::from_utf8(bytes).is_err() {
            continue;
        }
        for run in &whole.runs {
            let text = job_event(run);
            let again = match event::parse(&text.clone().into(), function) {
                Ok(event) => planned(&event, function),
                Err(error) => panic!("{error} in {text}"),
            };
            let [job] = &again.runs[..] else {
                panic!("{} runs of {text}", again.runs.len())
            };
            assert_eq!(job.entry, run.entry, "{text}");
            assert_eq!(
                value(job.event_json.as_str()),
                value(run.event_json.as_str()),
                "{text}"
            );
            assert_eq!(variables(job), variables(run), "{text}");
            match (&job.input, &run.input) {
                (
                    PlannedInput::Object { object, .. },
                    PlannedInput::Object { object: same, .. },
                ) => {
                    assert_eq!(object, same, "{text}");
                }
                (job, run) => assert_eq!(job, run, "{text}"),
            }
        }
    }
}

/// White space between the parts of an event may change.
fn value(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}

/// The variables but for the event itself.
fn variables(run: &RunPlan) -> Vec<&Variable> {
    let others = run.variables.iter().filter(|v| v.name != "EVENT");
    others.collect()
}

fn planned(event: &event::Event, function: &FunctionConfig) -> Plan {
    plan(event, function, &InvocationContext::default()).unwrap()
}

/// Any text is a configuration or one error that says something.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match FunctionConfig::parse(text, Path::new("/base"), &Overrides::default()) {
        Ok(config) => {
            for output in &config.output {
                assert!(OutputTarget::of(output, &config).is_some(), "{output:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Any key is one component of a path, and any path below the output directory is a key below the output's folder.
pub fn key_to_path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let name = SafeName::from_key(&text);
    assert!(
        (1..=MAX_NAME_BYTES).contains(&name.as_str().len()),
        "{name}"
    );
    let mut components = Path::new(name.as_str()).components();
    assert!(
        matches!(components.next(), Some(Component::Normal(only)) if only == name.as_str()),
        "{name:?}"
    );
    assert_eq!(components.next(), None, "{name:?}");
    assert!(!name.as_str().contains(char::is_control), "{name:?}");

    distinct(&text);

    let (folder, file) = bytes.split_at(bytes.len() / 2);
    let rule = OutputRule {
        storage_provider: ProviderId::own_role(),
        path: String::from_utf8_lossy(folder).into_owned(),
        prefix: Vec::new(),
        suffix: Vec::new(),
    };
    let Some(target) = OutputTarget::new(&rule) else {
        return;
    };
    let file = Path::new(OsStr::from_bytes(file));
    if let Ok(key) = target.key_for(file) {
        let key = key.as_str();
        assert!(!key.starts_with('/') && !key.contains("//"), "{key:?}");
        assert!(
            key.as_bytes().ends_with(file.as_os_str().as_bytes()),
            "{key:?}"
        );
        assert!(
            !key.split('/').any(|part| matches!(part, "." | "..")),
            "{key:?}"
        );
    }
}

/// Every line is a key of one event: different objects get different names, the same object the same one.
fn distinct(text: &str) {
    let mut names = SafeNames::default();
    let mut given: Vec<(ObjectRef, SafeName)> = Vec::new();
    for key in text.lines().filter_map(|line| Key::new(line).ok()) {
        let object = ObjectRef {
            provider: ProviderId::own_role(),
            bucket: Bucket::new("bucket").unwrap(),
            key,
            version_id: None,
            size_hint: None,
        };
        let name = names.assign(&object);
        assert!(name.as_str().len() <= MAX_NAME_BYTES, "{name}");
        let clash =
            |(other, known): &&(ObjectRef, SafeName)| (*known == name) != (*other == object);
        assert_eq!(given.iter().find(clash), None, "{object:?} became {name}");
        given.push((object, name));
    }
}

/// Any layer is applied or refused, and nothing is written beside its root.
pub fn layer(bytes: &[u8]) {
    use image::unpack::{Resolver, Root, apply_layer};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ROOT");
    std::fs::create_dir(&path).unwrap();
    let root = Root::open(&path, Resolver::Kernel).unwrap();
    let _either = apply_layer(&root, bytes);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

/// Any loader cache gives a search path that Linux takes as a variable.
pub fn loader_cache(bytes: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("etc")).unwrap();
    std::fs::write(directory.path().join("etc/ld.so.cache"), bytes).unwrap();
    let path = container::engine::libraries::search_path(directory.path(), &[]);
    assert!(path.len() < 128 * 1024, "{} bytes", path.len());
}
