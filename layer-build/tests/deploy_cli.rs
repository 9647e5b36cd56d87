//! The command line: short options of several letters, and what options become.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};
use layer_build::deploy::cli::{Arguments, Verb};
use layer_build::deploy::short_options::expand;
use serde_json::{Value, json};

fn expanded(line: &str) -> Vec<String> {
    let words = line.split(' ').map(OsString::from);
    let command = Arguments::command();
    let expanded = expand(words, &command).into_iter();
    expanded.map(|word| word.into_string().unwrap()).collect()
}

fn parse(line: &str) -> Verb {
    let matches = Arguments::command().try_get_matches_from(expanded(line));
    let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
    Arguments::from_arg_matches(&matches).unwrap().verb
}

fn layer(line: &str) -> Value {
    match parse(line) {
        Verb::Init(options)
        | Verb::Plan {
            function: options, ..
        } => options.layer(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_short_option_of_several_letters_is_known() {
    let line = "faas-deploy init -n f -if a.tar -s s.sh -m 512 -t 20 -tt 5 -e A=1 -e B=x=y -le C=2 -ll debug -em batch -r role \
        -sv 1.2.0 -rt python3.12 -db packages -api web -ph -ep extra -l arn:one -l arn:two -ib in/a -ob out -bm 2048 -bc 2 -g \
        -pf other -d words";
    let layer = layer(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    let expected = [
        ("/lambda/name", json!("f")),
        ("/lambda/memory", json!(512)),
        ("/lambda/timeout", json!(20)),
        ("/lambda/description", json!("words")),
        ("/lambda/log_level", json!("DEBUG")),
        ("/lambda/execution_mode", json!("batch")),
        ("/lambda/runtime", json!("python3.12")),
        ("/lambda/container/timeout_threshold", json!(5)),
        (
            "/lambda/container/environment/Variables",
            json!({ "A": "1", "B": "x=y" }),
        ),
        ("/lambda/environment/Variables", json!({ "C": "2" })),
        ("/lambda/layers", json!(["arn:one", "arn:two"])),
        (
            "/lambda/input",
            json!([{ "storage_provider": "s3", "path": "in/a" }]),
        ),
        (
            "/lambda/output",
            json!([{ "storage_provider": "s3", "path": "out" }]),
        ),
        ("/lambda/deployment/bucket", json!("packages")),
        ("/lambda/supervisor/version", json!("1.2.0")),
        ("/iam/role", json!("role")),
        ("/api_gateway/name", json!("web")),
        ("/batch/memory", json!(2048)),
        ("/batch/vcpus", json!(2)),
        ("/batch/enable_gpu", json!(true)),
    ];
    for (pointer, value) in expected {
        assert_eq!(layer.pointer(pointer), Some(&value), "{pointer}");
    }
    for (pointer, end) in [
        ("/lambda/init_script", "/s.sh"),
        ("/lambda/extra_payload", "/extra"),
        ("/lambda/container/image_file", "/a.tar"),
    ] {
        let path = layer.pointer(pointer).unwrap().as_str().unwrap();
        assert!(path.starts_with('/') && path.ends_with(end), "{path}");
    }
}

#[test]
fn one_short_option_means_different_things_to_different_verbs() {
    assert!(
        matches!(parse("faas-deploy invoke -n f -db data -p {} -a -o out"), Verb::Invoke(options) if options.data_binary.is_some())
    );
    assert!(
        matches!(parse("faas-deploy invoke -n f -jd {}"), Verb::Invoke(options) if options.json_data.is_some())
    );
    let Verb::Log(options) = parse("faas-deploy log -n f -ls stream -ri id") else {
        panic!()
    };
    assert_eq!(
        (
            options.log_stream_name.as_deref(),
            options.request_id.as_deref()
        ),
        (Some("stream"), Some("id"))
    );
}

#[test]
fn the_containers_own_arguments_stay_as_they_are() {
    let Verb::Run(options) = parse("faas-deploy run -n f ls -if -tt --name x") else {
        panic!()
    };
    assert_eq!(options.c_args, ["ls", "-if", "-tt", "--name", "x"]);
    assert_eq!(options.selector.name.as_deref(), Some("f"));
    let Verb::Run(options) = parse("faas-deploy run -s s.sh -n f -- -if") else {
        panic!()
    };
    assert_eq!(options.c_args, ["-if"]);
}

#[test]
fn values_are_not_options() {
    assert_eq!(
        expanded("faas-deploy init -n -if -tt=5"),
        ["faas-deploy", "init", "-n", "-if", "--timeout-threshold=5"]
    );
    assert_eq!(
        expanded("faas-deploy init --name=-if -db b"),
        [
            "faas-deploy",
            "init",
            "--name=-if",
            "--deployment-bucket",
            "b"
        ]
    );
}

#[test]
fn nonsense_is_refused_before_anything_is_done() {
    for line in [
        "faas-deploy init -n f -i a -m 64",
        "faas-deploy init -n f -i a -e NAME",
        "faas-deploy init -i a -if b",
    ] {
        assert!(
            Arguments::command()
                .try_get_matches_from(expanded(line))
                .is_err(),
            "{line}"
        );
    }
}

#[test]
fn the_definition_of_the_command_is_consistent() {
    Arguments::command().debug_assert();
}
