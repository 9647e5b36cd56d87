//! Where a function runs: its network, file systems, storage and processor.

use e2e::{Deploy, Interceptor, Moto, texts};
use serde_json::{Value, json};

/// A function file with further keys of `lambda`.
fn file(user: &Deploy, name: &str, keys: &str) -> String {
    let text = format!(
        "functions:\n  aws:\n  - lambda:\n      name: {name}\n      container: {{image: busybox}}\n{keys}"
    );
    user.write("where.yaml", &text).display().to_string()
}

fn configuration(user: &Deploy, name: &str) -> Value {
    user.boto(&format!(
        "show(boto3.client('lambda').get_function_configuration(FunctionName='{name}'))"
    ))
}

const NETWORK: &str = "      vpc:
        SubnetIds: [subnet-b, subnet-a]
        SecurityGroupIds: [sg-1]
";

#[test]
fn a_function_enters_and_leaves_its_network() {
    let user = Deploy::new();
    let name = user.name("network");
    let path = file(
        &user,
        &name,
        &format!("{NETWORK}      ephemeral_storage: 1024\n"),
    );
    user.run(&["init", "-f", &path]);
    let found = configuration(&user, &name);
    assert_eq!(
        found["VpcConfig"]["SubnetIds"],
        json!(["subnet-a", "subnet-b"])
    );
    assert_eq!(found["VpcConfig"]["SecurityGroupIds"], json!(["sg-1"]));
    assert_eq!(found["EphemeralStorage"]["Size"], 1024);
    assert_eq!(user.json(&["plan", "-f", &path])[0]["steps"], json!([]));
    user.run(&["update", "-n", &name, "-m", "256"]);
    let found = configuration(&user, &name);
    assert_eq!(
        found["VpcConfig"]["SubnetIds"],
        json!(["subnet-a", "subnet-b"])
    );
    assert_eq!(found["EphemeralStorage"]["Size"], 1024);

    let path = file(&user, &name, "      ephemeral_storage: {Size: 2048}\n");
    let plan = user.run(&["plan", "-f", &path]);
    assert!(
        plan.contains("vpc.SubnetIds: [\"subnet-a\",\"subnet-b\"] -> (none)")
            && plan.contains("ephemeral_storage: 1024 -> 2048"),
        "{plan}"
    );
    // Moto takes no notice of a change of storage.
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["update", "-f", &path]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let change = seen
        .iter()
        .find(|seen| seen.method == "PUT" && seen.path.ends_with("/configuration"));
    assert!(
        change
            .unwrap()
            .body
            .contains("\"EphemeralStorage\":{\"Size\":2048}")
    );
    let found = configuration(&user, &name);
    let left = found["VpcConfig"]["SubnetIds"].as_array();
    assert!(left.is_none_or(Vec::is_empty), "{found}");
}

#[test]
fn file_systems_are_sent_as_they_are_described() {
    let user = Deploy::new();
    let name = user.name("mounted");
    let mounted = format!(
        "{NETWORK}      file_system:
      - Arn: arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1
        LocalMountPath: /mnt/data
"
    );
    let path = file(&user, &name, &mounted);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let wanted = json!([{
        "Arn": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1",
        "LocalMountPath": "/mnt/data",
    }]);
    for verb in ["init", "update"] {
        let output = user.at(&interceptor.url(), &[verb, "-f", &path]);
        assert!(output.status.success(), "{:?}", texts(&output));
        let sent = |end: &str| {
            let seen = interceptor.seen().into_iter().rev();
            let mut changes = seen.filter(|seen| seen.changes() && seen.path.ends_with(end));
            let body = changes.next().unwrap().body;
            serde_json::from_str::<Value>(&body).unwrap()
        };
        let body = if verb == "init" {
            sent("/functions")
        } else {
            sent("/configuration")
        };
        assert_eq!(body["FileSystemConfigs"], wanted, "{verb}");
    }
}

#[test]
fn a_network_that_cannot_be_is_refused_before_anything_is_made() {
    let user = Deploy::new();
    let name = user.name("nowhere");
    let refused = [
        ("      vpc: {SubnetIds: [a]}\n", "lambda.vpc is "),
        (
            "      vpc: {SubnetIds: [a], SecurityGroupIds: [b], Subnets: [c]}\n",
            "lambda.vpc is ",
        ),
        ("      vpc: [a]\n", "lambda.vpc is "),
        (
            "      file_system: [{Arn: a, LocalMountPath: /mnt/a}]\n",
            "expected lambda.vpc beside it",
        ),
        (
            "      ephemeral_storage: 100\n",
            "a whole number from 512 to 10240",
        ),
        (
            "      ephemeral_storage: {Size: 20000}\n",
            "lambda.ephemeral_storage.Size is 20000",
        ),
        ("      architectures: [mips]\n", "lambda.architectures is"),
    ];
    for (keys, message) in refused {
        let error = user.fails(&["init", "-f", &file(&user, &name, keys)]);
        assert!(
            error.contains(message) && error.contains("where.yaml"),
            "{keys}: {error}"
        );
    }
    let keys = format!("{NETWORK}      file_system: [{{Arn: a, LocalMountPath: /data}}]\n");
    let error = user.fails(&["init", "-f", &file(&user, &name, &keys)]);
    assert!(error.contains("LocalMountPath (/mnt/NAME)"), "{error}");
}

#[test]
fn the_processor_changes_with_code_and_layer_and_stays_otherwise() {
    let user = Deploy::new();
    user.write_layer("arm64");
    let name = user.name("arm");
    let path = file(&user, &name, "      architectures: [arm64]\n");
    user.run(&["init", "-f", &path]);
    let layer = |found: &Value| found["Layers"][0]["Arn"].as_str().unwrap().to_owned();
    let arm = configuration(&user, &name);
    assert_eq!(arm["Architectures"], json!(["arm64"]));
    assert_eq!(user.json(&["plan", "-f", &path])[0]["steps"], json!([]));

    user.run(&["update", "-n", &name, "-m", "256"]);
    let changed = configuration(&user, &name);
    assert_eq!(changed["Architectures"], json!(["arm64"]));
    assert_eq!(
        layer(&changed),
        layer(&arm),
        "the layer of the same processor"
    );

    let path = file(&user, &name, "      architectures: [x86_64]\n");
    let plan = user.run(&["plan", "-f", &path]);
    assert!(plan.contains("architecture: arm64 -> x86_64"), "{plan}");
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["update", "-f", &path]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let code = seen
        .iter()
        .find(|seen| seen.path.ends_with("/code"))
        .unwrap();
    assert!(
        code.body.contains("\"Architectures\":[\"x86_64\"]"),
        "{}",
        code.body
    );
    assert_ne!(layer(&configuration(&user, &name)), layer(&arm));
}
