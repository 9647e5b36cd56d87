//! Step 4: runs the record's command, in a container or beside the supervisor.

use std::time::Duration;

use super::{
    files::write_files,
    monitor::Phase,
    phases::{Phases, RecordPhase},
    record_error::RecordError,
    stage_in::{StagedInputs, Target},
    step::{Step, Steps, outcome_of, phase_outcome},
};
use crate::plan::{Paths, RunPlan};
use container::{
    Container, RunReport, RunRequest,
    exec::log::{Keep, LogSink},
    run::in_container,
};

impl Steps<'_> {
    /// Runs the command to its end, or to the moment at which it must stop.
    pub(super) async fn run(
        &self,
        plan: &RunPlan,
        inputs: &StagedInputs<'_>,
        sink: &mut dyn LogSink,
    ) -> Step<RunReport> {
        if let Err(error) = write_files(plan, &inputs.record) {
            return Step::not_reached(RecordError::local("write the script", &error));
        }
        self.enter(Phase::Running);
        let value = self.run_command(plan, inputs, sink).await;
        let (ended, elapsed) = match &value {
            Ok(report) => (phase_outcome(Ok(&outcome_of(report.end))), report.elapsed),
            Err(error) => (phase_outcome(Err(error)), Duration::ZERO),
        };
        Step {
            value,
            phases: Phases::default().with(RecordPhase::Run, ended, elapsed),
        }
    }

    async fn run_command(
        &self,
        plan: &RunPlan,
        inputs: &StagedInputs<'_>,
        sink: &mut dyn LogSink,
    ) -> Result<RunReport, RecordError> {
        let record = &inputs.record;
        let (input_dir, output_dir, event_file) =
            (record.input(), record.output(), record.event_file());
        let variables = plan.environment(&Paths {
            input_dir: &input_dir,
            output_dir: &output_dir,
            input_file: inputs.input.as_ref().map(|input| input.path.as_path()),
            event_file: &event_file,
        });
        let request = RunRequest {
            record,
            command: plan.entry.command(&record.script()),
            variables: &variables,
            limits: self.limits(),
            keep: share(self.invocation.keep, self.count),
        };
        let temp = self.workspace.udocker_tmp();
        Ok(match &inputs.target {
            Target::Container(prepared) => {
                let container = Container {
                    prepared,
                    task_root: self.services.extra_payload(),
                };
                let udocker = &self.services.udocker;
                in_container::run(udocker, container, request, &temp, sink).await?
            }
            Target::Here(direct) => direct.run(request, sink).await?,
        })
    }
}

/// Each record may fill its share of the answer.
fn share(keep: Keep, count: usize) -> Keep {
    let count = u64::try_from(count).unwrap_or(1).max(1);
    Keep {
        head: (keep.head / count).max(1024),
        tail: (keep.tail / count).max(1024),
    }
}
