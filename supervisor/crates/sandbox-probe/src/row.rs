//! One line of a report.

use serde::{Deserialize, Serialize};

use super::{facility::Facility, outcome::Outcome};

/// One facility and what became of the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// [`Facility::name`].
    pub name: String,
    /// What became of the attempt.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What is known of it inside of AWS Lambda, see [`super::KnownOfLambda::word`].
    pub known_of_lambda: String,
    /// What of this program needs it; none where nothing does.
    pub needed_for: Option<String>,
}

impl Row {
    pub(super) fn new(facility: &Facility, outcome: Outcome) -> Self {
        Self {
            name: facility.name.to_owned(),
            outcome,
            known_of_lambda: facility.known.word().to_owned(),
            needed_for: facility.needed_for.map(str::to_owned),
        }
    }
}

/// What became of the attempt at the facility of this name.
pub(super) fn outcome<'a>(rows: &'a [Row], name: &str) -> Option<&'a Outcome> {
    rows.iter()
        .find(|row| row.name == name)
        .map(|row| &row.outcome)
}
