//! Compute environments that are there already: what can be changed, what cannot, and whose they are.

use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

use crate::files::with_jobs;

/// The role that AWS Batch has by itself, which moto has to be told about.
fn service_linked(user: &Deploy) -> &'static str {
    user.boto(
        "iam = boto3.client('iam')
try: iam.create_role(RoleName='AWSServiceRoleForBatch', Path='/aws-service-role/batch.amazonaws.com/', AssumeRolePolicyDocument='{}')
except iam.exceptions.EntityAlreadyExistsException: pass",
    );
    "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
}

fn body(seen: &[Seen], path: &str) -> Option<Value> {
    let found = seen.iter().find(|seen| seen.path.starts_with(path))?;
    serde_json::from_str(&found.body).ok()
}

fn resources(user: &Deploy, change: impl FnOnce(&mut Value)) {
    user.configure(|cfg| change(&mut cfg["aws"]["batch"]["compute_resources"]));
}

#[test]
fn what_aws_cannot_change_in_place_is_said_and_nothing_is_changed() {
    let user = Deploy::new();
    let name = user.name("fixed");
    let file = with_jobs(&user, &name);
    user.run(&["init", "-f", &file]);
    resources(&user, |keys| keys["instance_types"] = json!(["c5.large"]));
    let plan = user.run(&["plan", "-f", &file, "-m", "256"]);
    let said = "cannot be changed in place (instance_types: [\"m3.medium\"] -> [\"c5.large\"])";
    assert!(
        plan.contains(said) && plan.contains("faas-deploy rm -n"),
        "{plan}"
    );
    let obstacles = user.json(&["plan", "-f", &file])[0]["obstacles"].clone();
    assert_eq!(obstacles.as_array().unwrap().len(), 1);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["update", "-f", &file, "-m", "256"]);
    let (_, stderr) = texts(&output);
    assert!(
        !output.status.success() && stderr.contains(said),
        "{stderr}"
    );
    assert!(!interceptor.seen().iter().any(Seen::changes));
    // Capacity can always be changed.
    resources(&user, |keys| {
        keys["instance_types"] = json!(["m3.medium"]);
        keys["max_v_cpus"] = 8.into();
    });
    let output = user.at(&interceptor.url(), &["update", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let update = body(&interceptor.seen(), "/v1/updatecomputeenvironment").unwrap();
    assert_eq!(
        update,
        json!({ "computeEnvironment": name, "computeResources": { "minvCpus": 0, "maxvCpus": 8 } })
    );
}

#[test]
fn environments_with_the_services_own_role_are_changed_in_place() {
    let user = Deploy::new();
    let name = user.name("open");
    let role = service_linked(&user);
    user.configure(|cfg| cfg["aws"]["batch"]["service_role"] = role.into());
    let file = with_jobs(&user, &name);
    let interceptor = Interceptor::start(Moto::shared().url(), |_| None);
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let created = body(&interceptor.seen(), "/v1/createcomputeenvironment").unwrap();
    assert_eq!(
        created["computeResources"]["allocationStrategy"],
        "BEST_FIT_PROGRESSIVE"
    );
    assert_eq!(created["tags"]["createdby"], "faas-deploy");
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
    resources(&user, |keys| {
        keys["instance_types"] = json!(["c5.large"]);
        keys["type"] = "SPOT".into();
    });
    let plan = user.run(&["plan", "-f", &file]);
    assert!(
        plan.contains("~ change compute environment") && !plan.contains('!'),
        "{plan}"
    );
    let output = user.at(&interceptor.url(), &["update", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    let update = body(&interceptor.seen(), "/v1/updatecomputeenvironment").unwrap();
    assert_eq!(
        update["computeResources"],
        json!({ "instanceTypes": ["c5.large"], "type": "SPOT", "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED" })
    );
}

#[test]
fn the_next_instance_has_the_newest_supervisor_in_an_environment_that_stays() {
    let user = Deploy::new();
    let name = user.name("newer");
    let file = with_jobs(&user, &name);
    let bucket = user.name("own-packages");
    resources(&user, |keys| {
        keys["launch_template_name"] = "template-of-newer".into();
    });
    let arguments = ["init", "-f", &file, "-db", &bucket];
    user.run(&arguments);
    let object = || {
        user.boto(&format!(
            "s3 = boto3.client('s3')
keys = [o['Key'] for o in s3.list_objects_v2(Bucket='{bucket}', Prefix='faas-supervisor/')['Contents']]
show([keys, s3.get_object(Bucket='{bucket}', Key=keys[0])['Body'].read().decode()])"
        ))
    };
    let before = object();
    user.write_layer_of("x86_64", "a newer supervisor");
    let plan = user.run(&["plan", "-f", &file, "-db", &bucket]);
    assert!(plan.contains("supervisor for jobs in bucket"), "{plan}");
    assert!(
        !plan.contains("compute environment") && !plan.contains("launch template"),
        "{plan}"
    );
    user.run(&arguments);
    let after = object();
    assert_eq!(
        (&before[0], &after[1]),
        (&after[0], &json!("a newer supervisor"))
    );
    assert_eq!(
        user.json(&["plan", "-f", &file, "-db", &bucket])[0]["steps"],
        json!([])
    );
}

#[test]
fn a_function_without_jobs_any_more_has_nothing_left_of_them() {
    let user = Deploy::new();
    let name = user.name("former");
    let file = with_jobs(&user, &name);
    user.run(&["init", "-f", &file]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("lambda-batch", "lambda")).unwrap();
    let plan = user.run(&["plan", "-f", &file]);
    for removed in [
        "job definitions of",
        "job queue",
        "compute environment",
        "secret configuration",
    ] {
        assert!(
            plan.contains(&format!("- remove {removed}")),
            "{removed}: {plan}"
        );
    }
    user.run(&["update", "-f", &file]);
    assert_eq!(left(&user, &name), json!([[], [], []]));
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
}

fn left(user: &Deploy, name: &str) -> Value {
    user.boto(&format!(
        "b = boto3.client('batch')
show([[q['jobQueueName'] for q in b.describe_job_queues(jobQueues=['{name}'])['jobQueues']],
  [e['computeEnvironmentName'] for e in b.describe_compute_environments(computeEnvironments=['{name}'])['computeEnvironments']],
  [p['Name'] for p in boto3.client('ssm').describe_parameters()['Parameters'] if '/{name}/' in p['Name']]])"
    ))
}

#[test]
fn what_others_have_of_the_same_name_stays() {
    let user = Deploy::new();
    let name = user.name("theirs");
    user.boto(&format!(
        "boto3.client('batch').create_compute_environment(computeEnvironmentName='{name}', type='UNMANAGED',
  serviceRole='arn:aws:iam::123456789012:role/service-role/AWSBatchServiceRole')"
    ));
    assert!(user.run(&["rm", "-n", &name]).contains("nothing to do"));
    user.run(&["init", "-n", &name, "-i", "busybox"]);
    assert_eq!(
        user.json(&["plan", "-n", &name, "-i", "busybox"])[0]["steps"],
        json!([])
    );
    assert_eq!(left(&user, &name), json!([[], [name], []]));
}
