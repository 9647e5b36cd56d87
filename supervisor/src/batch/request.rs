//! The variables of a job, and whether they fit. Pure.

use aws_sdk_batch::types::{ContainerOverrides, KeyValuePair, NodeOverrides, NodePropertyOverride};
use serde_json::json;

use crate::plan::InvocationContext;
use config::MultiNode;
use environment as names;

use super::message::{Envelope, Pointer};

/// Most characters that the overrides of a job's container may have as JSON (Amazon ECS API reference, `RunTask`:
/// "A total of 8192 characters are allowed for overrides", which AWS Batch hands its own to).
pub const OVERRIDES_LIMIT: usize = 8192;

/// The function that delegates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The function: also the name of its job definition and its queue.
    pub function: Option<String>,
    /// Id of the invocation.
    pub request_id: String,
    /// Which of its records, from 0.
    pub record: usize,
    log_group: Option<String>,
    log_stream: Option<String>,
}

impl Sender {
    /// Record number `record` of an invocation of the function; `configured` is its name where the platform tells none.
    pub fn new(context: &InvocationContext, configured: Option<&str>, record: usize) -> Self {
        let name = context.function_name.as_deref().or(configured);
        Self {
            function: name.map(str::to_owned),
            request_id: context.request_id.clone(),
            record,
            log_group: context.log_group.clone(),
            log_stream: context.log_stream.clone(),
        }
    }

    /// The key of an object for this record.
    pub(super) fn object_name(&self, folder: &str) -> String {
        let function = self.function.as_deref().unwrap_or_default();
        let name = format!("{function}/{}-{}.json", self.request_id, self.record);
        if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        }
    }

    /// The variable `CONTEXT`.
    fn context(&self) -> String {
        json!({
            "aws_request_id": self.request_id,
            "function_name": self.function,
            "log_group_name": self.log_group,
            "log_stream_name": self.log_stream,
        })
        .to_string()
    }
}

/// The variables of a job's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobVariables(Vec<(&'static str, String)>);

impl JobVariables {
    /// Everything in variables.
    ///
    /// # Errors
    /// Why they cannot be inline, in a few words for a message.
    pub(super) fn inline(envelope: &Envelope, sender: &Sender) -> Result<Self, String> {
        // Nobody but us may send a job to read an object of their choice.
        if Pointer::read(envelope.event.as_bytes()).is_some() {
            return Err("the event looks like a pointer to another".to_owned());
        }
        if envelope.event.contains('\0') {
            return Err("the event holds a NUL".to_owned());
        }
        let mut variables = Self::pair(&envelope.event, sender);
        if let Some(script) = &envelope.script {
            variables.0.push((names::SCRIPT, script.clone()));
        }
        let size = variables.size();
        if size > OVERRIDES_LIMIT {
            return Err(format!(
                "with its event a job's variables have {size} characters, and {OVERRIDES_LIMIT} are allowed"
            ));
        }
        Ok(variables)
    }

    /// A pointer in place of event and script.
    pub(super) fn pointing(pointer: &Pointer, sender: &Sender) -> Self {
        Self::pair(&pointer.to_json(), sender)
    }

    fn pair(event: &str, sender: &Sender) -> Self {
        Self(vec![
            (names::EVENT, event.to_owned()),
            (names::CONTEXT, sender.context()),
            (names::AWS_LAMBDA_REQUEST_ID, sender.request_id.clone()),
        ])
    }

    /// Characters of the overrides as JSON, as the service counts them.
    fn size(&self) -> usize {
        let pairs = self.0.iter();
        let environment: Vec<_> = pairs
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let overrides =
            json!({ "containerOverrides": [{ "name": "default", "environment": environment }] });
        overrides.to_string().chars().count()
    }

    /// For a job of one node.
    pub(super) fn overrides(&self) -> ContainerOverrides {
        let pairs = self.0.iter().map(|(name, value)| {
            let pair = KeyValuePair::builder().name(*name).value(value);
            pair.build()
        });
        ContainerOverrides::builder()
            .set_environment(Some(pairs.collect()))
            .build()
    }

    /// For a job of several: every node is told the same (AWS Batch user guide, "Multi-node parallel jobs"; `0:` is all
    /// of them). Which is the main node the job definition says.
    pub(super) fn node_overrides(&self, nodes: MultiNode) -> NodeOverrides {
        let every = NodePropertyOverride::builder()
            .target_nodes("0:")
            .container_overrides(self.overrides())
            .build();
        NodeOverrides::builder()
            .num_nodes(i32::try_from(nodes.number_nodes).unwrap_or(i32::MAX))
            .node_property_overrides(every)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        let context = InvocationContext {
            request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into(),
            function_name: Some("gray".into()),
            ..InvocationContext::default()
        };
        Sender::new(&context, None, 1)
    }

    fn envelope(event: String) -> Envelope {
        Envelope {
            event,
            script: None,
        }
    }

    #[test]
    fn what_fits_is_inline_to_the_last_character() {
        let room = OVERRIDES_LIMIT
            - JobVariables::inline(&envelope(String::new()), &sender())
                .unwrap()
                .size();
        for (length, fits) in [(0, true), (room, true), (room + 1, false), (100_000, false)] {
            let inline = JobVariables::inline(&envelope("x".repeat(length)), &sender());
            assert_eq!(inline.is_ok(), fits, "{length}");
        }
        // Quotes are escaped once more in the overrides.
        let quotes = JobVariables::inline(&envelope("\"".repeat(room / 2)), &sender());
        assert!(quotes.is_ok());
        assert!(JobVariables::inline(&envelope("\"".repeat(room / 2 + 1)), &sender()).is_err());
    }

    #[test]
    fn a_script_counts_and_can_be_what_does_not_fit() {
        let mut envelope = envelope("{}".into());
        envelope.script = Some("x".repeat(OVERRIDES_LIMIT));
        assert!(JobVariables::inline(&envelope, &sender()).is_err());
    }

    #[test]
    fn nobody_else_can_send_a_pointer() {
        let forged = r#"{ "faas_job_message": {"bucket": "secrets", "key": "all"} }"#;
        assert!(JobVariables::inline(&envelope(forged.into()), &sender()).is_err());
        assert!(Pointer::read(br#"{"faas_job_message": 1}"#).is_none());
        assert!(
            Pointer::read(br#"{"faas_job_message": {"bucket": "a", "key": "b"}, "x": 1}"#)
                .is_none()
        );
    }

    #[test]
    fn every_node_is_told() {
        let variables = JobVariables::inline(&envelope("{}".into()), &sender()).unwrap();
        let nodes = MultiNode {
            enabled: true,
            number_nodes: 3,
            main_node_index: 0,
        };
        let overrides = variables.node_overrides(nodes);
        assert_eq!(overrides.num_nodes(), Some(3));
        let every = overrides.node_property_overrides();
        assert_eq!(every[0].target_nodes(), Some("0:"));
        let container = every[0].container_overrides().unwrap();
        assert_eq!(container.environment()[0].value(), Some("{}"));
    }

    #[test]
    fn objects_are_named_after_function_and_record() {
        let id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        assert_eq!(
            sender().object_name("jobs"),
            format!("jobs/gray/{id}-1.json")
        );
        assert_eq!(sender().object_name(""), format!("gray/{id}-1.json"));
    }
}
