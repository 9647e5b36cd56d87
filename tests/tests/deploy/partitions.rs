//! The parts of AWS that have ARNs of their own.

use e2e::Deploy;
use serde_json::json;

use crate::files::with_jobs;

#[test]
fn other_parts_of_aws_have_arns_of_their_own() {
    for (region, partition) in [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")] {
        let user = Deploy::in_region(region);
        let name = user.name("part");
        let file = with_jobs(&user, &name);
        user.run(&["init", "-f", &file]);
        let made = user.boto(&format!(
            "api = boto3.client('apigateway')
id = [a['id'] for a in api.get_rest_apis(limit=500)['items'] if a['name'] == '{name}-web'][0]
resources = api.get_resources(restApiId=id, embed=['methods'])['items']
batch = boto3.client('batch')
show([boto3.client('lambda').get_policy(FunctionName='{name}')['Policy'],
  boto3.client('s3').get_bucket_notification_configuration(Bucket='{name}-data')['LambdaFunctionConfigurations'],
  [api.get_rest_api(restApiId=id)['endpointConfiguration'], [r.get('resourceMethods') for r in resources]],
  batch.describe_job_definitions(jobDefinitionName='{name}', status='ACTIVE')['jobDefinitions'],
  batch.describe_compute_environments(computeEnvironments=['{name}'])['computeEnvironments']])"
        ));
        for part in made.as_array().unwrap() {
            let text = part.to_string();
            assert!(text.contains(&format!("arn:{partition}:")), "{text}");
            assert!(!text.contains("arn:aws:"), "{text}");
        }
        // Nothing else can be made there.
        assert_eq!(made[2][0]["types"], json!(["REGIONAL"]));
        let plan = user.json(&["plan", "-f", &file]);
        assert_eq!(plan[0]["steps"], json!([]), "{plan}");
        let check = user.run(&["config", "check"]);
        assert!(
            check.contains(&format!("arn:{partition}:s3:::*")),
            "{check}"
        );
        user.run(&["rm", "-f", &file]);
    }
}
