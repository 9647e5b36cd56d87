//! What of the supervisor's environment reaches udocker, and what udocker is made of it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use config::Engine;
use container::UdockerSettings;
use environment::{Environment, Platform};

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().copied())
}

#[test]
fn udocker_gets_its_variables_and_no_secrets() {
    let environment = environment(&[
        ("UDOCKER_DIR", "/u"),
        ("UDOCKER_ANYTHING", ""),
        ("PATH", "/bin"),
        ("HTTPS_PROXY", "http://proxy"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("FDL", "secret too"),
        ("MY_OWN", "x"),
    ]);
    let passed = environment.for_udocker();
    let names: Vec<_> = passed.keys().map(|k| k.to_str().unwrap()).collect();
    let expected = ["HTTPS_PROXY", "PATH", "UDOCKER_ANYTHING", "UDOCKER_DIR"];
    assert_eq!(names, expected);
    assert!(!format!("{environment:?}").contains("secret"));
}

#[test]
fn empty_counts_as_unset() {
    let environment = environment(&[("AWS_LAMBDA_RUNTIME_API", ""), ("TMPDIR", "")]);
    assert_eq!(environment.platform(), Platform::Terminal);
    assert_eq!(environment.temp_dir(), Path::new("/tmp"));
}

#[test]
fn lambda_has_the_default_configurations_udocker() {
    let lambda = environment(&[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")]);
    let settings = UdockerSettings::new(&lambda, Engine::Auto, None);
    let variable = |name: &str| {
        let value = settings.environment.get(std::ffi::OsStr::new(name));
        value.and_then(|v| v.to_str()).unwrap().to_owned()
    };
    assert_eq!(variable("UDOCKER_BIN"), "/opt/udocker/bin/");
    assert_eq!(variable("UDOCKER_LIB"), "/opt/udocker/lib/");
    assert_eq!(settings.store, Path::new("/tmp/shared/udocker"));
    assert_eq!(settings.mode.to_string(), "F1");
    assert!(
        settings
            .launcher
            .contains(&"/opt/udocker/udocker.py".into())
    );
}

#[test]
fn elsewhere_the_mode_is_udockers_usual_one_said_in_so_many_words() {
    let terminal = [("HOME", "/home/me"), ("UDOCKER_EXEC", "/bin/udocker")];
    let terminal = environment(&terminal);
    let settings = UdockerSettings::new(&terminal, Engine::Auto, None);
    assert_eq!(settings.mode.to_string(), "P1");
    assert_eq!(settings.store, Path::new("/home/me/.udocker"));
}

#[test]
fn configuration_wins_over_the_environment_and_that_over_the_default() {
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("UDOCKER_DEFAULT_EXECUTION_MODE", "P2"),
        ("UDOCKER_DIR", "/store"),
        ("UDOCKER_CONTAINERS", "/elsewhere"),
    ];
    let lambda = environment(&lambda);
    let settings = UdockerSettings::new(&lambda, Engine::Auto, None);
    assert_eq!(settings.mode.to_string(), "P2");
    assert_eq!(settings.containers, Path::new("/elsewhere"));
    assert_eq!(settings.repos, Path::new("/store/repos"));
    let settings = UdockerSettings::new(&lambda, Engine::Auto, Some("R1".parse().unwrap()));
    assert_eq!(settings.mode.to_string(), "R1");
}
