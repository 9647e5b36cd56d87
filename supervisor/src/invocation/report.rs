//! The report of an invocation: the outcome, the log and the figures of the closing summary.

use std::{path::PathBuf, time::Duration};

pub use super::phases::{PhaseOutcome, PhaseTimes, Phases, RecordPhase};
use crate::{
    event::Source,
    plan::InvocationContext,
    response::{Failure, Files, Finished, FinishedItem, ITEM_LOG_LIMIT, Outcome, worst},
    stage_out::{UploadReport, Uploaded},
};

/// One record's part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordReport {
    /// `s3://bucket/key`, `message <id>`, `http` or `direct`.
    pub label: String,
    /// The message or task it belongs to, a position in [`Report::items`].
    pub item: Option<usize>,
    /// Its outcome.
    pub outcome: Outcome,
    /// What its container printed, cut to what the answer can carry.
    pub log: Vec<u8>,
    /// Bytes downloaded.
    pub bytes_in: u64,
    /// What arrived in the stores.
    pub upload: UploadReport,
    /// The phases that were reached.
    pub phases: Phases,
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
            upload: UploadReport::default(),
            phases: Phases::default(),
        }
    }

    /// Bytes that a phase moved, where it moves any.
    pub fn bytes_of(&self, phase: RecordPhase) -> Option<u64> {
        match phase {
            RecordPhase::StageIn => Some(self.bytes_in),
            RecordPhase::StageOut => Some(self.upload.bytes),
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
    /// Parts of the event that need no run, with the reason, a line each.
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
    /// A report before anything has run.
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

    /// A report when nothing can run. An event that cannot be parsed has a caller all the same.
    pub fn failed(source: Source, failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed(failure),
            ..Self::new(source, Vec::new())
        }
    }

    /// Adds a record. The worst outcome is that of the invocation.
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

    /// The outcome of each message or task: the worst of its records. One without records had nothing to process.
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
        self.records.iter().flat_map(|r| &r.upload.uploaded)
    }

    /// The phases of all records together.
    pub fn phases(&self) -> PhaseTimes {
        let times = self.records.iter().map(|record| record.phases.times());
        times.fold(PhaseTimes::default(), PhaseTimes::plus)
    }
}
