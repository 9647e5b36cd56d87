//! Records that go on, or begin, as AWS Batch jobs.

use crate::{
    batch::request::Sender,
    config::ExecutionMode,
    container::Stop,
    plan::RunPlan,
    response::{Failure, Outcome},
};

use super::{Broken, Limits, Runner, narration};

impl Runner<'_> {
    /// Whether no record is to run here at all.
    pub(super) fn delegates_at_once(&self) -> bool {
        let batch = self.services.config.execution_mode == ExecutionMode::Batch;
        batch && self.services.delegator.is_some()
    }

    /// What a record that did not come to an end of its own comes to, and a line for its log where a job takes it over.
    pub(super) async fn settle(
        &self,
        broken: Broken,
        index: usize,
        plan: &RunPlan,
    ) -> (Outcome, Option<String>) {
        let (why, otherwise) = match broken {
            Broken::Failed(failure) => return (Outcome::Failed(failure), None),
            Broken::Cancelled(signal) => return (Outcome::Killed { signal }, None),
            Broken::NoRoom(failure) => ("it does not fit here", Outcome::Failed(failure)),
            Broken::TimedOut(_) => ("the time here is over", Outcome::TimedOut),
            Broken::NotHere => ("execution_mode is batch", Outcome::TimedOut),
        };
        if self.services.delegator.is_none() {
            return (otherwise, None);
        }
        narration::delegating(&plan.label, why);
        match self.delegate(index, plan).await {
            Ok(job_id) => {
                let line = format!("[{why}: delegated to AWS Batch job {job_id}]\n");
                (Outcome::Delegated { job_id }, Some(line))
            }
            Err(Broken::Cancelled(signal)) => (Outcome::Killed { signal }, None),
            Err(Broken::Failed(failure)) => (Outcome::Failed(failure), None),
            Err(_) => (otherwise, None),
        }
    }

    async fn delegate(&self, index: usize, plan: &RunPlan) -> Result<String, Broken> {
        let Some(delegator) = &self.services.delegator else {
            return Err(Broken::NotHere);
        };
        let services = self.services;
        let context = &self.invocation.context;
        let sender = Sender::new(context, services.config.name.as_deref(), index);
        let scratch = self.workspace.job_message(index);
        let limits = Limits {
            // As long as uploads may take: this is the time that was kept back.
            deadline: self.invocation.time.end_at,
            ..self.limits()
        };
        let failed = |message| {
            Broken::Failed(Failure {
                name: "DelegationFailed",
                message,
            })
        };
        let submission = Box::pin(delegator.delegate(&services.stores, plan, &sender, scratch));
        tokio::select! {
            submitted = submission => submitted.map_err(|error| failed(error.to_string())),
            stop = limits.reached() => Err(match stop {
                Stop::Cancelled(signal) => Broken::Cancelled(signal),
                Stop::Deadline => failed(
                    "no time left to submit a job to AWS Batch; raise container.timeout_threshold"
                        .to_owned(),
                ),
            }),
        }
    }
}
