//! Commands about no function, and the examples.

use serde_json::json;
use tests::{Deploy, root};

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
