//! Records that go on, or begin, as AWS Batch jobs.

use crate::{
    batch::{Delegator, request::Sender},
    plan::RunPlan,
    response::{Failure, FailureName, Outcome},
};
use config::DispatchMode;
use environment::Stop;

use super::{Limits, RecordError, Runner, narration};

impl<'a> Runner<'a> {
    /// What delegates every record, where none is to run here at all.
    pub(super) fn delegates_at_once(&self) -> Option<&'a Delegator> {
        let services = self.services;
        let delegator = services.delegator.as_ref();
        delegator.filter(|_| services.config.execution_mode == DispatchMode::Batch)
    }

    /// What a record that did not come to an end of its own comes to, and lines for its log.
    pub(super) async fn settle(
        &self,
        broken: RecordError,
        index: usize,
        plan: &RunPlan,
    ) -> (Outcome, String) {
        let (why, line, otherwise) = match broken {
            RecordError::Failed(failure) => return (Outcome::Failed(failure), String::new()),
            RecordError::Cancelled(signal) => return (Outcome::Killed { signal }, String::new()),
            RecordError::NoRoom(failure) => (
                "it does not fit here",
                String::new(),
                Outcome::Failed(failure),
            ),
            RecordError::TimedOut(doing) => (
                "the time here is over",
                format!("[stopped at the deadline while {doing}]\n"),
                Outcome::TimedOut,
            ),
        };
        match &self.services.delegator {
            None => (otherwise, line),
            Some(delegator) => {
                let (outcome, job) = self.hand_over(delegator, why, index, plan).await;
                (outcome, line + &job)
            }
        }
    }

    /// Has a job do the record: the outcome, and a line for the log that names the job.
    pub(super) async fn hand_over(
        &self,
        delegator: &Delegator,
        why: &str,
        index: usize,
        plan: &RunPlan,
    ) -> (Outcome, String) {
        narration::delegating(&plan.label, why);
        let services = self.services;
        let context = &self.invocation.context;
        let sender = Sender::new(context, services.config.name.as_deref(), index);
        let scratch = self.workspace.job_message(index);
        let limits = Limits {
            // As long as uploads may take: this is the time that was kept back.
            deadline: self.invocation.time.end_at,
            ..self.limits()
        };
        let failed =
            |message| Outcome::Failed(Failure::new(FailureName::DelegationFailed, message));
        let submission = Box::pin(delegator.delegate(&services.stores, plan, &sender, scratch));
        let refused = tokio::select! {
            submitted = submission => match submitted {
                Ok(job_id) => {
                    let line = format!("[{why}: delegated to AWS Batch job {job_id}]\n");
                    return (Outcome::Delegated { job_id }, line);
                }
                Err(error) => failed(error.to_string()),
            },
            stop = limits.reached() => match stop {
                Stop::Cancelled(signal) => Outcome::Killed { signal },
                Stop::Deadline => failed(
                    "no time left to submit a job to AWS Batch; raise container.timeout_threshold"
                        .to_owned(),
                ),
            },
        };
        (refused, String::new())
    }
}
