//! What an invocation came to: the outcome, the log and the figures of the closing summary.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{
    event::Source,
    plan::InvocationContext,
    response::{Failure, Files, Finished, FinishedItem, ITEM_LOG_LIMIT, Outcome, worst},
    stage_out::Uploaded,
};

/// How long each phase took, summed over the records. Preparing and staging in overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    /// Pulling or loading the image and creating the container; 0 when warm.
    pub prepare: Duration,
    /// Downloading the input.
    pub stage_in: Duration,
    /// Running the container.
    pub run: Duration,
    /// Uploading the outputs.
    pub stage_out: Duration,
}

impl PhaseTimes {
    /// How long one of them took.
    pub fn of(&self, phase: RecordPhase) -> Duration {
        match phase {
            RecordPhase::Prepare => self.prepare,
            RecordPhase::StageIn => self.stage_in,
            RecordPhase::Run => self.run,
            RecordPhase::StageOut => self.stage_out,
        }
    }
}

/// The phases of a record, in order; the first two go on at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordPhase {
    /// The image is prepared.
    Prepare,
    /// The input is downloaded.
    StageIn,
    /// The container runs.
    Run,
    /// Outputs are uploaded.
    StageOut,
}

impl RecordPhase {
    /// All of them, and what metrics call them.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Prepare, "Prepare"),
        (Self::StageIn, "StageIn"),
        (Self::Run, "Run"),
        (Self::StageOut, "StageOut"),
    ];
}

/// What became of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseOutcome {
    /// It did what it should.
    Succeeded,
    /// The record ended with it.
    Failed,
    /// The deadline came in it.
    TimedOut,
}

impl PhaseOutcome {
    /// What metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
        }
    }
}

/// One record's part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordReport {
    /// `s3://bucket/key`, `message <id>`, `http` or `direct`.
    pub label: String,
    /// The message or task it belongs to, a position in [`Report::items`].
    pub item: Option<usize>,
    /// What it came to.
    pub outcome: Outcome,
    /// What its container printed, cut to what the answer can carry.
    pub log: Vec<u8>,
    /// Bytes downloaded.
    pub bytes_in: u64,
    /// Files uploaded.
    pub uploaded: Vec<Uploaded>,
    /// How long its phases took.
    pub phases: PhaseTimes,
    /// What became of each phase that was reached.
    pub outcomes: BTreeMap<RecordPhase, PhaseOutcome>,
}

impl RecordReport {
    /// A message or task whose content is malformed.
    pub fn rejected(id: &str, item: usize, failure: Failure) -> Self {
        Self {
            label: format!("item {id}"),
            item: Some(item),
            outcome: Outcome::Failed(failure),
            log: Vec::new(),
            bytes_in: 0,
            uploaded: Vec::new(),
            phases: PhaseTimes::default(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Notes what became of a phase.
    pub(super) fn note(&mut self, phase: RecordPhase, outcome: PhaseOutcome) {
        self.outcomes.insert(phase, outcome);
    }

    /// Bytes that a phase moved, where it moves any.
    pub fn bytes_of(&self, phase: RecordPhase) -> Option<u64> {
        match phase {
            RecordPhase::StageIn => Some(self.bytes_in),
            RecordPhase::StageOut => Some(self.uploaded.iter().map(|u| u.bytes).sum()),
            RecordPhase::Prepare | RecordPhase::Run => None,
        }
    }
}

/// The whole invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who is to be answered.
    pub source: Source,
    /// The worst of the records' outcomes.
    pub outcome: Outcome,
    /// One for each record, in the event's order.
    pub records: Vec<RecordReport>,
    /// What the event held that needs no run, a line each.
    pub skipped: Vec<String>,
    /// Ids of the messages or tasks that are answered for one by one, in the event's order.
    pub items: Vec<String>,
    /// The output files, when the answer carries them.
    pub files: Option<Files>,
    /// How many udocker commands it took; 1 for a warm invocation of one record.
    pub udocker_commands: usize,
    /// From the event's arrival to now.
    pub elapsed: Duration,
    /// The workspace, when it was kept.
    pub workspace: Option<PathBuf>,
}

impl Report {
    /// Nothing has run yet.
    pub fn new(source: Source, skipped: Vec<String>) -> Self {
        Self {
            source,
            outcome: Outcome::Exited { code: 0 },
            records: Vec::new(),
            skipped,
            items: Vec::new(),
            files: None,
            udocker_commands: 0,
            elapsed: Duration::ZERO,
            workspace: None,
        }
    }

    /// Nothing could run. An event that was not understood has a caller all the same.
    pub fn failed(source: Source, failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed(failure),
            ..Self::new(source, Vec::new())
        }
    }

    /// Adds a record; the worst outcome speaks for all.
    pub fn add(&mut self, record: RecordReport) {
        self.outcome = worst(vec![self.outcome.clone(), record.outcome.clone()]);
        self.records.push(record);
    }

    /// Every record's output, in order.
    pub fn log(&self) -> Vec<u8> {
        self.records
            .iter()
            .flat_map(|r| r.log.iter().copied())
            .collect()
    }

    /// What the answer is made of, and who is to be answered.
    pub fn into_finished(
        self,
        context: InvocationContext,
        time_limit: Option<Duration>,
    ) -> (Finished, Source) {
        let finished = Finished {
            log: self.log(),
            items: self.finished_items(),
            destinations: self.uploaded().map(|u| u.destination.clone()).collect(),
            jobs: self.jobs(),
            files: self.files,
            outcome: self.outcome,
            request_id: context.request_id,
            log_group: context.log_group.unwrap_or_default(),
            log_stream: context.log_stream.unwrap_or_default(),
            time_limit,
        };
        (finished, self.source)
    }

    /// The jobs that records were delegated to, in the event's order.
    fn jobs(&self) -> Vec<String> {
        let job = |record: &RecordReport| match &record.outcome {
            Outcome::Delegated { job_id } => Some(job_id.clone()),
            _ => None,
        };
        self.records.iter().filter_map(job).collect()
    }

    /// What became of each message or task: the worst of its records. One without any had nothing to process.
    fn finished_items(&self) -> Vec<FinishedItem> {
        let finished = self.items.iter().enumerate().map(|(position, id)| {
            let records = || self.records.iter().filter(|r| r.item == Some(position));
            let log: Vec<u8> = records().flat_map(|r| r.log.iter().copied()).collect();
            let cut = log.len().saturating_sub(ITEM_LOG_LIMIT);
            FinishedItem {
                id: id.clone(),
                outcome: worst(records().map(|r| r.outcome.clone()).collect()),
                log: log.get(cut..).unwrap_or_default().to_vec(),
            }
        });
        finished.collect()
    }

    /// Bytes downloaded.
    pub fn bytes_in(&self) -> u64 {
        self.records.iter().map(|r| r.bytes_in).sum()
    }

    /// Bytes uploaded.
    pub fn bytes_out(&self) -> u64 {
        self.uploaded().map(|u| u.bytes).sum()
    }

    /// Every file that arrived.
    pub fn uploaded(&self) -> impl Iterator<Item = &Uploaded> {
        self.records.iter().flat_map(|r| &r.uploaded)
    }

    /// The phases of all records together.
    pub fn phases(&self) -> PhaseTimes {
        let mut sum = PhaseTimes::default();
        for record in &self.records {
            sum.prepare += record.phases.prepare;
            sum.stage_in += record.phases.stage_in;
            sum.run += record.phases.run;
            sum.stage_out += record.phases.stage_out;
        }
        sum
    }
}
