//! Commands about no function, and the examples.

use e2e::{Deploy, Interceptor, Moto, root, texts};
use serde_json::{Value, json};

#[test]
fn configuration_and_layer_commands() {
    let user = Deploy::new();
    assert!(
        user.run(&["config", "path"])
            .trim()
            .ends_with("/.scar/scar.cfg")
    );
    assert!(
        user.run(&["config", "show"])
            .contains("\"config_version\": \"1.0.9\"")
    );
    let check = user.json(&["config", "check"]);
    assert_eq!(
        (&check["account"], &check["role_usable"]),
        (&json!("123456789012"), &json!(true))
    );
    assert_eq!(
        check["policy"]["Statement"][1]["Action"],
        json!(["s3:GetObject", "s3:PutObject"])
    );
    assert_eq!(user.json(&["layer", "publish"])["published"], true);
    assert_eq!(user.json(&["layer", "publish"])["published"], false);
    assert_eq!(user.json(&["layer", "ls"]).as_array().unwrap().len(), 1);
    assert_eq!(user.json(&["layer", "prune"]), json!([]));
    user.configure(|cfg| cfg["aws"]["iam"]["role"] = "".into());
    let error = user.fails(&["init", "-n", "x", "-i", "busybox"]);
    assert!(
        error.contains("aws.iam.role is not set") && error.contains("line "),
        "{error}"
    );
    user.configure(|cfg| cfg["aws"]["iam"]["role"] = "nobody".into());
    assert!(
        user.fails(&["config", "check"])
            .contains("look up the role nobody")
    );
}

#[test]
fn every_example_passes_plan() {
    let user = Deploy::new();
    for (example, functions) in [
        ("hello", 1),
        ("convert", 1),
        ("http", 1),
        ("batch", 1),
        ("workflow", 2),
    ] {
        let file = root().join(format!("examples/deploy/{example}.yaml"));
        let plans = user.json(&["plan", "-f", file.to_str().unwrap()]);
        assert_eq!(plans.as_array().unwrap().len(), functions, "{example}");
        for plan in plans.as_array().unwrap() {
            assert!(
                plan["steps"].to_string().contains("create"),
                "{example}: {plan}"
            );
        }
    }
}

#[test]
fn a_profile_of_single_sign_on_is_used_with_the_token_of_aws_sso_login() {
    let user = Deploy::new();
    user.write(
        ".aws/config",
        "[profile signed-on]
sso_session = mine
sso_account_id = 123456789012
sso_role_name = developer
[sso-session mine]
sso_region = us-east-1
sso_start_url = https://mine.awsapps.com/start
",
    );
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        const ANSWER: &str = r#"{"roleCredentials": {"accessKeyId": "AKIDSSO", "secretAccessKey": "s", "sessionToken": "t",
            "expiration": 4102444800000}}"#;
        let asks = seen.path.starts_with("/federation/credentials");
        asks.then_some((200, "", ANSWER))
    });
    let arguments = ["layer", "ls", "-pf", "signed-on"];
    let (_, stderr) = texts(&user.at(&interceptor.url(), &arguments));
    assert!(stderr.contains("aws sso login"), "{stderr}");
    // Named by the SHA-1 of the session's name, as the AWS CLI does.
    user.write(
        ".aws/sso/cache/8034c43d15bb7ef42e2cc24255217acfc5f4b2f4.json",
        r#"{"accessToken": "token", "expiresAt": "2099-01-01T00:00:00Z", "region": "us-east-1", "startUrl": "https://mine.awsapps.com/start"}"#,
    );
    let output = user.at(&interceptor.url(), &arguments);
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let asked = seen
        .iter()
        .find(|seen| seen.path.starts_with("/federation"))
        .unwrap();
    assert!(asked.path.contains("role_name=developer"), "{}", asked.path);
    assert!(
        asked.headers.contains("x-amz-sso_bearer_token: token"),
        "{}",
        asked.headers
    );
    assert!(seen.last().unwrap().headers.contains("Credential=AKIDSSO/"));
}

#[test]
fn every_verb_reports_as_one_json_value() {
    let user = Deploy::new();
    let (name, bucket) = (user.name("machine"), user.name("machine-data"));
    user.write("one", "1");
    let place = format!("{bucket}/in");
    let api = user.name("machine-api");
    let answering = Interceptor::start(Moto::shared().url(), |_| Some((200, "", "answer")));
    user.configure(|cfg| cfg["aws"]["api_gateway"]["endpoint"] = answering.url().into());
    let lines: &[&[&str]] = &[
        &["config", "path"],
        &["config", "show"],
        &["config", "check"],
        &["plan", "-n", &name, "-i", "busybox"],
        &["init", "-n", &name, "-i", "busybox", "-api", &api],
        &["plan", "-n", &name, "-m", "256"],
        &["update", "-n", &name, "-m", "256"],
        &["ls"],
        &["put", "-b", &place, "-p", "one"],
        &["ls", "-b", &place],
        &["get", "-b", &place, "-p", "back"],
        &["run", "-n", &name],
        &["run", "-n", &name, "-a"],
        &["run", "-n", &name, "-o", "out"],
        &["run", "-n", &name, "-ib", &place],
        &["invoke", "-n", &name],
        &["log", "-n", &name],
        &["layer", "publish"],
        &["layer", "ls"],
        &["layer", "prune"],
        &["rm", "-n", &name],
        &["rm", "-n", &name],
    ];
    for line in lines {
        for flag in ["--json", "-v"] {
            let (stdout, stderr) = texts(&user.output(&[*line, &[flag]].concat()));
            let value: Result<Value, _> = serde_json::from_str(&stdout);
            assert!(value.is_ok(), "{line:?}: {stdout}{stderr}");
        }
    }
    for line in [
        &["run"][..],
        &["ls", "-b", "nobody-has-this"],
        &["rm"],
        &["init", "-f", "missing"],
    ] {
        let output = user.output(&[line, &["-j"]].concat());
        let report: Value = serde_json::from_str(&texts(&output).0).unwrap();
        assert!(
            report["error"].is_string() && !output.status.success(),
            "{line:?}: {report}"
        );
    }
    user.configure(|cfg| cfg["aws"]["iam"]["role"] = "".into());
    let output = user.output(&["config", "check", "--json"]);
    let report: Value = serde_json::from_str(&texts(&output).0).unwrap();
    assert_eq!(
        (&report["role_usable"], output.status.code()),
        (&json!(false), Some(1))
    );
}
