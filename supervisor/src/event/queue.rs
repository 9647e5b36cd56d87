//! Messages of an SQS queue: `{"Records":[{"eventSource":"aws:sqs","messageId":…,"body":…}]}` (Lambda developer guide, "Using
//! Lambda with Amazon SQS"). Each is answered for on its own, so a malformed one does not stop the others.

use super::detect::carried;
use super::document::{Document, marked};
use super::error::{EventError, Rejected, invalid, missing};
use super::record::{Event, Item};
use super::scope::Scope;
use super::source::Source;

const EVENT_SOURCE: &str = "aws:sqs";

/// The event, when the document is one of a queue.
///
/// A message without an id is an error for all of them: an answer could not name it, and it would be lost.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let messages = document.list("Records")?;
    marked(&messages, "eventSource", &[EVENT_SOURCE])?;
    let mut event = Event::empty(Source::Queue);
    for (index, raw) in messages.iter().enumerate() {
        let path = format!("Records[{index}]");
        let message = document.inner(raw);
        let id = match message_id(message.as_ref(), &path) {
            Ok(id) => id,
            Err(error) => {
                return Some(Err(Rejected {
                    source: Source::Queue,
                    error,
                }));
            }
        };
        let content = message
            .as_ref()
            .ok_or_else(|| missing(&path, "body"))
            .and_then(|message| content(message, &path, scope));
        add(&mut event, id, content);
    }
    Some(Ok(event))
}

/// Adds a message with what it carries, or with its error.
fn add(event: &mut Event, id: String, content: Result<Event, EventError>) {
    let position = event.items.len();
    let rejected = match content {
        Ok(mut content) => {
            for record in &mut content.records {
                record.item = Some(position);
            }
            event.records.append(&mut content.records);
            event.skipped.append(&mut content.skipped);
            None
        }
        Err(error) => Some(error),
    };
    event.items.push(Item { id, rejected });
}

fn message_id(message: Option<&Document<'_>>, path: &str) -> Result<String, EventError> {
    let message = message.ok_or_else(|| missing(path, "messageId"))?;
    let id = message.required_text(path, "messageId")?;
    if id.is_empty() {
        return Err(missing(path, "messageId"));
    }
    Ok(id)
}

fn content(message: &Document<'_>, path: &str, scope: Scope<'_>) -> Result<Event, EventError> {
    let source = message.required_text(path, "eventSource")?;
    if source != EVENT_SOURCE {
        let reason = format!("found {source:?}, expected {EVENT_SOURCE:?} like the other records");
        return Err(invalid(format!("{path}.eventSource"), reason));
    }
    let body = message.required_text(path, "body")?;
    carried(body, &format!("{path}.body"), scope)
}
