//! Function files that the tests deploy, and what came of them.

use e2e::Deploy;
use serde_json::Value;

/// A function file with everything: script, buckets, endpoint, and jobs where `batch` says so.
pub(crate) fn function_file(user: &Deploy, name: &str, batch: &str) -> String {
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
pub(crate) fn with_jobs(user: &Deploy, name: &str) -> String {
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
            &format!(
                "      execution_mode: lambda-batch\n      deployment:\n        bucket: {name}-jobs\n      container:"
            ),
        ),
    )
    .unwrap();
    path
}

/// The same in the bucket that is made where none is named; only one test at a time, as each user has a supervisor of its own.
pub(crate) fn with_jobs_in_the_common_bucket(user: &Deploy, name: &str) -> String {
    let path = with_jobs(user, name);
    let text = std::fs::read_to_string(&path).unwrap();
    let named = format!("      deployment:\n        bucket: {name}-jobs\n");
    std::fs::write(&path, text.replace(&named, "")).unwrap();
    path
}

pub(crate) fn function(user: &Deploy, name: &str) -> Value {
    user.boto(&format!(
        "l = boto3.client('lambda')
f = l.get_function(FunctionName='{name}')
f['Policy'] = json.loads(l.get_policy(FunctionName='{name}')['Policy'])
show(f)"
    ))
}
