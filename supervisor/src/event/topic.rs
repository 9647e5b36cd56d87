//! Messages of an SNS topic: to the function itself (`{"Records":[{"EventSource":"aws:sns","Sns":{"Message":…}}]}`, Lambda
//! developer guide, "Using Lambda with Amazon SNS"), or in the envelope that a queue subscribed to the topic receives
//! (`{"Type":"Notification","TopicArn":…,"Message":…}`, SNS developer guide, "Message formats").

use super::detect::carried;
use super::document::{Document, marked};
use super::error::{EventError, Rejected, join, missing};
use super::record::Event;
use super::scope::Scope;
use super::source::Source;

/// The event, when the document is one of a topic.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let records = document.list("Records")?;
    marked(&records, "EventSource", &["aws:sns"])?;
    let mut event = Event::empty(Source::Notification);
    for (index, record) in records.iter().enumerate() {
        let path = format!("Records[{index}]");
        let message = document
            .inner(record)
            .and_then(|record| record.object("Sns"))
            .ok_or_else(|| missing(&path, "Sns"));
        let path = format!("{path}.Sns");
        match message.and_then(|message| self::message(&message, &path, scope)) {
            Ok(mut inner) => {
                event.records.append(&mut inner.records);
                event.skipped.append(&mut inner.skipped);
            }
            Err(error) => return Some(Err(rejected(error))),
        }
    }
    Some(Ok(event))
}

/// What a topic's envelope carries, when the document is one.
pub(super) fn parse_envelope(
    document: &Document<'_>,
    scope: Scope<'_>,
) -> Option<Result<Event, Rejected>> {
    if document.text_of("Type").as_deref() != Some("Notification") {
        return None;
    }
    document.text_of("TopicArn")?;
    let inner = message(document, "", scope);
    Some(inner.map_err(rejected))
}

/// `Message` of either form. When the content does not say when it happened, the message does.
fn message(message: &Document<'_>, path: &str, scope: Scope<'_>) -> Result<Event, EventError> {
    let text = message.required_text(path, "Message")?;
    let time = message.plain_text(path, "Timestamp")?;
    let mut event = carried(text, &join(path, "Message"), scope)?;
    for record in &mut event.records {
        record.event_time = record.event_time.take().or_else(|| time.clone());
    }
    event.source = Source::Notification;
    Ok(event)
}

fn rejected(error: EventError) -> Rejected {
    Rejected {
        source: Source::Notification,
        error,
    }
}
