//! What an invocation came to: the outcome, the log and the figures of the closing summary.

use std::{path::PathBuf, time::Duration};

use crate::{
    event::Source,
    response::{Failure, Outcome, worst},
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

/// One record's part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordReport {
    /// `s3://bucket/key` or `direct`.
    pub label: String,
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
