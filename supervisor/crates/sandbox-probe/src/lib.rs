//! What the sandbox around this process allows: tried, reported, and put into words.
//!
//! The system call policy of AWS Lambda is not published, and other sandboxes have their own. So each [`Facility`] is tried by a
//! [`Prober`] in a process of its own, where a call that kills ends nothing else and where nothing lasts. The [`Report`] holds
//! what was found and what can be seen of the surroundings; it holds no secret: of the environment it has the memory size, of
//! files only whether they can be opened.

mod attempts;
mod call;
mod facility;
mod losses;
mod outcome;
mod probe;
mod report;
mod row;
pub mod surroundings;
mod text;
mod words;

pub use self::{
    attempts::all,
    facility::{Facility, KnownOfLambda},
    outcome::Outcome,
    probe::{Prober, play},
    report::{FORMAT, Report},
    row::Row,
    surroundings::Surroundings,
    words::{STARTED, WORD},
};

/// The key of the payload that asks a function for a [`Report`], and of the report that holds its [`FORMAT`].
pub const KEY: &str = "faas_doctor";

/// No payload that asks for a report is longer than this, in bytes.
const LONGEST_QUESTION: usize = 256;

/// Whether an event is exactly `{"faas_doctor": true}`. What comes by way of an HTTP endpoint, a queue or a bucket has that in a
/// larger event, if at all, and asks for nothing.
pub fn asks_for_report(payload: &[u8]) -> bool {
    if payload.len() > LONGEST_QUESTION {
        return false;
    }
    let asked = serde_json::from_slice::<serde_json::Value>(payload);
    asked.is_ok_and(|asked| asked == serde_json::json!({ KEY: true }))
}

#[cfg(test)]
mod tests {
    use crate::asks_for_report;

    #[test]
    fn only_the_bare_payload_asks() {
        assert!(asks_for_report(br#"{"faas_doctor": true}"#));
        assert!(asks_for_report(b" {\"faas_doctor\":\n true} "));
        for other in [
            r#"{"faas_doctor": false}"#,
            r#"{"faas_doctor": "true"}"#,
            r#"{"faas_doctor": 1}"#,
            r#"{"faas_doctor": true, "script": ""}"#,
            r#"[{"faas_doctor": true}]"#,
            r#"{"body": "{\"faas_doctor\": true}", "httpMethod": "POST"}"#,
            r#"{"Records": [{"body": "{\"faas_doctor\": true}"}]}"#,
            "true",
            "",
        ] {
            assert!(!asks_for_report(other.as_bytes()), "{other}");
        }
        let padded = format!("{{\"faas_doctor\": true{}}}", " ".repeat(300));
        assert!(!asks_for_report(padded.as_bytes()));
    }
}
