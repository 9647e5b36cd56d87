//! Every key of `scar.cfg` that concerns AWS: with another value, something else is sent.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use e2e::{Deploy, Interceptor, Moto, Seen, texts};
use serde_json::{Value, json};

/// Key, its value as JSON, and what then has to be in a request. `ENDPOINT`, `SUBNET`, `GROUP` and `LAYER` are filled in.
const KEYS: &str = r#"
iam.boto_profile | "iam" | Credential=AKIDIAM/
iam.role | "other-role" | role/other-role"
lambda.boto_profile | "lambda" | Credential=AKIDLAMBDA/
lambda.region | "eu-west-1" | /eu-west-1/lambda/aws4_request
lambda.execution_mode | "batch" | /v1/createcomputeenvironment
lambda.timeout | 77 | "Timeout":77
lambda.memory | 777 | "MemorySize":777
lambda.description | "described" | "Description":"described"
lambda.runtime | "python3.12" | "Runtime":"python3.12"
lambda.layers | ["LAYER"] | LAYER
lambda.log_type | "None" | x-amz-log-type: None
lambda.log_level | "DEBUG" | "log_level": "DEBUG"
lambda.environment.Variables | {"MINE": "own"} | "MINE":"own"
lambda.container.environment.Variables | {"INSIDE": "container"} | "INSIDE": "container"
lambda.container.timeout_threshold | 33 | "timeout_threshold": 33
lambda.supervisor.layer_name | "another-layer" | /layers/another-layer/versions
lambda.supervisor.license_info | "a licence" | "LicenseInfo":"a licence"
s3.boto_profile | "s3" | Credential=AKIDS3/
s3.region | "eu-central-1" | /eu-central-1/s3/aws4_request
s3.event | {"mine": "{bucket_name}/{file_key}"} | "mine":"keys-data/in/file"
api_gateway.boto_profile | "api" | Credential=AKIDAPI/
api_gateway.region | "eu-west-3" | /eu-west-3/apigateway/aws4_request
api_gateway.endpoint | "ENDPOINT/called/{stage_name}" | GET /called/another-stage
api_gateway.request_parameters | {"integration.request.header.Q": "method.request.header.Q"} | integration.request.header.Q
api_gateway.http_method | "POST" | /methods/POST
api_gateway.method.authorizationType | "AWS_IAM" | "authorizationType":"AWS_IAM"
api_gateway.method.requestParameters | {"method.request.header.R": true} | "method.request.header.R":true
api_gateway.integration.type | "AWS" | "type":"AWS"
api_gateway.integration.integrationHttpMethod | "PUT" | "httpMethod":"PUT"
api_gateway.integration.uri | "arn:aws:apigateway:{api_region}:lambda:path/2015-03-31/functions/arn:aws:lambda:{lambda_region}:{account_id}:function:{function_name}:live/invocations" | arn:aws:lambda:eu-west-1:123456789012:function:keys:live
api_gateway.integration.requestParameters | {"integration.request.header.S": "method.request.header.S"} | integration.request.header.S
api_gateway.path_part | "{rest+}" | "pathPart":"{rest+}"
api_gateway.stage_name | "another-stage" | "stageName":"another-stage"
api_gateway.service_id | "another.service" | "Principal":"another.service"
api_gateway.source_arn_testing | "arn:aws:execute-api:{api_region}:{account_id}:{api_id}/testing" | /testing"
api_gateway.source_arn_invocation | "arn:aws:execute-api:{api_region}:{account_id}:{api_id}/{stage_name}/one" | /another-stage/one"
cloudwatch.boto_profile | "logs" | Credential=AKIDLOGS/
cloudwatch.region | "eu-west-2" | /eu-west-2/logs/aws4_request
cloudwatch.log_retention_policy_in_days | 7 | "retentionInDays":7
batch.boto_profile | "batch" | Credential=AKIDBATCH/
batch.region | "eu-north-1" | /eu-north-1/batch/aws4_request
batch.vcpus | 3 | {"value":"3","type":"VCPU"}
batch.memory | 3333 | {"value":"3333","type":"MEMORY"}
batch.enable_gpu | true | {"value":"1","type":"GPU"}
batch.state | "DISABLED" | "state":"DISABLED"
batch.environment.Variables | {"OF": "jobs"} | {"name":"OF","value":"jobs"}
batch.compute_resources.security_group_ids | ["GROUP"] | "securityGroupIds":["GROUP"]
batch.compute_resources.type | "SPOT" | "type":"SPOT"
batch.compute_resources.desired_v_cpus | 5 | "desiredvCpus":5
batch.compute_resources.min_v_cpus | 4 | "minvCpus":4
batch.compute_resources.max_v_cpus | 9 | "maxvCpus":9
batch.compute_resources.subnets | ["SUBNET"] | "subnets":["SUBNET"]
batch.compute_resources.instance_types | ["c5.large"] | "instanceTypes":["c5.large"]
batch.compute_resources.launch_template_name | "another-template" | LaunchTemplateName=another-template
batch.compute_resources.instance_role | "arn:aws:iam::{account_id}:instance-profile/ecsInstanceRole" | "instanceRole":"arn:aws:iam::123456789012:instance-profile/ecsInstanceRole"
batch.service_role | "arn:aws:iam::{account_id}:role/other-role" | "serviceRole":"arn:aws:iam::123456789012:role/other-role"
"#;

/// What a request says, with the configuration of jobs as text.
fn text(seen: &Seen) -> String {
    let job: Value = serde_json::from_str(&seen.body).unwrap_or_default();
    let variables = job
        .pointer("/containerProperties/environment")
        .and_then(Value::as_array);
    let config = variables
        .into_iter()
        .flatten()
        .find(|pair| pair["name"] == "FUNCTION_CONFIG");
    let config = config.and_then(|pair| BASE64_STANDARD.decode(pair["value"].as_str()?).ok());
    let config = String::from_utf8(config.unwrap_or_default()).unwrap();
    format!(
        "{} {}\n{}{}\n{}\n{config}",
        seen.method, seen.path, seen.headers, seen.target, seen.body
    )
}

/// What exists before: a role, a network and a layer in the regions that the keys name, and a file in a bucket.
fn prepare(user: &Deploy) -> Value {
    user.write(
        ".aws/credentials",
        &["iam", "lambda", "s3", "api", "logs", "batch"]
            .map(|name| {
                format!(
                    "[{name}]\naws_access_key_id = AKID{}\naws_secret_access_key = s\n",
                    name.to_uppercase()
                )
            })
            .concat(),
    );
    user.boto(
        "iam = boto3.client('iam')
iam.create_role(RoleName='other-role', AssumeRolePolicyDocument='{}')
s3 = boto3.client('s3', region_name='eu-central-1')
s3.create_bucket(Bucket='keys-data', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
s3.put_object(Bucket='keys-data', Key='in/file', Body=b'x')
import io, zipfile
data = io.BytesIO(); z = zipfile.ZipFile(data, 'w'); z.writestr('a', 'b'); z.close()
layer = boto3.client('lambda', region_name='eu-west-1').publish_layer_version(LayerName='mine', Content={'ZipFile': data.getvalue()})
ec2 = boto3.client('ec2', region_name='eu-north-1')
show([ec2.describe_subnets()['Subnets'][0]['SubnetId'], ec2.describe_security_groups()['SecurityGroups'][0]['GroupId'], layer['LayerVersionArn']])",
    )
}

#[test]
fn every_key_changes_what_aws_receives() {
    let user = Deploy::new();
    let made = prepare(&user);
    let interceptor = Interceptor::start(Moto::shared().url(), |seen| {
        seen.path
            .starts_with("/called")
            .then_some((200, "", "answer"))
    });
    let fill = |text: &str| {
        let values = [
            ("SUBNET", &made[0]),
            ("GROUP", &made[1]),
            ("LAYER", &made[2]),
        ];
        let text = text.replace("ENDPOINT", &interceptor.url());
        values.iter().fold(text, |text, (name, value)| {
            text.replace(name, value.as_str().unwrap())
        })
    };
    let rows: Vec<(String, Value, String)> = KEYS
        .trim()
        .lines()
        .map(|line| {
            let parts: Vec<_> = line.split(" | ").collect();
            (
                parts[0].to_owned(),
                serde_json::from_str(&fill(parts[1])).unwrap(),
                fill(parts[2]),
            )
        })
        .collect();
    user.configure(|cfg| {
        for (key, value, _) in &rows {
            let place = format!("/aws/{}", key.replace('.', "/"));
            *cfg.pointer_mut(&place).unwrap_or_else(|| panic!("{key}")) = value.clone();
        }
    });
    let run = |arguments: &[&str]| {
        let output = user.at(&interceptor.url(), arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}",
            texts(&output)
        );
    };
    run(&[
        "init",
        "-n",
        "keys",
        "-i",
        "busybox",
        "-ob",
        "keys-data/out",
        "-api",
        "keys-api",
    ]);
    let other_region = ["init", "-n", "keys", "-i", "busybox", "-ib", "keys-data/in"];
    let (_, error) = texts(&user.at(&interceptor.url(), &other_region));
    assert!(
        error.contains("s3.region is eu-central-1 and lambda.region is eu-west-1"),
        "{error}"
    );
    run(&["run", "-n", "keys", "-ib", "keys-data/in"]);
    run(&["run", "-n", "keys"]);
    run(&["invoke", "-n", "keys"]);
    let all: String = interceptor.seen().iter().map(text).collect();
    let missing: Vec<_> = rows
        .iter()
        .filter(|(_, _, sign)| !all.contains(sign))
        .map(|(key, _, sign)| format!("{key}: {sign}"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");

    let last_call = |key: &str, value: Value| {
        user.configure(|cfg| cfg["aws"]["lambda"][key] = value);
        run(&["run", "-n", "keys"]);
        interceptor.seen().pop().unwrap().headers
    };
    assert!(
        last_call("invocation_type", json!("DryRun")).contains("x-amz-invocation-type: DryRun")
    );
    assert!(last_call("asynchronous", json!(true)).contains("x-amz-invocation-type: Event"));
}
