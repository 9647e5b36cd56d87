//! Delegates a record to an AWS Batch job: `RunPlan → variables → SubmitJob → job id`.
//!
//! A job is the supervisor again, in the user's image ([`crate::entry::job`]). It gets the record's event in the
//! variable `EVENT`, or, where that is too long for a job, a [`pointer`](message) to an object that holds it.

mod error;
pub mod message;
pub mod request;

use std::{path::PathBuf, time::Duration};

use aws_sdk_batch::{Client, error::ProvideErrorMetadata};
use tokio::sync::OnceCell;

use crate::plan::RunPlan;
use config::{FunctionConfig, MultiNode, ProviderId, location::Key, split_path};
use net::{
    Network,
    aws::own_role_config,
    error::chain,
    retry::{Backoff, Growth, Jitter},
};
use storage::{Progress, Stores};

pub use error::DelegationError;
use message::{Envelope, Pointer};
use request::{JobVariables, Sender};

/// Tries of one submission. `SubmitJob` is throttled per account and fails now and then.
const SUBMISSION: Backoff = Backoff {
    attempts: 6,
    first: Duration::from_secs(1),
    growth: Growth::Double,
    longest: Duration::from_secs(20),
    budget: None,
    jitter: Jitter::Full,
};

/// Submits jobs; connects at the first one.
#[derive(Debug)]
pub struct Delegator {
    region: Option<String>,
    network: Network,
    nodes: Option<MultiNode>,
    event_path: Option<String>,
    client: OnceCell<Client>,
}

impl Delegator {
    /// Nothing is connected yet. `region` and `network` are the environment's.
    pub fn new(config: &FunctionConfig, region: Option<String>, network: Network) -> Self {
        Self {
            region,
            network,
            nodes: config.multi_node_parallel.filter(|nodes| nodes.enabled),
            event_path: config.event_path.clone(),
            client: OnceCell::new(),
        }
    }

    /// Submits the record of `plan` as a job and answers the job's id. `scratch` is a file that may be made for it.
    ///
    /// # Errors
    /// [`DelegationError`]; there is no job then.
    pub async fn delegate(
        &self,
        stores: &Stores,
        plan: &RunPlan,
        sender: &Sender,
        scratch: PathBuf,
    ) -> Result<String, DelegationError> {
        let function = sender.function.clone().ok_or(DelegationError::NoName)?;
        let envelope = Envelope::new(plan)?;
        let variables = match JobVariables::inline(&envelope, sender) {
            Ok(variables) => variables,
            Err(why) => {
                let pointer = self.put(stores, &envelope, sender, &why, scratch).await?;
                JobVariables::pointing(&pointer, sender)
            }
        };
        self.submit(&function, &variables).await
    }

    /// Puts the event into an object.
    async fn put(
        &self,
        stores: &Stores,
        envelope: &Envelope,
        sender: &Sender,
        why: &str,
        scratch: PathBuf,
    ) -> Result<Pointer, DelegationError> {
        let place = self.event_path.as_deref().and_then(split_path);
        let (bucket, folder) = place.ok_or_else(|| DelegationError::NoEventPath {
            why: why.to_owned(),
        })?;
        let local = |error: &dyn std::fmt::Display| DelegationError::Local(error.to_string());
        let name = sender.object_name(&folder);
        let key = Key::new(name).map_err(|error| local(&error))?;
        tokio::fs::write(&scratch, envelope.to_json())
            .await
            .map_err(|error| local(&format!("{}: {error}", scratch.display())))?;
        let store = stores.get(&ProviderId::own_role()).await?;
        let progress = Progress::default();
        let sent = store.upload(&scratch, &bucket, &key, "application/json", &progress);
        sent.await?;
        tracing::info!(%bucket, %key, "{why}: the job reads it from an object");
        Ok(Pointer {
            bucket: bucket.to_string(),
            key: key.to_string(),
        })
    }

    async fn submit(
        &self,
        function: &str,
        variables: &JobVariables,
    ) -> Result<String, DelegationError> {
        let failed = |detail, hint| DelegationError::Submit {
            function: function.to_owned(),
            detail,
            hint,
        };
        let request = self.client().await.submit_job();
        let request = request
            .job_name(function)
            .job_queue(function)
            .job_definition(function);
        let request = match self.nodes {
            None => request.container_overrides(variables.overrides()),
            Some(nodes) => request.node_overrides(variables.node_overrides(nodes)),
        };
        let answer = request.send().await.map_err(|error| {
            let hint = hint(error.code().unwrap_or_default());
            failed(chain(&error), hint)
        })?;
        answer
            .job_id
            .filter(|id| !id.is_empty())
            .ok_or_else(|| failed("the service answered without a job id".to_owned(), ""))
    }

    async fn client(&self) -> &Client {
        let connect = async {
            let region = self.region.clone();
            let shared = Box::pin(own_role_config(region, &self.network)).await;
            let config = aws_sdk_batch::config::Builder::from(&shared)
                .retry_config(SUBMISSION.retry_config());
            Client::from_conf(config.build())
        };
        self.client.get_or_init(|| connect).await
    }
}

/// What to do about an error code (AWS Batch API reference, "Common errors" and `SubmitJob`).
fn hint(code: &str) -> &'static str {
    match code {
        "AccessDeniedException" | "AccessDenied" => {
            "; the function's role needs batch:SubmitJob on its job definition and queue"
        }
        "ClientException" => {
            "; check that a job definition and an enabled job queue of this name exist"
        }
        "" => {
            "; check that the function can reach AWS Batch (in a VPC it needs an endpoint or a NAT gateway)"
        }
        _ => "",
    }
}
