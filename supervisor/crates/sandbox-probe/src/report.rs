//! What was found, as one value that goes over any wire and can be read again.

use serde::{Deserialize, Serialize};

use super::{
    attempts::all,
    losses,
    outcome::Outcome,
    probe::Prober,
    row::{Row, outcome},
    surroundings::Surroundings,
};

/// Changes when a reader of older reports would misread newer ones.
pub const FORMAT: u32 = 1;

/// All that is known of the sandbox around one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`]; the key says what this is.
    #[serde(rename = "faas_doctor")]
    pub format: u32,
    /// Version of the program that found it.
    pub supervisor: String,
    /// One for each facility.
    pub facilities: Vec<Row>,
    /// What can be seen without trying anything.
    #[serde(flatten)]
    pub surroundings: Surroundings,
    /// What does not work here, one sentence each.
    pub will_not_work: Vec<String>,
}

impl Report {
    /// Tries everything, and looks around. Blocks for a fraction of a second.
    pub fn make(prober: &Prober, memory_size: Option<u64>) -> Self {
        let rows = all().map(|facility| Row::new(facility, prober.probe(facility)));
        let facilities: Vec<Row> = rows.collect();
        let surroundings = Surroundings::look(&prober.temp, memory_size);
        Self {
            format: FORMAT,
            supervisor: env!("CARGO_PKG_VERSION").to_owned(),
            will_not_work: losses::of(&facilities, &surroundings),
            facilities,
            surroundings,
        }
    }

    /// What became of the attempt at the facility of this name.
    pub fn outcome(&self, name: &str) -> Option<&Outcome> {
        outcome(&self.facilities, name)
    }
}
