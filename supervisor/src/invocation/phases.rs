//! How long the phases of a record took, and how each ended.

use std::{collections::BTreeMap, time::Duration};

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

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseOutcome {
    /// It succeeded.
    Succeeded,
    /// It failed, and the record with it.
    Failed,
    /// The deadline passed during it.
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

/// The phases that a record reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phases(BTreeMap<RecordPhase, (PhaseOutcome, Duration)>);

impl Phases {
    /// These and one more, which took `time`.
    #[must_use]
    pub(super) fn with(
        mut self,
        phase: RecordPhase,
        outcome: PhaseOutcome,
        time: Duration,
    ) -> Self {
        self.0.insert(phase, (outcome, time));
        self
    }

    /// These and those of a later step.
    #[must_use]
    pub(super) fn and(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// How a phase ended; `None` for one that was not reached.
    pub fn outcome(&self, phase: RecordPhase) -> Option<PhaseOutcome> {
        self.0.get(&phase).map(|(outcome, _)| *outcome)
    }

    /// How long a phase took; nothing for one that was not reached.
    pub fn time(&self, phase: RecordPhase) -> Duration {
        self.0.get(&phase).map_or(Duration::ZERO, |(_, time)| *time)
    }

    /// How long each phase took.
    pub fn times(&self) -> PhaseTimes {
        PhaseTimes {
            prepare: self.time(RecordPhase::Prepare),
            stage_in: self.time(RecordPhase::StageIn),
            run: self.time(RecordPhase::Run),
            stage_out: self.time(RecordPhase::StageOut),
        }
    }
}

/// How long each phase took, of one record or summed over several. Preparing and staging in overlap.
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
    /// These and the same phases of another record.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            prepare: self.prepare + other.prepare,
            stage_in: self.stage_in + other.stage_in,
            run: self.run + other.run,
            stage_out: self.stage_out + other.stage_out,
        }
    }
}
