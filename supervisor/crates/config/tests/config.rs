//! Configuration: both shapes of the file, every key, and the words of every error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{
    AwsCredentials, ConfigError, DispatchMode, Engine, FunctionConfig, HttpStorageEvents,
    KeepLayers, LogLevel, MultiNode, OnFailure, Overrides, Prepare, ProviderId, ProviderKind,
    ProviderSettings, ResponseContent, S3Provider, Secret, ServerUrl, StageIn, TlsVerify,
    UdockerMode, split_path,
};
use proptest::prelude::*;

fn parse(text: &str) -> Result<FunctionConfig, ConfigError> {
    FunctionConfig::parse(text, Path::new("/base"), &Overrides::default())
}

fn message(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

const FLAT: &str = r#"
name: gray
log_level: debug
execution_mode: lambda-batch
timeout: 300
init_script: scripts/gray.sh
extra_payload: files
file_stage_in: no
memory: 512
container:
  image: docker.io/library/gray:1
  image_file: gray.tar
  timeout_threshold: 7.5
  engine: native
  prepare: udocker
  execmode: f1
  keep_layers: off
  aws_credentials: false
  environment:
    Variables:
      TEXT: value
      ZERO: 0
      NO: false
      VERSION: 1.10
      BIG: 12345678901234567890123
      HEX: 0x1F
      PADDED: 007
      YES: yes
      QUOTED: "1.50"
      NOTHING:
      TILDE: ~
      EMPTY: ""
input:
  - storage_provider: s3
    path: in-bucket/folder
output:
  - storage_provider: s3.archive
    path: /out-bucket//results/
    prefix: [gray-, "1"]
    suffix:
      - .png
  - storage_provider: minio.lab
    path: lab
storage_providers:
  s3:
    archive: {access_key: AKIA, secret_key: hidden, session_token: tok, region: eu-west-1}
  minio:
    lab: {access_key: u, secret_key: p, endpoint: "https://minio.lab:9000", verify: False}
http: {storage_events: on}
response: files
on_failure: respond
batch:
  vcpus: 2
  multi_node_parallel: {enabled: true, number_nodes: 3, main_node_index: 2}
"#;

fn assert_flat(config: &FunctionConfig) {
    assert_eq!(config.name.as_deref(), Some("gray"));
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.execution_mode, DispatchMode::LambdaBatch);
    assert_eq!(config.timeout, Some(Duration::from_mins(5)));
    assert_eq!(
        config.init_script,
        Some(PathBuf::from("/base/scripts/gray.sh"))
    );
    assert_eq!(config.extra_payload.as_deref(), Some("/var/task"));
    assert_eq!(config.stage_in, StageIn::Skip);
    assert_eq!(config.http_storage_events, HttpStorageEvents::Accept);
    assert_eq!(config.response, ResponseContent::Files);
    assert_eq!(config.on_failure, OnFailure::Respond);
    let nodes = MultiNode {
        enabled: true,
        number_nodes: 3,
        main_node_index: 2,
    };
    assert_eq!(config.multi_node_parallel, Some(nodes));
    let container = &config.container;
    assert_eq!(container.image.as_deref(), Some("docker.io/library/gray:1"));
    assert_eq!(container.image_file, Some(PathBuf::from("/base/gray.tar")));
    assert_eq!(container.timeout_threshold, Duration::from_millis(7500));
    assert_eq!(container.engine, Engine::Native);
    assert_eq!(container.prepare, Prepare::Udocker);
    assert_eq!(container.execmode, Some(UdockerMode::F1));
    assert_eq!(container.keep_layers, KeepLayers::Drop);
    assert_eq!(container.aws_credentials, AwsCredentials::Withhold);
    let expected = [
        ("TEXT", "value"),
        ("ZERO", "0"),
        ("NO", "false"),
        ("VERSION", "1.10"),
        ("BIG", "12345678901234567890123"),
        ("HEX", "0x1F"),
        ("PADDED", "007"),
        ("YES", "yes"),
        ("QUOTED", "1.50"),
        ("NOTHING", ""),
        ("TILDE", ""),
        ("EMPTY", ""),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(container.variables, expected);
    assert_storage(config);
}

fn s3_settings<'c>(config: &'c FunctionConfig, kind: ProviderKind, id: &str) -> &'c S3Provider {
    match &config.storage_providers[&ProviderId::new(kind, id)] {
        ProviderSettings::S3(settings) => settings,
        other => panic!("{other:?}"),
    }
}

fn assert_storage(config: &FunctionConfig) {
    assert_eq!(config.input.len(), 1);
    assert_eq!(config.input[0].storage_provider.to_string(), "s3.default");
    assert_eq!(config.input[0].path, "in-bucket/folder");
    assert_eq!(
        config.output[0].storage_provider,
        ProviderId::new(ProviderKind::S3, "archive")
    );
    assert_eq!(config.output[0].prefix, ["gray-", "1"]);
    assert_eq!(config.output[0].suffix, [".png"]);
    assert_eq!(config.output[1].storage_provider.to_string(), "minio.lab");
    assert!(config.output[1].prefix.is_empty() && config.output[1].suffix.is_empty());
    let archive = s3_settings(config, ProviderKind::S3, "archive");
    assert_eq!(
        archive.secret_key.as_ref().map(Secret::expose),
        Some("hidden")
    );
    assert_eq!(
        archive.session_token.as_ref().map(Secret::expose),
        Some("tok")
    );
    assert_eq!(archive.region.as_deref(), Some("eu-west-1"));
    assert_eq!(archive.tls, TlsVerify::Verify);
    let lab = s3_settings(config, ProviderKind::Minio, "lab");
    assert_eq!(
        (lab.endpoint.as_deref(), lab.tls),
        (Some("https://minio.lab:9000"), TlsVerify::Skip)
    );
}

#[test]
fn every_key_of_the_flat_shape_is_read() {
    assert_flat(&parse(FLAT).unwrap());
}

/// The flat file's text moved into a definition file, by indentation alone.
fn as_definition(flat: &str) -> String {
    let indent = |text: &str, by: &str| {
        text.lines()
            .flat_map(|line| {
                [
                    by, line, "
",
                ]
            })
            .collect::<String>()
    };
    let (function, rest) = flat.split_once("storage_providers:\n").unwrap();
    let (providers, rest) = rest.split_once("http:").unwrap();
    let (more, batch) = rest.split_once("batch:\n").unwrap();
    format!(
        "functions:\n  aws:\n  - lambda:\n{}      http: {}    batch:\n{}  - lambda: {{name: second, timeout: nonsense}}\n\
         storage_providers:\n{providers}",
        indent(function, "      "),
        indent(more, "      ").trim_start(),
        indent(batch, "    "),
    )
}

#[test]
fn a_definition_file_reads_like_the_flat_one() {
    assert_flat(&parse(&as_definition(FLAT)).unwrap());
}

#[test]
fn errors_in_a_definition_file_name_the_full_path() {
    let text = as_definition(FLAT).replace("timeout_threshold: 7.5", "timeout_threshold: soon");
    assert_eq!(
        message(&text),
        "configuration key functions.aws[0].lambda.container.timeout_threshold: found \"soon\", \
         expected a number of seconds from 0 to 31536000"
    );
}

#[test]
fn nothing_configured_is_the_default() {
    for text in [
        "",
        "\n# only a comment\n",
        "{}",
        "container:\n",
        "container: {environment: {Variables: }}",
    ] {
        let config = parse(text).unwrap();
        assert_eq!(config, FunctionConfig::default(), "{text:?}");
        assert_eq!(config.container.timeout_threshold, Duration::from_secs(10));
        assert_eq!(
            (config.log_level, config.stage_in),
            (LogLevel::Info, StageIn::Download)
        );
    }
}

#[test]
fn files_written_by_the_predecessor_are_read() {
    let text = "asynchronous: false\nconfig_path: ''\ncontainer:\n  environment:\n    Variables: {}\n  image: a/b:c\n  \
                timeout_threshold: 10\nlayers: []\nlog_level: INFO\nname: f\nstorage_providers: {}\ntimeout: 300\n\
                init_script: ''\ninput: []\n";
    let config = parse(text).unwrap();
    assert_eq!(
        (config.init_script, config.container.image.as_deref()),
        (None, Some("a/b:c"))
    );
}

#[test]
fn paths_and_folders_are_resolved() {
    let config = parse(
        "init_script: /abs/run.sh\nextra_payload: /opt/data\ncontainer: {image_file: ../x.tar}",
    )
    .unwrap();
    assert_eq!(config.init_script, Some(PathBuf::from("/abs/run.sh")));
    assert_eq!(config.extra_payload.as_deref(), Some("/opt/data"));
    assert_eq!(
        config.container.image_file,
        Some(PathBuf::from("/base/../x.tar"))
    );
}

#[test]
fn all_spellings_of_booleans() {
    for (text, stage_in) in [
        ("yes", StageIn::Download),
        ("No", StageIn::Skip),
        ("ON", StageIn::Download),
        ("off", StageIn::Skip),
        ("True", StageIn::Download),
        ("FALSE", StageIn::Skip),
        ("\"false\"", StageIn::Skip),
        ("y", StageIn::Download),
    ] {
        assert_eq!(
            parse(&format!("file_stage_in: {text}")).unwrap().stage_in,
            stage_in,
            "{text}"
        );
    }
}

/// A file with one wrong value, and what the message must say.
const WRONG: &[(&str, &str)] = &[
    (
        "log_level: LOUD",
        "log_level: found \"LOUD\", expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, TRACE",
    ),
    (
        "execution_mode: cloud",
        "execution_mode: found \"cloud\", expected one of lambda, lambda-batch, batch",
    ),
    (
        "timeout: 0",
        "timeout: found 0, expected a number of seconds greater than 0",
    ),
    (
        "timeout: -3",
        "timeout: found -3, expected a number of seconds from 0 to 31536000",
    ),
    (
        "timeout: 1e300",
        "timeout: found 1e+300, expected a number of seconds from 0 to 31536000",
    ),
    (
        "timeout: .nan",
        "timeout: found \".nan\", expected a number of seconds from 0 to 31536000",
    ),
    (
        "timeout: [1]",
        "timeout: found a list, expected a number of seconds from 0 to 31536000",
    ),
    (
        "name: 12",
        "name: found 12, expected text (put the value in quotes)",
    ),
    (
        "name: {a: b}",
        "name: found keys with values, expected text",
    ),
    (
        "file_stage_in: maybe",
        "file_stage_in: found \"maybe\", expected true or false",
    ),
    (
        "container: image",
        "container: found \"image\", expected keys with values",
    ),
    (
        "container: {engine: docker}",
        "container.engine: found \"docker\", expected one of auto, udocker, native",
    ),
    (
        "container: {execmode: P3}",
        "container.execmode: found \"P3\", expected one of P1, P2, F1",
    ),
    (
        "container: {prepare: 1}",
        "container.prepare: found 1, expected one of native, udocker",
    ),
    (
        "container: {timeout_threshold: ten}",
        "container.timeout_threshold: found \"ten\", expected a number of",
    ),
    (
        "container: {environment: {Variables: [A]}}",
        "container.environment.Variables: found a list, expected keys",
    ),
    (
        "container: {environment: {Variables: {A: [1]}}}",
        "container.environment.Variables.A: found a list, expected text, a number or a boolean",
    ),
    (
        "container: {environment: {Variables: {A: {B: 1}}}}",
        "Variables.A: found keys with values, expected text",
    ),
    (
        "container: {environment: {Variables: {'A=B': s3cr3t}}}",
        "Variables.A=B: found text (not shown), expected a variable name",
    ),
    (
        "response: text",
        "response: found \"text\", expected one of logs, files",
    ),
    (
        "on_failure: panic",
        "on_failure: found \"panic\", expected one of error, respond",
    ),
    (
        "http: {storage_events: 1}",
        "http.storage_events: found 1, expected true or false",
    ),
    ("input: s3", "input: found \"s3\", expected a list"),
    (
        "input: [{path: b}]",
        "input[0].storage_provider is missing, expected s3, s3.<id>, minio.<id>, webdav.<id>, onedata.<id> or local",
    ),
    (
        "input: [{storage_provider: s3}]",
        "input[0].path is missing, expected bucket or bucket/folder",
    ),
    (
        "output: [{storage_provider: ceph.x, path: b}]",
        "output[0].storage_provider: found \"ceph.x\", expected s3",
    ),
    (
        "output: [{storage_provider: s3., path: b}]",
        "output[0].storage_provider: found \"s3.\", expected s3",
    ),
    (
        "output: [{storage_provider: s3, path: /}]",
        "output[0].path: found \"/\", expected bucket or bucket/folder",
    ),
    (
        "output: [{storage_provider: s3, path: b/../c}]",
        "output[0].path: found \"b/../c\", expected bucket",
    ),
    (
        "output: [{storage_provider: s3, path: b}, {storage_provider: s3, path: b, prefix: 5}]",
        "output[1].prefix: found 5, expected a list",
    ),
    (
        "output: [{storage_provider: s3, path: b}, {storage_provider: s3, path: b, suffix: [a, 5]}]",
        "output[1].suffix[1]: found 5, expected text (put the value in quotes)",
    ),
    (
        "batch: {multi_node_parallel: {number_nodes: 0}}",
        "batch.multi_node_parallel.number_nodes: found 0, expected a whole number, at least 1",
    ),
    (
        "batch: {multi_node_parallel: {number_nodes: 2, main_node_index: 2}}",
        "batch.multi_node_parallel.main_node_index: found 2, expected the index",
    ),
    (
        "just text",
        "(the whole file): found \"just text\", expected keys with values",
    ),
    (
        "functions: {oscar: []}",
        "functions.aws is missing, expected a list of functions",
    ),
    (
        "functions: {aws: []}",
        "functions.aws: found a list, expected a list of functions",
    ),
    (
        "functions: {aws: [{batch: {}}]}",
        "functions.aws[0].lambda is missing",
    ),
];

#[test]
fn a_wrong_value_is_one_error_with_key_value_and_expectation() {
    for (text, expected) in WRONG {
        let message = message(text);
        assert!(
            message.contains(expected),
            "{text}\n  gave {message}\n  not  {expected}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn a_long_value_is_shortened_in_the_message() {
    let message = message(&format!("log_level: {}", "é".repeat(5000)));
    assert!(message.contains("é…\"") && message.len() < 400, "{message}");
}

#[test]
fn an_unknown_provider_is_named_with_those_that_are_known() {
    let text = "output: [{storage_provider: minio.lab, path: b}]\nstorage_providers: {s3: {mine: {region: r}}}";
    let expected = "configuration key output[0].storage_provider: storage provider minio.lab is not configured \
                    (configured: s3.default, s3.mine); add it below storage_providers";
    assert_eq!(message(text), expected);
    assert!(
        message("input: [{storage_provider: minio, path: b}]")
            .contains("minio.default is not configured")
    );
    for fine in ["s3", "s3.default", "S3", "local"] {
        parse(&format!("input: [{{storage_provider: {fine}, path: b}}]")).unwrap();
    }
}

#[test]
fn secrets_are_never_in_a_message() {
    for text in [
        "storage_providers: {s3: {access_key: s3cr3t, secret_key: s3cr3t}}",
        "storage_providers: {s3: {x: {access_key: a, secret_key: [s3cr3t]}}}",
        "storage_providers: {s3: {x: {access_key: a, secret_key: 53237}}}",
        "storage_providers: {s3: {x: {access_key: s3cr3t}}}",
        "storage_providers: {s3: {x: {secret_key: s3cr3t}}}",
        "storage_providers: {s3: {x: [s3cr3t]}}",
        "storage_providers: {s3: s3cr3t}",
        "storage_providers: {s3: {x: {session_token: 53237}}}",
        "storage_providers: {minio: {x: {endpoint: 'ftp://u:s3cr3t@host'}}}",
        "storage_providers: {s3: {x: {secret_key: s3cr3t, secret_key: 53237}}}",
        "storage_providers: {webdav: {x: {hostname: h, login: s3cr3t}}}",
        "storage_providers: {webdav: {x: {hostname: h, login: 'a:s3cr3t', password: p}}}",
        "storage_providers: {webdav: {x: {hostname: h, login: a, password: 53237}}}",
        "storage_providers: {webdav: {x: {hostname: 'u:s3cr3t@host', login: a, password: p}}}",
        "storage_providers: {onedata: {x: {oneprovider_host: h, space: s, token: 's3cr3t 53237'}}}",
        "storage_providers: {onedata: {x: {oneprovider_host: h, space: s, token: [s3cr3t]}}}",
        "storage_providers:\n  s3:\n    x: {secret_key: s3cr3t, : ]\n",
    ] {
        let message = message(text);
        assert!(
            !message.contains("s3cr3t") && !message.contains("53237"),
            "{text}: {message}"
        );
    }
    assert!(
        message("storage_providers: {s3: {x: {secret_key: s}}}")
            .contains("storage_providers.s3.x.access_key is")
    );
    let config = parse(FLAT).unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn a_store_of_its_own_needs_an_endpoint() {
    assert!(
        message("storage_providers: {minio: {x: {}}}")
            .contains("storage_providers.minio.x.endpoint is missing")
    );
    let message = message("storage_providers: {minio: {x: {endpoint: 'host:9000'}}}");
    assert!(
        message
            .contains("found \"host:9000\", expected a URL that begins with http:// or https://"),
        "{message}"
    );
}

#[test]
fn bad_yaml_names_its_line() {
    let error = parse("name: f\ncontainer: [\n").unwrap_err();
    assert!(
        matches!(error, ConfigError::Syntax { line: 2..=3, .. }),
        "{error:?}"
    );
    assert!(matches!(
        parse("a: 1\na: 2\n"),
        Err(ConfigError::Syntax { line: 2, .. })
    ));
    assert!(matches!(
        parse("a: 1\n---\nb: 2\n"),
        Err(ConfigError::Syntax { .. })
    ));
}

#[test]
fn the_environment_wins_over_the_file() {
    let overrides = Overrides {
        log_level: Some("ERROR".to_owned()),
        execution_mode: Some("batch".to_owned()),
        extra_payload: Some("/opt/more".to_owned()),
        timeout_threshold: Some(" 2.5 ".to_owned()),
    };
    let config = FunctionConfig::parse(FLAT, Path::new("/base"), &overrides).unwrap();
    assert_eq!(
        (config.log_level, config.execution_mode),
        (LogLevel::Error, DispatchMode::Batch)
    );
    assert_eq!(config.extra_payload.as_deref(), Some("/opt/more"));
    assert_eq!(
        config.container.timeout_threshold,
        Duration::from_millis(2500)
    );
    let empty = Overrides {
        log_level: Some(String::new()),
        ..Overrides::default()
    };
    assert_eq!(
        FunctionConfig::parse(FLAT, Path::new("/base"), &empty)
            .unwrap()
            .log_level,
        LogLevel::Debug
    );
    let unset = FunctionConfig::parse("", Path::new("/base"), &overrides).unwrap();
    assert_eq!(unset.log_level, LogLevel::Error);
}

#[test]
fn a_wrong_override_names_the_variable() {
    let wrong = |overrides: Overrides| {
        FunctionConfig::parse("", Path::new("/"), &overrides)
            .unwrap_err()
            .to_string()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        wrong(Overrides {
            timeout_threshold: some("-1"),
            ..Overrides::default()
        }),
        "environment variable TIMEOUT_THRESHOLD: found \"-1\", expected a number of seconds from 0 to 31536000"
    );
    assert!(
        wrong(Overrides {
            log_level: some("x"),
            ..Overrides::default()
        })
        .starts_with("environment variable LOG_LEVEL: ")
    );
    assert!(
        wrong(Overrides {
            execution_mode: some("x"),
            ..Overrides::default()
        })
        .contains("EXECUTION_MODE: found \"x\"")
    );
}

#[test]
fn paths_are_normalised() {
    let split =
        |path| split_path(path).map(|(bucket, folder)| (bucket.as_str().to_owned(), folder));
    for (path, folder) in [
        ("b", ""),
        ("b/", ""),
        ("/b//dir/", "dir"),
        ("b/x/y", "x/y"),
        ("//b///x//y//", "x/y"),
        ("b/ x", " x"),
    ] {
        assert_eq!(
            split(path),
            Some(("b".to_owned(), folder.to_owned())),
            "{path}"
        );
    }
    for path in ["", "/", "///", ".", "..", "../b", "b/..", "b/./c"] {
        assert_eq!(split(path), None, "{path}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_an_error(text in "\\PC*|([a-z_]{1,9}: *[\\[{\"'&*!|>~.0-9a-z-]{0,9}\n){0,6}") {
        let _ = parse(&text);
    }

    #[test]
    fn execution_modes_read_what_they_write(index in 0usize..10) {
        let name = ["P1", "P2", "F1", "F2", "F3", "F4", "R1", "R2", "R3", "S1"][index];
        prop_assert_eq!(name.parse::<UdockerMode>().unwrap().to_string(), name);
    }
}

const OTHER_STORES: &str = "
storage_providers:
  webdav:
    dcache: {hostname: 'dcache.example.org:2880/data', login: me, password: 'p:w', verify: false}
  onedata:
    lab: {oneprovider_host: one.example.org, token: T0K, space: my space}
input: [{storage_provider: webdav.dcache, path: in}]
output: [{storage_provider: onedata.lab, path: results/today}]
";

#[test]
fn webdav_and_onedata_have_the_keys_of_their_kinds() {
    let config = parse(OTHER_STORES).unwrap();
    let settings = |id: &str| &config.storage_providers[&id.parse().unwrap()];
    let ProviderSettings::Webdav(webdav) = settings("webdav.dcache") else {
        panic!("{config:?}");
    };
    assert_eq!(
        webdav.server.as_str(),
        "https://dcache.example.org:2880/data"
    );
    assert_eq!(
        (webdav.login.expose(), webdav.password.expose(), webdav.tls),
        ("me", "p:w", TlsVerify::Skip)
    );
    let ProviderSettings::Onedata(onedata) = settings("onedata.lab") else {
        panic!("{config:?}");
    };
    assert_eq!(onedata.server.as_str(), "https://one.example.org");
    assert_eq!(
        (onedata.token.expose(), onedata.space.as_str(), onedata.tls),
        ("T0K", "my space", TlsVerify::Verify)
    );
    let place = |id: &str, path: &str| config.place(&id.parse().unwrap(), path).unwrap();
    let (bucket, folder) = place("onedata.lab", "/results//today/");
    assert_eq!(
        (bucket.as_str(), folder.as_str()),
        ("my space", "results/today")
    );
    let (bucket, folder) = place("webdav.dcache", "in/today");
    assert_eq!((bucket.as_str(), folder.as_str()), ("in", "today"));
}

#[test]
fn what_webdav_and_onedata_lack_is_named() {
    for (entry, key) in [
        (
            "webdav: {x: {login: a, password: b}}",
            "webdav.x.hostname is missing",
        ),
        (
            "webdav: {x: {hostname: h, password: b}}",
            "webdav.x.login is missing",
        ),
        (
            "webdav: {x: {hostname: h, login: a}}",
            "webdav.x.password is missing",
        ),
        (
            "webdav: {x: {hostname: h, login: a, password: ''}}",
            "webdav.x.password is missing",
        ),
        (
            "webdav: {x: {hostname: 'ftp://h', login: a, password: b}}",
            "webdav.x.hostname: found \"ftp://h\"",
        ),
        (
            "webdav: {x: {hostname: h, login: 'a:b', password: b}}",
            "webdav.x.login: found",
        ),
        (
            "webdav: {x: {hostname: h, login: a, password: b, verify: 2}}",
            "webdav.x.verify: found 2",
        ),
        ("webdav: {x: 5}", "webdav.x: found"),
        (
            "onedata: {x: {token: t, space: s}}",
            "onedata.x.oneprovider_host is missing",
        ),
        (
            "onedata: {x: {oneprovider_host: h, space: s}}",
            "onedata.x.token is missing",
        ),
        (
            "onedata: {x: {oneprovider_host: h, token: t}}",
            "onedata.x.space is missing",
        ),
        (
            "onedata: {x: {oneprovider_host: h, token: t, space: a/b}}",
            "onedata.x.space: found \"a/b\"",
        ),
        (
            "onedata: {x: {oneprovider_host: 'h:port', token: t, space: a}}",
            "onedata.x.oneprovider_host: found",
        ),
    ] {
        let message = message(&format!("storage_providers: {{{entry}}}"));
        assert!(
            message.starts_with(&format!("configuration key storage_providers.{key}")),
            "{entry}: {message}"
        );
    }
    for id in ["webdav.y", "onedata.y", "webdav", "onedata"] {
        let text = format!("{OTHER_STORES}output: [{{storage_provider: {id}, path: p}}]");
        let text = text.replacen(
            "output: [{storage_provider: onedata",
            "ignored: [{storage_provider: onedata",
            1,
        );
        let message = message(&text);
        assert!(message.contains("is not configured"), "{message}");
        assert!(message.contains("onedata.lab"), "{message}");
    }
}

#[test]
fn addresses_of_servers() {
    for (text, url) in [
        ("host", "https://host"),
        ("host:8443/", "https://host:8443"),
        ("http://host/a%20b//", "http://host/a%20b"),
        ("HTTPS://Host/a", "HTTPS://Host/a"),
        ("[::1]:80/x", "https://[::1]:80/x"),
    ] {
        let parsed = ServerUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(parsed.as_str(), url);
    }
    for text in [
        "",
        "/",
        "https://",
        "https:///path",
        "ftp://h",
        "u:p@host",
        "host?q",
        "host#f",
        "a b",
        "h:99999",
        "h:0",
        "h/ä",
        "h/a/../b",
        "h//a",
        "h\nx",
    ] {
        assert_eq!(ServerUrl::parse(text), None, "{text}");
    }
}

#[test]
fn sizes_count_for_a_trial_only_and_a_wrong_one_is_no_error_elsewhere() {
    let config = parse("memory: 512\nephemeral_storage: {Size: 10240}").unwrap();
    assert_eq!(config.memory, Some(Ok(512)));
    assert_eq!(config.ephemeral_storage, Some(Ok(10_240)));
    for value in ["1Gi", "\"512\"", "512.0", "[1]", "127", "10241", "-1"] {
        let config = parse(&format!("memory: {value}\nephemeral_storage: {value}")).unwrap();
        for (size, least) in [(config.memory, 128), (config.ephemeral_storage, 512)] {
            let error = size.unwrap().expect_err(value).to_string();
            let expected = format!("expected a whole number of MB from {least} to 10240");
            assert!(error.ends_with(&expected), "{error}");
        }
    }
}
