//! Decides which kind of event a payload is, on its own or inside another.

use bytes::Bytes;

use super::{
    direct,
    document::Document,
    error::{EventError, Rejected},
    record::Event,
    scope::{Parser, Scope},
};

/// The event that the payload is: of the first kind that matches, else a direct one.
pub(super) fn detect(
    payload: &Bytes,
    parsers: &[Parser],
    scope: Scope<'_>,
) -> Result<Event, Rejected> {
    match detect_known(payload, parsers, scope) {
        Some(event) => event,
        None => direct::parse(payload),
    }
}

/// The event that the payload is, unless it is a direct one.
pub(super) fn detect_known(
    payload: &Bytes,
    parsers: &[Parser],
    scope: Scope<'_>,
) -> Option<Result<Event, Rejected>> {
    let document = Document::read(payload)?;
    parsers.iter().find_map(|parser| parser(&document, scope))
}

/// What the message at `path` carries. Reasons for skipping and errors are given their path.
pub(super) fn carried(text: String, path: &str, scope: Scope<'_>) -> Result<Event, EventError> {
    let inner = scope.deeper(path)?;
    let event = detect(&text.into(), scope.parsers.carried, inner).and_then(indivisible);
    let mut event = event.map_err(|rejected| rejected.error.within(path))?;
    for reason in &mut event.skipped {
        *reason = format!("{path}: {reason}");
    }
    Ok(event)
}

/// An event inside another is not answered item by item: it is processed whole, or not at all.
pub(super) fn indivisible(mut event: Event) -> Result<Event, Rejected> {
    let rejected = event.items.drain(..).find_map(|item| item.rejected);
    for record in &mut event.records {
        record.item = None;
    }
    match rejected {
        Some(error) => Err(Rejected {
            source: event.source,
            error,
        }),
        None => Ok(event),
    }
}
