//! Which rows of the table a sandbox denies.

use std::fmt;

use crate::{
    SandboxError,
    calls::{Answer, Call, Certainty, on_request, table},
};

/// A sandbox to imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What has been reported from Lambda.
    Observed,
    /// That, and everything of which nobody knows.
    Strict,
    /// The same, as on a kernel that does not know these calls.
    StrictEnosys,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Observed, Self::Strict, Self::StrictEnosys];

    /// Its name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Strict => "strict",
            Self::StrictEnosys => "strict-enosys",
        }
    }

    /// From that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The calls that are denied.
#[derive(Debug, Clone)]
pub struct Policy(Vec<Call>);

impl Policy {
    /// That of a profile.
    pub fn of(profile: Profile) -> Self {
        let mut calls = table();
        match profile {
            Profile::Observed => calls.retain(|call| call.certainty == Certainty::Seen),
            Profile::Strict => calls.retain(|call| call.certainty != Certainty::Works),
            Profile::StrictEnosys => {
                calls.retain(|call| call.certainty != Certainty::Works);
                let unknown = calls
                    .iter_mut()
                    .filter(|call| call.certainty == Certainty::Unknown);
                unknown.for_each(|call| call.answer = Answer::Enosys);
            }
        }
        Self(calls)
    }

    /// The same with one more call denied, by the name of its row.
    ///
    /// # Errors
    /// [`SandboxError::UnknownCall`] when the table has no such row.
    pub fn and(mut self, name: &str, answer: Option<Answer>) -> Result<Self, SandboxError> {
        let known = table().into_iter().chain(on_request());
        let rows: Vec<Call> = known.filter(|row| row.name == name).collect();
        if rows.is_empty() {
            let name = name.to_owned();
            return Err(SandboxError::UnknownCall { name });
        }
        self.0.retain(|call| call.name != name);
        self.0.extend(rows.into_iter().map(|mut row| {
            row.answer = answer.unwrap_or(row.answer);
            row
        }));
        Ok(self)
    }

    /// What is denied.
    pub fn denied(&self) -> &[Call] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_denies_each_call_once() {
        for profile in Profile::ALL {
            let policy = Policy::of(profile).and("openat2", None).unwrap();
            let whole = policy.denied().iter().map(|call| (call.number, call.uses));
            let whole: Vec<_> = whole.collect();
            for (at, row) in whole.iter().enumerate() {
                assert!(!whole[..at].contains(row), "{profile}: {row:?}");
            }
        }
        assert!(Policy::of(Profile::Observed).and("read", None).is_err());
    }
}
