//! Settings: which layer wins, every key of the default file, and errors that say where a value was set.
#![allow(clippy::too_many_lines, reason = "one table, a line for each key")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use layer_build::deploy::cfg::{self, Cfg, DEFAULT, Lines};
use layer_build::deploy::definition;
use layer_build::deploy::function_config;
use layer_build::deploy::settings::{Runtime, Settings, SettingsError, Sources};
use serde_json::{Value, json};

fn cfg(change: impl FnOnce(&mut Value)) -> Cfg {
    let mut value = cfg::defaults();
    change(&mut value);
    let lines = Lines::of(DEFAULT);
    Cfg {
        path: "/home/me/.scar/scar.cfg".into(),
        value,
        lines,
        notices: Vec::new(),
    }
}

fn read(command_line: &Value, file: Option<&str>, cfg: &Cfg) -> Result<Settings, SettingsError> {
    let definition = file.map(|text| {
        definition::parse(text, Path::new("f.yaml"), Path::new("/work"))
            .unwrap()
            .remove(0)
    });
    Settings::read(&Sources::new(command_line, None, definition, cfg))
}

const FILE: &str = "
functions:
  aws:
  - lambda:
      name: hello
      memory: 1024
      container:
        image: busybox
        environment:
          Variables: {A: 1, B: two}
";

#[test]
fn the_command_line_wins_over_the_file_the_file_over_the_configuration_and_that_over_defaults() {
    let cfg = cfg(|value| {
        value["aws"]["lambda"]["memory"] = 256.into();
        value["aws"]["lambda"]["timeout"] = 60.into();
        value["aws"]["lambda"]
            .as_object_mut()
            .unwrap()
            .remove("log_type");
    });
    let settings = read(&json!({}), Some(FILE), &cfg).unwrap();
    assert_eq!(
        (settings.function.memory, settings.function.timeout),
        (1024, 60)
    );
    assert_eq!(settings.function.log_type, "Tail");
    let settings = read(&json!({ "lambda": { "memory": 2048, "container": { "environment": { "Variables": { "B": "3" } } } } }), Some(FILE), &cfg).unwrap();
    assert_eq!(settings.function.memory, 2048);
    assert_eq!(
        settings.merged["lambda"]["container"]["environment"]["Variables"],
        json!({ "A": 1, "B": "3" })
    );
}

#[test]
fn an_error_says_where_the_value_was_set() {
    let wrong = cfg(|value| value["aws"]["lambda"]["memory"] = "lots".into());
    let error = read(&json!({}), None, &wrong).unwrap_err().to_string();
    let line = DEFAULT
        .lines()
        .position(|line| line.contains("\"memory\": 512"))
        .unwrap()
        + 1;
    assert_eq!(
        error,
        format!(
            "/home/me/.scar/scar.cfg, line {line}: lambda.memory is \"lots\", expected a whole number from 128 to 10240"
        )
    );
    let file = FILE.replace("1024", "[1]");
    let error = read(&json!({}), Some(&file), &cfg(|_| {}))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("f.yaml, functions.aws[0]: lambda.memory is [1]"),
        "{error}"
    );
    let error = read(
        &json!({ "lambda": { "execution_mode": "cloud" } }),
        Some(FILE),
        &cfg(|_| {}),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with(
            "command line: lambda.execution_mode is \"cloud\", expected one of lambda"
        ),
        "{error}"
    );
}

#[test]
fn every_key_of_the_default_file_reaches_the_settings() {
    let cases: &[(&str, Value)] = &[
        ("iam.boto_profile", json!("p")),
        ("iam.role", json!("r")),
        ("lambda.boto_profile", json!("p")),
        ("lambda.region", json!("eu-west-1")),
        ("lambda.execution_mode", json!("batch")),
        ("lambda.timeout", json!(1)),
        ("lambda.memory", json!(200)),
        ("lambda.description", json!("d")),
        ("lambda.runtime", json!("python3.12")),
        ("lambda.layers", json!(["l"])),
        ("lambda.invocation_type", json!("Event")),
        ("lambda.asynchronous", json!(true)),
        ("lambda.log_type", json!("None")),
        ("lambda.log_level", json!("DEBUG")),
        ("lambda.environment.Variables", json!({ "A": "b" })),
        ("lambda.deployment.max_payload_size", json!(1)),
        ("lambda.deployment.max_s3_payload_size", json!(1)),
        (
            "lambda.container.environment.Variables",
            json!({ "A": "b" }),
        ),
        ("lambda.container.timeout_threshold", json!(3)),
        ("lambda.supervisor.version", json!("9")),
        ("lambda.supervisor.layer_name", json!("l")),
        ("lambda.supervisor.license_info", json!("l")),
        ("s3.boto_profile", json!("p")),
        ("s3.region", json!("eu-west-1")),
        ("s3.event", json!({ "a": 1 })),
        ("api_gateway.boto_profile", json!("p")),
        ("api_gateway.region", json!("eu-west-1")),
        ("api_gateway.endpoint", json!("e")),
        ("api_gateway.request_parameters", json!({ "a": "b" })),
        ("api_gateway.http_method", json!("GET")),
        ("api_gateway.method.authorizationType", json!("AWS_IAM")),
        ("api_gateway.method.requestParameters", json!({ "a": true })),
        ("api_gateway.integration.type", json!("AWS")),
        (
            "api_gateway.integration.integrationHttpMethod",
            json!("GET"),
        ),
        ("api_gateway.integration.uri", json!("u")),
        (
            "api_gateway.integration.requestParameters",
            json!({ "a": "b" }),
        ),
        ("api_gateway.path_part", json!("p")),
        ("api_gateway.stage_name", json!("s")),
        ("api_gateway.service_id", json!("s")),
        ("api_gateway.source_arn_testing", json!("s")),
        ("api_gateway.source_arn_invocation", json!("s")),
        ("cloudwatch.boto_profile", json!("p")),
        ("cloudwatch.region", json!("eu-west-1")),
        ("cloudwatch.log_retention_policy_in_days", json!(7)),
        ("batch.boto_profile", json!("p")),
        ("batch.region", json!("eu-west-1")),
        ("batch.vcpus", json!(2)),
        ("batch.memory", json!(8)),
        ("batch.enable_gpu", json!(true)),
        ("batch.state", json!("DISABLED")),
        ("batch.type", json!("UNMANAGED")),
        ("batch.environment.Variables", json!({ "A": "b" })),
        ("batch.compute_resources.security_group_ids", json!(["g"])),
        ("batch.compute_resources.type", json!("SPOT")),
        ("batch.compute_resources.desired_v_cpus", json!(1)),
        ("batch.compute_resources.min_v_cpus", json!(1)),
        ("batch.compute_resources.max_v_cpus", json!(9)),
        ("batch.compute_resources.subnets", json!(["n"])),
        ("batch.compute_resources.instance_types", json!(["t"])),
        ("batch.compute_resources.launch_template_name", json!("t")),
        ("batch.compute_resources.instance_role", json!("r")),
        ("batch.service_role", json!("r")),
    ];
    let reached = |value: &Value| {
        let mut cfg = cfg(|_| {});
        cfg.value = value.clone();
        // Jobs need a network; its keys are changed by cases of their own.
        let network = json!({ "batch": { "compute_resources": { "subnets": ["a"], "security_group_ids": ["b"] } } });
        let network = if value.pointer("/aws/lambda/execution_mode") == Some(&json!("batch")) {
            network
        } else {
            json!({})
        };
        let settings = read(&network, None, &cfg).unwrap();
        let config = function_config::configuration(&settings, None);
        format!(
            "{:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {} {:?} {config}",
            settings.function,
            settings.deployment,
            settings.supervisor,
            settings.role,
            settings.iam,
            settings.lambda,
            settings.s3,
            settings.api,
            settings.cloudwatch,
            settings.batch_section,
            settings.event,
            settings.api_gateway,
            settings.retention_days,
            settings.batch
        )
    };
    let usual = reached(&cfg::defaults());
    for (key, changed) in cases {
        let mut value = cfg::defaults();
        *value
            .pointer_mut(&format!("/aws/{}", key.replace('.', "/")))
            .unwrap_or_else(|| panic!("{key} is in the default file")) = changed.clone();
        assert_ne!(reached(&value), usual, "{key} makes no difference");
    }
    let known = |path: &str| {
        cases
            .iter()
            .any(|(key, _)| path == *key || path.starts_with(&format!("{key}.")))
    };
    let mut left = Vec::new();
    leaves(&cfg::defaults()["aws"], String::new(), &mut left);
    left.retain(|path| {
        !known(path)
            && !cases
                .iter()
                .any(|(key, _)| key.starts_with(&format!("{path}.")))
    });
    assert!(left.is_empty(), "no case for {left:?}");
}

fn leaves(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(
                    value,
                    if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    },
                    found,
                );
            }
        }
        _ => found.push(path),
    }
}

#[test]
fn a_runtime_that_is_no_longer_created_is_replaced_with_a_notice() {
    let settings = read(&json!({}), Some(FILE), &cfg(|_| {})).unwrap();
    assert_eq!(
        settings.function.runtime,
        Runtime::Managed("python3.14".to_owned())
    );
    assert!(
        settings.notices[0].contains("lambda.runtime") && settings.notices[0].contains("python3.7")
    );
    assert_eq!(
        settings.function.variables["AWS_LAMBDA_EXEC_WRAPPER"],
        "/opt/exec-wrapper"
    );
    let provided = read(
        &json!({ "lambda": { "runtime": "provided.al2023" } }),
        Some(FILE),
        &cfg(|_| {}),
    )
    .unwrap();
    assert!(
        !provided
            .function
            .variables
            .contains_key("AWS_LAMBDA_EXEC_WRAPPER")
    );
    assert!(
        read(
            &json!({ "lambda": { "runtime": "nodejs22.x" } }),
            Some(FILE),
            &cfg(|_| {})
        )
        .is_err()
    );
}

#[test]
fn jobs_need_a_network_before_anything_is_done() {
    let error = read(
        &json!({ "lambda": { "execution_mode": "batch" } }),
        Some(FILE),
        &cfg(|_| {}),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("batch.compute_resources.security_group_ids is not set")
            && error.contains("scar.cfg, line"),
        "{error}"
    );
}

#[test]
fn at_most_five_layers() {
    let layers = json!({ "lambda": { "layers": ["a", "b", "c", "d", "e"] } });
    assert!(
        read(&layers, Some(FILE), &cfg(|_| {}))
            .unwrap_err()
            .to_string()
            .contains("at most 4 layers beside the supervisor's")
    );
}

#[test]
fn what_travels_in_the_package_is_what_the_supervisor_reads() {
    let file = format!(
        "{FILE}      init_script: scripts/run.sh\n      extra_payload: data\n      tags: {{a: b}}\nstorage_providers:\n  minio:\n    m:\n      endpoint: http://m\n      access_key: k\n      secret_key: s\n"
    );
    let settings = read(&json!({}), Some(&file), &cfg(|_| {})).unwrap();
    let config = function_config::configuration(&settings, Some("packages"));
    assert_eq!(config["init_script"], "run.sh");
    assert_eq!(config["extra_payload"], "/var/task");
    assert_eq!(config["deployment"]["bucket"], "packages");
    assert_eq!(config["storage_providers"]["minio"]["m"]["secret_key"], "s");
    assert!(config.get("tags").is_none() && config.get("memory").is_none());
    assert!(function_config::has_secrets(&config));
    function_config::check(&config).unwrap();
    assert_eq!(
        settings.function.init_script.unwrap(),
        Path::new("/work/scripts/run.sh")
    );
}
