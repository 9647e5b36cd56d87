//! What became of an attempt.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use nix::{errno::Errno, sys::signal::Signal};
use serde::{Deserialize, Serialize};

use super::facility::Facility;

/// Exit code for words that mean nothing; no error number of Linux.
pub(super) const NO_SUCH_WORD: u8 = 255;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It works. With an error, the call was let through and refused the arguments that it was given, as it was meant to.
    Allowed {
        /// The error's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<String>,
    },
    /// It fails.
    Denied {
        /// The error's name.
        errno: String,
    },
    /// Whoever tries it is killed.
    Killed {
        /// By this signal.
        signal: String,
    },
    /// It does not end.
    Hangs,
    /// No process could be started that tries it.
    NotTried {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// Whether it can be used.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether it was tried and cannot be used.
    pub fn is_refused(&self) -> bool {
        !matches!(self, Self::Allowed { .. } | Self::NotTried { .. })
    }

    /// What the end of the process says that tried it.
    pub(super) fn of(status: ExitStatus, facility: &Facility) -> Self {
        if let Some(signal) = status.signal() {
            let name = Signal::try_from(signal).map(Signal::as_str);
            let signal = name.map_or_else(|_| signal.to_string(), str::to_owned);
            return Self::Killed { signal };
        }
        match status.code().unwrap_or_default() {
            0 => Self::Allowed { errno: None },
            code if code == i32::from(NO_SUCH_WORD) => Self::NotTried {
                why: "the program does not know it".to_owned(),
            },
            code => {
                let error = Errno::from_raw(code);
                let errno = format!("{error:?}");
                if facility.let_through.contains(&error) {
                    Self::Allowed { errno: Some(errno) }
                } else {
                    Self::Denied { errno }
                }
            }
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allowed { errno: None } => f.write_str("allowed"),
            Self::Allowed { errno: Some(errno) } => write!(f, "allowed ({errno})"),
            Self::Denied { errno } => f.write_str(errno),
            Self::Killed { signal } => write!(f, "killed by {signal}"),
            Self::Hangs => f.write_str("hangs"),
            Self::NotTried { .. } => f.write_str("not tried"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility() -> Facility {
        Facility::new(
            "any",
            super::super::facility::KnownOfLambda::Unknown,
            |_| Ok(()),
        )
        .let_through(&[Errno::EBADF])
    }

    #[test]
    fn what_an_end_says() {
        // wait(2): the exit code is in the second byte, a signal in the first.
        let outcome = |raw| Outcome::of(ExitStatus::from_raw(raw), &facility()).to_string();
        assert_eq!(outcome(0), "allowed");
        assert_eq!(outcome((Errno::EPERM as i32) << 8), "EPERM");
        assert_eq!(outcome((Errno::ENOSYS as i32) << 8), "ENOSYS");
        assert_eq!(outcome((Errno::EBADF as i32) << 8), "allowed (EBADF)");
        assert_eq!(outcome(31), "killed by SIGSYS");
        assert_eq!(outcome(255 << 8), "not tried");
    }

    #[test]
    fn outcomes_are_read_as_they_are_written() {
        let outcomes = [
            Outcome::Allowed { errno: None },
            Outcome::Allowed {
                errno: Some("EINVAL".to_owned()),
            },
            Outcome::Denied {
                errno: "EPERM".to_owned(),
            },
            Outcome::Killed {
                signal: "SIGSYS".to_owned(),
            },
            Outcome::Hangs,
            Outcome::NotTried {
                why: "no room".to_owned(),
            },
        ];
        for outcome in outcomes {
            let text = serde_json::to_string(&outcome).unwrap();
            assert_eq!(
                serde_json::from_str::<Outcome>(&text).unwrap(),
                outcome,
                "{text}"
            );
        }
    }
}
