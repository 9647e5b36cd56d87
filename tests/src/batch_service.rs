//! AWS Batch as moto has it: definitions, queues and what was submitted. No job runs there; [`Job::variables`] is what it
//! would be started with.

use std::collections::BTreeMap;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::moto::Moto;

/// Moto's Batch with a queue and a job definition of one function.
#[derive(Debug)]
pub struct BatchService<'a> {
    moto: &'a Moto,
    client: Client,
}

/// A job as it was submitted.
#[derive(Debug, Clone)]
pub struct Job(pub Value);

impl<'a> BatchService<'a> {
    /// Makes queue and definition called `function`, of `nodes` nodes where there are several.
    pub fn with_function(moto: &'a Moto, function: &str, nodes: Option<u32>) -> Self {
        let service = Self {
            moto,
            client: Client::new(),
        };
        service.post_as(
            "moto",
            "/moto-api/config",
            &json!({ "batch": { "use_docker": false } }),
        );
        let role = service.role(function);
        let environment = service.post(
            "/v1/createcomputeenvironment",
            &json!({
                "computeEnvironmentName": function, "type": "UNMANAGED", "state": "ENABLED",
                "serviceRole": role,
            }),
        );
        service.post(
            "/v1/createjobqueue",
            &json!({
                "jobQueueName": function, "state": "ENABLED", "priority": 1,
                "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": environment["computeEnvironmentArn"] }],
            }),
        );
        let container = json!({
            "image": "busybox", "vcpus": 1, "memory": 128, "command": ["supervisor"],
            "environment": [{ "name": "OF_THE_DEFINITION", "value": "kept" }],
        });
        let definition = match nodes {
            None => json!({
                "jobDefinitionName": function, "type": "container", "containerProperties": container,
            }),
            Some(nodes) => json!({
                "jobDefinitionName": function, "type": "multinode",
                "nodeProperties": {
                    "numNodes": nodes, "mainNode": 0,
                    "nodeRangeProperties": [{ "targetNodes": "0:", "container": container }],
                },
            }),
        };
        service.post("/v1/registerjobdefinition", &definition);
        service
    }

    /// The job of that id; fails if there is none.
    pub fn job(&self, id: &str) -> Job {
        let answer = self.post("/v1/describejobs", &json!({ "jobs": [id] }));
        Job(answer["jobs"][0].clone())
    }

    fn role(&self, name: &str) -> String {
        let url = format!(
            "{}/?Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument=%7B%7D",
            self.moto.url()
        );
        let answer = self
            .client
            .post(url)
            .header("Authorization", signature("iam"))
            .send()
            .unwrap();
        let text = answer.text().unwrap();
        let arn = text
            .split("<Arn>")
            .nth(1)
            .and_then(|rest| rest.split("</Arn>").next());
        arn.unwrap_or_else(|| panic!("no role: {text}")).to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.post_as("batch", path, body)
    }

    fn post_as(&self, service: &str, path: &str, body: &Value) -> Value {
        let answer = self
            .client
            .post(format!("{}{path}", self.moto.url()))
            .header("Authorization", signature(service))
            .body(body.to_string())
            .send()
            .unwrap();
        let status = answer.status();
        let text = answer.text().unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// Moto looks at a signature's scope only, to tell the services apart.
fn signature(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

impl Job {
    /// The variables of its container: those of the submission.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let pairs = self.0["container"]["environment"].as_array();
        let text = |pair: &Value, name: &str| pair[name].as_str().unwrap_or_default().to_owned();
        pairs
            .into_iter()
            .flatten()
            .map(|pair| (text(pair, "name"), text(pair, "value")))
            .collect()
    }
}
