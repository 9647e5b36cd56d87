//! `faas-deploy` against moto: what it makes there, asserted with another client.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::{Deploy, Interceptor, Moto, Seen, root, texts};

/// A function file with everything: script, buckets, endpoint, and jobs where `batch` says so.
fn function_file(user: &Deploy, name: &str, batch: &str) -> String {
    user.write("hello.sh", "#!/bin/sh\necho hello\n");
    let bucket = format!("{name}-data");
    let text = format!(
        "functions:
  aws:
  - lambda:
      name: {name}
      init_script: hello.sh
      container:
        image: busybox
      input:
      - storage_provider: s3
        path: {bucket}/in
      output:
      - storage_provider: s3
        path: {bucket}/out
    api_gateway:
      name: {name}-web
{batch}"
    );
    user.write(&format!("{name}.yaml"), &text)
        .display()
        .to_string()
}

/// Jobs in the default network, with a store that has keys.
fn with_jobs(user: &Deploy, name: &str) -> String {
    let network = user.boto(
        "ec2 = boto3.client('ec2')
show([ec2.describe_subnets()['Subnets'][0]['SubnetId'], ec2.describe_security_groups()['SecurityGroups'][0]['GroupId']])",
    );
    let batch = format!(
        "    batch:
      compute_resources:
        subnets: [{}]
        security_group_ids: [{}]
storage_providers:
  minio:
    mine:
      endpoint: https://minio.example
      access_key: AKID
      secret_key: very-secret
",
        network[0].as_str().unwrap(),
        network[1].as_str().unwrap()
    );
    let path = function_file(user, name, &batch);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace(
            "      container:",
            "      execution_mode: lambda-batch\n      container:",
        ),
    )
    .unwrap();
    path
}

fn function(user: &Deploy, name: &str) -> Value {
    user.boto(&format!(
        "l = boto3.client('lambda')
f = l.get_function(FunctionName='{name}')
f['Policy'] = json.loads(l.get_policy(FunctionName='{name}')['Policy'])
show(f)"
    ))
}

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
}

#[test]
fn update_changes_what_is_named_and_leaves_the_rest() {
    let user = Deploy::new();
    let name = user.name("changing");
    let file = function_file(&user, &name, "");
    assert!(
        user.fails(&["update", "-f", &file])
            .contains("does not exist")
    );
    user.run(&["init", "-f", &file]);
    user.run(&[
        "update", "-n", &name, "-m", "1024", "-t", "60", "-le", "A=b",
    ]);
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
fn jobs_get_the_supervisor_from_the_bucket_and_secrets_from_a_parameter() {
    let user = Deploy::new();
    let name = user.name("jobs");
    let file = with_jobs(&user, &name);
    user.run(&["init", "-f", &file, "-bm", "2048", "-g"]);
    let made = user.boto(&format!(
        "import base64
b = boto3.client('batch')
definition = b.describe_job_definitions(jobDefinitionName='{name}', status='ACTIVE')['jobDefinitions'][0]
environment = b.describe_compute_environments(computeEnvironments=['{name}'])['computeEnvironments'][0]
template = boto3.client('ec2').describe_launch_template_versions(LaunchTemplateName='faas-supervisor')['LaunchTemplateVersions']
data = [base64.b64decode(t['LaunchTemplateData']['UserData']).decode() for t in template]
key = [line.split('s3://')[1].split('\"')[0] for line in data[-1].splitlines() if 's3://' in line][0]
parameter = boto3.client('ssm').get_parameter(Name='/faas-supervisor/{name}/function-config', WithDecryption=True)['Parameter']
show([definition, environment, data, key, parameter['Type'], base64.b64decode(parameter['Value']).decode()])"
    ));
    let container = &made[0]["containerProperties"];
    assert_eq!(
        container["command"],
        json!(["/opt/faas-supervisor/bin/supervisor"])
    );
    assert_eq!(container["secrets"][0]["name"], "FUNCTION_CONFIG");
    assert!(!container["environment"].to_string().contains("very-secret"));
    assert!(
        !container["environment"]
            .to_string()
            .contains("FUNCTION_CONFIG")
    );
    let requirements = container["resourceRequirements"].to_string();
    assert!(
        requirements.contains("\"2048\"") && requirements.contains("GPU"),
        "{requirements}"
    );
    assert!(
        container["executionRoleArn"]
            .as_str()
            .unwrap()
            .contains("123456789012")
    );
    assert_eq!(
        made[1]["computeResources"]["instanceRole"],
        "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole"
    );
    assert!(made[2].to_string().contains("--aws-sigv4"));
    assert!(
        made[3]
            .as_str()
            .unwrap()
            .starts_with("faas-supervisor-123456789012-us-east-1/faas-supervisor/"),
        "{}",
        made[3]
    );
    assert_eq!(made[4], "SecureString");
    let config: Value = serde_json::from_str(made[5].as_str().unwrap()).unwrap();
    assert_eq!(
        config["storage_providers"]["minio"]["mine"]["secret_key"],
        "very-secret"
    );
    assert_eq!(
        config["deployment"]["bucket"],
        "faas-supervisor-123456789012-us-east-1"
    );
    let variables = function(&user, &name)["Configuration"]["Environment"].to_string();
    assert!(!variables.contains("very-secret"), "{variables}");
}

#[test]
fn jobs_of_several_nodes() {
    let user = Deploy::new();
    let name = user.name("nodes");
    let file = with_jobs(&user, &name);
    let text = std::fs::read_to_string(&file).unwrap();
    let nodes = "    batch:\n      multi_node_parallel: {enabled: true, number_nodes: 3, main_node_index: 1}\n";
    std::fs::write(&file, text.replace("    batch:\n", nodes)).unwrap();
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    let register = |seen: &Seen| seen.path.starts_with("/v1/registerjobdefinition");
    let request = interceptor.seen().into_iter().find(register);
    let request = request.unwrap_or_else(|| panic!("{:?}", texts(&output)));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["type"], "multinode");
    assert_eq!(
        (
            &body["nodeProperties"]["numNodes"],
            &body["nodeProperties"]["mainNode"]
        ),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        body["nodeProperties"]["nodeRangeProperties"][0]["targetNodes"],
        "0:"
    );
}

#[test]
fn wherever_init_breaks_off_the_next_one_goes_on() {
    let user = Deploy::new();
    let name = user.name("broken");
    let file = with_jobs(&user, &name);
    for step in 0.. {
        let count = Arc::new(AtomicUsize::new(0));
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            let number = seen
                .changes()
                .then(|| count.fetch_add(1, Ordering::Relaxed))?;
            // What fails stays so until the end: a crash tries nothing more.
            (number >= step).then_some((403, "AccessDeniedException", "refused by the test"))
        });
        let output = user.at(&interceptor.url(), &["init", "-f", &file]);
        let (_, stderr) = texts(&output);
        if output.status.success() {
            assert!(step > 10, "{step} steps");
            break;
        }
        assert!(
            stderr.contains("done before that: ") && stderr.contains("it goes on from there"),
            "step {step}: {stderr}"
        );
        user.run(&["init", "-f", &file]);
        assert_eq!(
            user.json(&["plan", "-f", &file])[0]["steps"],
            json!([]),
            "step {step}"
        );
        user.run(&["rm", "-f", &file]);
    }
}

#[test]
fn throttling_and_new_roles_are_waited_out() {
    let user = Deploy::new();
    let name = user.name("slow");
    let file = function_file(&user, &name, "");
    let (throttled, unknown) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
        if seen.path.contains("/layers/") && throttled.fetch_add(1, Ordering::Relaxed) < 2 {
            return Some((429, "TooManyRequestsException", "Rate exceeded"));
        }
        let creates = seen.method == "POST" && seen.path.ends_with("/functions");
        let new_role = "The role defined for the function cannot be assumed by Lambda.";
        (creates && unknown.fetch_add(1, Ordering::Relaxed) < 2).then_some((
            400,
            "InvalidParameterValueException",
            new_role,
        ))
    });
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
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

#[test]
fn run_shows_the_output_and_exits_with_the_containers_code() {
    let user = Deploy::new();
    let name = user.name("running");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["run", "-n", &name, "echo", "-tt"]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(call.body, r#"{"cmd_args":"[\"echo\",\"-tt\"]"}"#);
    assert!(call.path.ends_with("/invocations"));
    let script = user.write("script.sh", "true\n");
    user.at(
        &interceptor.url(),
        &["run", "-n", &name, "-s", script.to_str().unwrap()],
    );
    assert_eq!(
        interceptor.seen().pop().unwrap().body,
        r#"{"script":"dHJ1ZQo="}"#
    );
    assert!(
        user.run(&["run", "-n", &name, "-a"])
            .contains("has been started")
    );
    let failing = Interceptor::start(Moto::shared().url(), |seen| {
        const ANSWER: &str = r#"{"statusCode": 500, "headers": {"x-faas-exit-code": "7"}, "body": "AP9i", "isBase64Encoded": true}"#;
        seen.path
            .ends_with("/invocations")
            .then_some((200, "", ANSWER))
    });
    let output = user.at(&failing.url(), &["run", "-n", &name]);
    let expected = (Some(7), b"\x00\xffb".as_slice());
    assert_eq!((output.status.code(), output.stdout.as_slice()), expected);
    user.at(&failing.url(), &["run", "-n", &name, "-o", "out.bin"]);
    assert_eq!(std::fs::read(user.path("out.bin")).unwrap(), b"\x00\xffb");
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
    let text = text.replace("container: {", "container: {create_image: false, ");
    user.write("image.yaml", &text);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    let is_creation = |seen: &Seen| seen.method == "POST" && seen.path.ends_with("/functions");
    let created = interceptor.seen().into_iter().find(is_creation);
    let created = created.unwrap_or_else(|| panic!("{:?}", texts(&output)));
    let body: Value = serde_json::from_str(&created.body).unwrap();
    assert_eq!(body["PackageType"], "Image");
    assert!(body.get("Layers").is_none() && body.get("Runtime").is_none());
    assert!(body["Environment"]["Variables"]["FDL"].is_string());
}

#[test]
fn run_on_a_bucket_sends_every_file() {
    let user = Deploy::new();
    let (name, bucket) = (user.name("many"), user.name("files"));
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    for number in 0..5 {
        user.write(&format!("data/a file {number}"), "x");
    }
    user.run(&["put", "-b", &format!("{bucket}/in"), "-p", "data"]);
    assert_eq!(
        user.json(&["ls", "-b", &format!("{bucket}/in")])
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(
        &interceptor.url(),
        &["run", "-n", &name, "-ib", &format!("{bucket}/in")],
    );
    assert!(output.status.success(), "{:?}", texts(&output));
    let seen = interceptor.seen();
    let calls: Vec<_> = seen
        .iter()
        .filter(|seen| seen.path.ends_with("/invocations"))
        .collect();
    assert_eq!(calls.len(), 5);
    assert!(calls[0].body.contains("in/a+file+0"), "{}", calls[0].body);
    user.run(&["get", "-b", &format!("{bucket}/in"), "-p", "back"]);
    assert_eq!(
        std::fs::read_to_string(user.path("back/a file 4")).unwrap(),
        "x"
    );
}

#[test]
fn invoke_calls_the_endpoint() {
    let user = Deploy::new();
    let name = user.name("http");
    user.run(&[
        "init",
        "-n",
        &name,
        "-i",
        "busybox",
        "-api",
        &user.name("api"),
    ]);
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        seen.path
            .starts_with("/called")
            .then_some((200, "", "answer"))
    });
    user.configure(|cfg| {
        cfg["aws"]["api_gateway"]["endpoint"] =
            format!("{}/called/{{stage_name}}/launch", interceptor.url()).into();
    });
    assert!(
        user.run(&["invoke", "-n", &name, "-p", r#"{"a b": ["1", 2]}"#])
            .contains("answer")
    );
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("GET", "/called/scar/launch?a%20b=1&a%20b=2")
    );
    let data = user.write("data.bin", "bytes");
    user.run(&["invoke", "-n", &name, "-db", data.to_str().unwrap()]);
    let call = interceptor.seen().pop().unwrap();
    assert_eq!(
        (call.method.as_str(), call.body.as_str()),
        ("POST", "Ynl0ZXM=")
    );
    user.write("large.bin", &"x".repeat(9_000_000));
    assert!(
        user.fails(&["invoke", "-n", &name, "-db", "large.bin"])
            .contains("the endpoint takes 10485760")
    );
    assert!(
        user.fails(&["invoke", "-n", "nobody"])
            .contains("has no HTTP endpoint")
    );
}

#[test]
fn logs_are_shown_by_stream_and_request() {
    let user = Deploy::new();
    let name = user.name("logging");
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    user.boto(&format!(
        "import time
logs = boto3.client('logs'); now = int(time.time() * 1000); group = '/aws/lambda/{name}'
for stream in ['one', 'two']:
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    lines = ['START RequestId: id-' + stream, 'line of ' + stream, 'REPORT RequestId: id-' + stream, 'afterwards']
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[dict(timestamp=now + i, message=l) for i, l in enumerate(lines)])"
    ));
    let all = user.run(&["log", "-n", &name]);
    assert!(
        all.contains("line of one") && all.contains("line of two"),
        "{all}"
    );
    let one = user.run(&["log", "-n", &name, "-ls", "one"]);
    assert!(
        one.contains("line of one") && !one.contains("line of two"),
        "{one}"
    );
    let request = user.run(&["log", "-n", &name, "-ri", "id-two"]);
    assert!(
        request.contains("line of two")
            && !request.contains("line of one")
            && !request.contains("afterwards"),
        "{request}"
    );
}

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
