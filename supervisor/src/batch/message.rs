//! The message to a job whose variables cannot hold the event: a pointer in `EVENT`, and the object that it leads to.
//!
//! ```text
//! EVENT = {"faas_job_message": {"bucket": "…", "key": "…"}}
//! object = {"event": "<the event's text>", "script": "<base64, where there is one>"}
//! ```
//!
//! The supervisor does not remove these objects, so that roles need no more than reading and writing. A lifecycle rule on
//! their folder removes them.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::plan::{Carrier, Entry, PlannedInput, RunPlan};

use super::error::DelegationError;

/// Where the object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// Its bucket, in S3, read with the job's own role.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    faas_job_message: Pointer,
}

impl Pointer {
    /// The pointer, when a variable `EVENT` is one and not an event.
    pub fn read(event: &[u8]) -> Option<Self> {
        let message: Message = serde_json::from_slice(event).ok()?;
        Some(message.faas_job_message)
    }

    /// The text of the variable `EVENT`.
    pub fn to_json(&self) -> String {
        json!({ "faas_job_message": self }).to_string()
    }
}

/// The work of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The event, as text: of this record alone.
    pub event: String,
    /// Base64 of the script to run where the event brings none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<String>,
}

impl Envelope {
    /// From the plan of a record.
    ///
    /// # Errors
    /// [`DelegationError::Script`] when the configured script cannot be read.
    pub(super) fn new(plan: &RunPlan) -> Result<Self, DelegationError> {
        let script = match &plan.entry {
            Entry::InitScript(path) => {
                let script = fs::read(path).map_err(|source| DelegationError::Script {
                    path: path.clone(),
                    source,
                })?;
                Some(BASE64_STANDARD.encode(script))
            }
            // The event has the others, and the job's own configuration the image's command.
            Entry::Script(_) | Entry::Arguments(_) | Entry::ImageDefault => None,
        };
        Ok(Self {
            event: job_event(plan),
            script,
        })
    }

    /// The object's content.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}

/// The event of one record, so that the job reads it as the function did. An object's store was found from what
/// surrounded the record, so it is named; and what was carried by a message comes in one again.
pub fn job_event(plan: &RunPlan) -> String {
    let event = named_store(plan);
    match &plan.carrier {
        Carrier::Alone => event,
        Carrier::Message { time } => json!({
            "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": event, "Timestamp": time } }],
        })
        .to_string(),
    }
}

fn named_store(plan: &RunPlan) -> String {
    match &plan.input {
        PlannedInput::Object { object, .. } => {
            let provider = json!(object.provider.to_string());
            format!(
                "{{\"event\":{},\"storage_provider\":{provider}}}",
                plan.event_json
            )
        }
        PlannedInput::None | PlannedInput::Payload { .. } => plan.event_json.to_string(),
    }
}
