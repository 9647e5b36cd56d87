//! What AWS Batch is told.

use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

use crate::files::{function, with_jobs, with_jobs_in_the_common_bucket};

#[test]
fn jobs_get_the_supervisor_from_the_bucket_and_secrets_from_a_parameter() {
    let user = Deploy::new();
    let name = user.name("jobs");
    let file = with_jobs_in_the_common_bucket(&user, &name);
    user.run(&["init", "-f", &file, "-bm", "2048", "-g"]);
    let made = user.boto(&format!(
        "import base64
b = boto3.client('batch')
definition = b.describe_job_definitions(jobDefinitionName='{name}', status='ACTIVE')['jobDefinitions'][0]
environment = b.describe_compute_environments(computeEnvironments=['{name}'])['computeEnvironments'][0]
template = boto3.client('ec2').describe_launch_template_versions(LaunchTemplateName='faas-supervisor')['LaunchTemplateVersions']
data = [base64.b64decode(t['LaunchTemplateData']['UserData']).decode() for t in template]
# The template is everybody's, with a version for each bucket.
key = [line.split('s3://')[1].split('\"')[0] for text in data for line in text.splitlines() if 's3://faas-supervisor-' in line][0]
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
