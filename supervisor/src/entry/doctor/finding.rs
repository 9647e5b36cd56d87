//! Findings: what the doctor reports about one thing.

/// A finding about one thing.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    /// What to do about it.
    pub(super) advice: Option<&'static str>,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works.
    Good,
    /// Worth knowing, but not needed here.
    Note,
    /// Needed, and not there.
    Bad,
}

impl Finding {
    /// Without advice.
    pub(super) fn new(name: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            found: found.into(),
            advice: None,
        }
    }

    /// The same with what to do about it.
    pub(super) fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }
}

impl Verdict {
    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }

    /// Good if it is there, bad if it is needed and missing, else a note.
    pub(super) fn of(there: bool, needed: bool) -> Self {
        match (there, needed) {
            (true, _) => Self::Good,
            (false, true) => Self::Bad,
            (false, false) => Self::Note,
        }
    }
}
