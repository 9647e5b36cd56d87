//! What `init`, `update` and `rm` make, change and remove of a function.

use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

use crate::files::{function, function_file, with_jobs};

#[test]
fn init_makes_everything_and_plan_then_has_nothing_to_do() {
    let user = Deploy::new();
    let name = user.name("whole");
    let file = function_file(&user, &name, "");
    let planned = user.json(&["plan", "-f", &file]);
    let before = user.boto("show(boto3.client('lambda').list_functions()['Functions'])");
    assert!(!before.to_string().contains(&name), "plan touches nothing");
    let report = user.json(&["init", "-f", &file]);
    assert_eq!(report[0]["steps"], planned[0]["steps"]);
    assert!(report[0]["url"].as_str().unwrap().ends_with("/scar/launch"));

    let found = function(&user, &name);
    let configuration = &found["Configuration"];
    assert_eq!(configuration["MemorySize"], 512);
    assert_eq!(configuration["Timeout"], 300);
    assert_eq!(configuration["Runtime"], "python3.13");
    assert_eq!(
        configuration["Role"],
        "arn:aws:iam::123456789012:role/functions"
    );
    let variables = &configuration["Environment"]["Variables"];
    assert_eq!(variables["AWS_LAMBDA_EXEC_WRAPPER"], "/opt/exec-wrapper");
    assert_eq!(variables["UDOCKER_EXEC"], "/opt/udocker/udocker.py");
    assert!(
        configuration["Layers"][0]["Arn"]
            .as_str()
            .unwrap()
            .contains(&format!("supervisor-{}:1", user.id))
    );
    assert_eq!(found["Tags"]["createdby"], "faas-deploy");
    let policy = found["Policy"].to_string();
    assert!(
        policy.contains("\"AWS:SourceAccount\":\"123456789012\"")
            || policy.contains("\"aws:SourceAccount\":\"123456789012\""),
        "{policy}"
    );
    assert!(policy.contains("/scar/ANY"), "{policy}");

    let others = user.boto(&format!(
        "group = boto3.client('logs').describe_log_groups(logGroupNamePrefix='/aws/lambda/{name}')['logGroups'][0]
note = boto3.client('s3').get_bucket_notification_configuration(Bucket='{name}-data')
keys = [o['Key'] for o in boto3.client('s3').list_objects_v2(Bucket='{name}-data')['Contents']]
layer = boto3.client('lambda').list_layer_versions(LayerName='supervisor-{}')['LayerVersions'][0]
show([group['retentionInDays'], note['LambdaFunctionConfigurations'], keys, layer])",
        user.id
    ));
    assert_eq!(others[0], 30);
    assert_eq!(
        others[1][0]["Filter"]["Key"]["FilterRules"][0]["Value"],
        "in/"
    );
    assert_eq!(others[2], json!(["in/", "out/"]));
    assert!(
        others[3]["Description"]
            .as_str()
            .unwrap()
            .starts_with("faas-supervisor 0.1.0 sha256:")
    );
    assert_eq!(others[3]["LicenseInfo"], "Apache 2.0");
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
    assert!(user.run(&["ls"]).contains(&name));

    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(
        "      container:",
        "      tags: {project: one}\n      container:",
    );
    std::fs::write(&file, text).unwrap();
    user.run(&["update", "-f", &file]);
    let tags = user.boto(&format!(
        "arn = 'arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/{name}'
show(boto3.client('logs').list_tags_for_resource(resourceArn=arn)['tags'])"
    ));
    assert_eq!(
        (&tags["project"], &tags["createdby"]),
        (&json!("one"), &json!("faas-deploy"))
    );
    assert_eq!(function(&user, &name)["Tags"]["project"], "one");
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
}

#[test]
fn update_changes_what_is_named_and_leaves_the_rest() {
    let user = Deploy::new();
    let name = user.name("changing");
    let days = "    cloudwatch: {log_retention_policy_in_days: 7}\n";
    let file = function_file(&user, &name, days);
    assert!(
        user.fails(&["update", "-f", &file])
            .contains("does not exist")
    );
    user.run(&["init", "-f", &file]);
    user.run(&[
        "update", "-n", &name, "-m", "1024", "-t", "60", "-le", "A=b",
    ]);
    let retention = user.boto(&format!(
        "show(boto3.client('logs').describe_log_groups(logGroupNamePrefix='/aws/lambda/{name}')['logGroups'][0]['retentionInDays'])"
    ));
    assert_eq!(retention, 7, "nobody named it");
    let found = function(&user, &name)["Configuration"].clone();
    assert_eq!(
        (&found["MemorySize"], &found["Timeout"]),
        (&json!(1024), &json!(60))
    );
    assert_eq!(found["Environment"]["Variables"]["A"], "b");
    assert_eq!(
        found["Environment"]["Variables"]["UDOCKER_DIR"],
        "/tmp/shared/udocker"
    );
    assert!(
        user.fails(&["update", "-n", &name, "-tt", "5"])
            .contains("--timeout-threshold")
    );
    std::fs::write(user.path("hello.sh"), "#!/bin/sh\necho changed\n").unwrap();
    let plan = user.run(&["plan", "-f", &file]);
    assert!(
        plan.contains("code: ") && plan.contains("memory: 1024 -> 512"),
        "{plan}"
    );
    user.run(&["update", "-f", &file]);
    assert_eq!(function(&user, &name)["Configuration"]["MemorySize"], 512);
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
}

#[test]
fn rm_leaves_nothing_but_data_and_others_notifications() {
    let user = Deploy::new();
    let name = user.name("going");
    let file = with_jobs(&user, &name);
    user.boto(&format!(
        "s3 = boto3.client('s3'); s3.create_bucket(Bucket='{name}-data')
queue = boto3.client('sqs').create_queue(QueueName='{name}')['QueueUrl']
s3.put_bucket_notification_configuration(Bucket='{name}-data', NotificationConfiguration={{'QueueConfigurations': [
  {{'Id': 'theirs', 'QueueArn': 'arn:aws:sqs:us-east-1:123456789012:{name}', 'Events': ['s3:ObjectRemoved:*']}}]}})"
    ));
    user.run(&["init", "-f", &file]);
    user.run(&["rm", "-n", &name]);
    let left = user.boto(&format!(
        "note = boto3.client('s3').get_bucket_notification_configuration(Bucket='{name}-data')
functions = [f['FunctionName'] for f in boto3.client('lambda').list_functions()['Functions'] if f['FunctionName'] == '{name}']
groups = boto3.client('logs').describe_log_groups(logGroupNamePrefix='/aws/lambda/{name}')['logGroups']
apis = [a for a in boto3.client('apigateway').get_rest_apis()['items'] if a['name'] == '{name}-web']
b = boto3.client('batch')
batch = [b.describe_job_queues(jobQueues=['{name}'])['jobQueues'], b.describe_compute_environments(computeEnvironments=['{name}'])['computeEnvironments'],
  b.describe_job_definitions(jobDefinitionName='{name}', status='ACTIVE')['jobDefinitions']]
parameters = [p for p in boto3.client('ssm').describe_parameters()['Parameters'] if '/{name}/' in p['Name']]
show([note.get('LambdaFunctionConfigurations', []), note['QueueConfigurations'][0]['Id'], functions, groups, apis, batch, parameters])"
    ));
    assert_eq!(left, json!([[], "theirs", [], [], [], [[], [], []], []]));
    assert!(user.run(&["rm", "-n", &name]).contains("nothing to do"));
    user.run(&["rm", "-f", &file]);
}

#[test]
fn an_image_function_carries_its_configuration_in_a_variable() {
    let user = Deploy::new();
    let name = user.name("image");
    let text = format!(
        "functions: {{aws: [{{lambda: {{name: {name}, runtime: image, \
         container: {{image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1'}}}}}}]}}"
    );
    let file = user.write("image.yaml", &text).display().to_string();
    assert!(
        user.fails(&["init", "-f", &file])
            .contains("create_image to false")
    );
    let text = text.replace(
        "container: {",
        "init_script: own.sh, container: {create_image: false, ",
    );
    user.write("image.yaml", &text);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    let is_creation = |seen: &Seen| seen.method == "POST" && seen.path.ends_with("/functions");
    let created = interceptor.seen().into_iter().find(is_creation);
    assert!(
        texts(&output)
            .1
            .contains("own.sh has to be in the image already")
    );
    let created = created.unwrap_or_else(|| panic!("{:?}", texts(&output)));
    let body: Value = serde_json::from_str(&created.body).unwrap();
    assert_eq!(body["PackageType"], "Image");
    assert!(body.get("Layers").is_none() && body.get("Runtime").is_none());
    assert!(body["Environment"]["Variables"]["FDL"].is_string());
}

#[test]
fn packages_are_measured_before_they_are_sent() {
    let user = Deploy::new();
    let name = user.name("large");
    user.write("extra/data", &"x".repeat(100_000));
    let arguments = ["init", "-n", &name, "-i", "busybox", "-ep", "extra"];
    user.configure(|cfg| cfg["aws"]["lambda"]["deployment"]["max_payload_size"] = 100.into());
    let error = user.fails(&arguments);
    assert!(
        error.contains("max_payload_size is 100") && error.contains("-db"),
        "{error}"
    );
    let bucket = user.name("packages");
    user.run(&[arguments.as_slice(), &["-db", &bucket]].concat());
    let key = format!(
        "show([o['Key'] for o in boto3.client('s3').list_objects_v2(Bucket='{bucket}').get('Contents', [])])"
    );
    assert_eq!(user.boto(&key), json!([format!("lambda/{name}.zip")]));
    user.run(&["rm", "-n", &name]);
    assert_eq!(user.boto(&key), json!([]));
    user.configure(|cfg| cfg["aws"]["lambda"]["deployment"]["max_s3_payload_size"] = 1000.into());
    let error = user.fails(&arguments);
    assert!(
        error.contains("unpacked and lambda.deployment.max_s3_payload_size is 1000"),
        "{error}"
    );
}
