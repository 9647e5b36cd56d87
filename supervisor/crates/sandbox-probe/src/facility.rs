//! What can be tried, and what it is good for.

use std::path::Path;

use nix::errno::Errno;

/// What public reports say of a facility inside of AWS Lambda; see the page `docs/lambda-sandbox.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownOfLambda {
    /// It works.
    Works,
    /// It fails with EPERM, or another error that says no.
    Denied,
    /// The process is killed.
    Killed,
    /// It works in some environments.
    Varies,
    /// Nobody has written about it.
    Unknown,
}

impl KnownOfLambda {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Denied => "denied",
            Self::Killed => "killed",
            Self::Varies => "varies",
            Self::Unknown => "unknown",
        }
    }
}

/// One facility of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct Facility {
    /// Its name in reports. No two have the same.
    pub name: &'static str,
    /// What is known of it inside of AWS Lambda.
    pub known: KnownOfLambda,
    /// What of this program needs it.
    pub needed_for: Option<&'static str>,
    /// What does not work without it, as a sentence.
    pub without: Option<&'static str>,
    /// Tries it. The directory is empty, for this attempt alone, and removed afterwards.
    pub(super) attempt: fn(&Path) -> Result<(), Errno>,
    /// Errors that only the call itself gives: it was let through.
    pub(super) let_through: &'static [Errno],
}

impl Facility {
    pub(super) const fn new(
        name: &'static str,
        known: KnownOfLambda,
        attempt: fn(&Path) -> Result<(), Errno>,
    ) -> Self {
        Self {
            name,
            known,
            attempt,
            needed_for: None,
            without: None,
            let_through: &[],
        }
    }

    pub(super) const fn needed_for(mut self, what: &'static str) -> Self {
        self.needed_for = Some(what);
        self
    }

    pub(super) const fn without(mut self, sentence: &'static str) -> Self {
        self.without = Some(sentence);
        self
    }

    pub(super) const fn let_through(mut self, errors: &'static [Errno]) -> Self {
        self.let_through = errors;
        self
    }
}
