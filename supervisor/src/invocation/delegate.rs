//! Delegates records to AWS Batch jobs, from the start or when they cannot be finished here.

use crate::{
    batch::{Delegator, request::Sender},
    plan::RunPlan,
    response::{Failure, FailureName, Outcome},
};
use config::DispatchMode;
use environment::{Limits, Stop};

use super::{narration, record_error::RecordError, step::Steps};

/// The final outcome of a record, and a line for its log, which may be empty.
pub(super) struct Settled {
    pub(super) outcome: Outcome,
    pub(super) line: String,
}

impl From<Outcome> for Settled {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            line: String::new(),
        }
    }
}

impl<'a> Steps<'a> {
    /// The delegator, if every record goes to a job (`execution_mode: batch`).
    pub(super) fn delegates_at_once(&self) -> Option<&'a Delegator> {
        let services = self.services;
        let delegator = services.delegator.as_ref();
        delegator.filter(|_| services.config.execution_mode == DispatchMode::Batch)
    }

    /// Settles a record that ended with an error: delegates it if a job may finish it.
    pub(super) async fn settle(&self, error: RecordError, index: usize, plan: &RunPlan) -> Settled {
        let (why, line, outcome) = match error {
            RecordError::Failed(failure) => return Outcome::Failed(failure).into(),
            RecordError::Cancelled(signal) => return Outcome::Killed { signal }.into(),
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
            None => Settled { outcome, line },
            Some(delegator) => {
                let delegated = self.delegate(delegator, why, index, plan).await;
                Settled {
                    line: line + &delegated.line,
                    ..delegated
                }
            }
        }
    }

    /// Submits the record as a job. The line for the log names the job.
    pub(super) async fn delegate(
        &self,
        delegator: &Delegator,
        why: &str,
        index: usize,
        plan: &RunPlan,
    ) -> Settled {
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
                    return Settled {
                        line: format!("[{why}: delegated to AWS Batch job {job_id}]\n"),
                        outcome: Outcome::Delegated { job_id },
                    };
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
        refused.into()
    }
}
