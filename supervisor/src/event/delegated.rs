//! Delegated events: `{"event": …, "storage_provider": "minio.<id>"}`. A sender passes on an event (an object, or a string
//! that holds one) and names the configured provider that its objects are read from.

use super::detect::detect;
use super::document::Document;
use super::error::{EventError, Rejected, invalid};
use super::object::only_of;
use super::record::Event;
use super::scope::Scope;
use super::source::Source;
use super::text::SharedText;
use config::{DEFAULT_ID, FunctionConfig, ProviderId};

const EVENT: &str = "event";
const PROVIDER: &str = "storage_provider";

/// The inner event, when the document is a delegated one.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let inner = document.get(EVENT)?;
    document.get(PROVIDER)?;
    // An event that is written as a string is the string's content; anything else stands for itself.
    let text = match serde_json::from_str::<String>(inner.get()) {
        Ok(text) => SharedText::from(text),
        Err(_) => document.raw_of(inner),
    };
    let prepared = provider(document, scope.config).and_then(|id| Ok((id, scope.deeper(EVENT)?)));
    let parsed = match prepared {
        Ok((id, scope)) => detect(&text.bytes(), scope.parsers.sources, scope.of_provider(&id))
            .map_err(|Rejected { source, error }| (source, error.within(EVENT))),
        Err(error) => Err((Source::Direct, error)),
    };
    Some(parsed.map_err(|(source, error)| Rejected { source, error }))
}

/// The provider named; a kind alone may also mean the only one of its kind.
fn provider(document: &Document<'_>, config: &FunctionConfig) -> Result<ProviderId, EventError> {
    let name = document.required_text("", PROVIDER)?;
    let id: ProviderId = name
        .parse()
        .map_err(|error| invalid(PROVIDER, format!("found {name:?}, {error}")))?;
    if id.needs_no_configuration() || config.storage_providers.contains_key(&id) {
        return Ok(id);
    }
    let only = if id.id == DEFAULT_ID {
        only_of(id.kind, config).ok()
    } else {
        None
    };
    only.ok_or_else(|| {
        let reason = format!("{id} is not configured; add it below storage_providers");
        invalid(PROVIDER, reason)
    })
}
