//! Settings: which layer wins, every key of the default file, and errors that say where a value was set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

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
    assert_eq!(settings.function.log_type.as_str(), "Tail");
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

/// Every key below `aws`, and a value that is not its default.
const CHANGES: &str = r#"
    iam.boto_profile = "p"
    iam.role = "r"
    lambda.boto_profile = "p"
    lambda.region = "eu-west-1"
    lambda.execution_mode = "batch"
    lambda.timeout = 1
    lambda.memory = 200
    lambda.description = "d"
    lambda.runtime = "python3.12"
    lambda.layers = ["l"]
    lambda.invocation_type = "Event"
    lambda.asynchronous = true
    lambda.log_type = "None"
    lambda.log_level = "DEBUG"
    lambda.environment.Variables = { "A": "b" }
    lambda.deployment.max_payload_size = 1
    lambda.deployment.max_s3_payload_size = 1
    lambda.container.environment.Variables = { "A": "b" }
    lambda.container.timeout_threshold = 3
    lambda.supervisor.version = "9"
    lambda.supervisor.layer_name = "l"
    lambda.supervisor.license_info = "l"
    s3.boto_profile = "p"
    s3.region = "eu-west-1"
    s3.event = { "a": 1 }
    api_gateway.boto_profile = "p"
    api_gateway.region = "eu-west-1"
    api_gateway.endpoint = "e"
    api_gateway.request_parameters = { "a": "b" }
    api_gateway.http_method = "GET"
    api_gateway.method.authorizationType = "AWS_IAM"
    api_gateway.method.requestParameters = { "a": true }
    api_gateway.integration.type = "AWS"
    api_gateway.integration.integrationHttpMethod = "GET"
    api_gateway.integration.uri = "u"
    api_gateway.integration.requestParameters = { "a": "b" }
    api_gateway.path_part = "p"
    api_gateway.stage_name = "s"
    api_gateway.service_id = "s"
    api_gateway.source_arn_testing = "s"
    api_gateway.source_arn_invocation = "s"
    cloudwatch.boto_profile = "p"
    cloudwatch.region = "eu-west-1"
    cloudwatch.log_retention_policy_in_days = 7
    batch.boto_profile = "p"
    batch.region = "eu-west-1"
    batch.vcpus = 2
    batch.memory = 8
    batch.enable_gpu = true
    batch.state = "DISABLED"
    batch.type = "UNMANAGED"
    batch.environment.Variables = { "A": "b" }
    batch.compute_resources.security_group_ids = ["g"]
    batch.compute_resources.type = "SPOT"
    batch.compute_resources.desired_v_cpus = 1
    batch.compute_resources.min_v_cpus = 1
    batch.compute_resources.max_v_cpus = 9
    batch.compute_resources.subnets = ["n"]
    batch.compute_resources.instance_types = ["t"]
    batch.compute_resources.launch_template_name = "t"
    batch.compute_resources.instance_role = "r"
    batch.service_role = "r"
"#;

/// Key and value of each line.
fn changes() -> Vec<(&'static str, Value)> {
    let lines = CHANGES
        .lines()
        .filter_map(|line| line.trim().split_once(" = "));
    lines
        .map(|(key, value)| (key, serde_json::from_str(value).unwrap()))
        .collect()
}

#[test]
fn every_key_of_the_default_file_reaches_the_settings() {
    let cases = changes();
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
    for (key, changed) in &cases {
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
fn capacity_that_no_environment_can_have_is_refused() {
    let file = format!(
        "{FILE}      execution_mode: batch\n    batch:\n      vcpus: VCPUS\n      compute_resources: {{subnets: [a], \
         security_group_ids: [b], min_v_cpus: MIN, desired_v_cpus: DESIRED, max_v_cpus: MAX}}\n"
    );
    let settings = |vcpus: &str, min: &str, desired: &str, max: &str| {
        let text = file.replace("VCPUS", vcpus).replace("MIN", min);
        let text = text.replace("DESIRED", desired).replace("MAX", max);
        read(&json!({}), Some(&text), &cfg(|_| {}))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(settings("2", "0", "1", "2"), Ok(()));
    for (numbers, key) in [
        (["1", "3", "3", "2"], "max_v_cpus is 2"),
        (["1", "0", "0", "0"], "max_v_cpus is 0"),
        (["1", "1", "0", "2"], "desired_v_cpus is 0"),
        (["4", "0", "0", "2"], "batch.vcpus is 4"),
    ] {
        let [vcpus, min, desired, max] = numbers;
        let error = settings(vcpus, min, desired, max).unwrap_err();
        assert!(
            error.contains(key) && error.starts_with("f.yaml"),
            "{error}"
        );
    }
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
