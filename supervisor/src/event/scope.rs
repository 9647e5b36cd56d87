//! The surroundings of the text that a parser reads: the configuration, the outer events, and the parsers for inner ones.

use super::{EventError, document::Document, error::Rejected, error::invalid, record::Event};
use config::{FunctionConfig, ProviderId};

/// How often an event may be inside another: a topic's envelope in a queue's message in a delegated event is three.
const MAX_DEPTH: usize = 5;

/// Takes an event apart if it is of the parser's kind.
pub(super) type Parser = fn(&Document<'_>, Scope<'_>) -> Option<Result<Event, Rejected>>;

/// The parsers for each place an event may be in. A payload that none of them matches is a direct one.
#[derive(Clone, Copy)]
pub(super) struct Parsers {
    /// What an event may be.
    pub(super) sources: &'static [Parser],
    /// What a message may carry.
    pub(super) carried: &'static [Parser],
    /// What an HTTP body may be where it may be a storage event.
    pub(super) http_bodies: &'static [Parser],
}

/// What surrounds the text being read.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The function's configuration.
    pub(super) config: &'a FunctionConfig,
    /// The parsers for what is inside.
    pub(super) parsers: Parsers,
    /// The provider that a surrounding event names.
    pub(super) provider: Option<&'a ProviderId>,
    depth: usize,
}

impl<'a> Scope<'a> {
    /// Nothing surrounds the text.
    pub(super) fn new(config: &'a FunctionConfig, parsers: Parsers) -> Self {
        Self {
            config,
            parsers,
            provider: None,
            depth: 0,
        }
    }

    /// One event further inside, at `path`.
    pub(super) fn deeper(self, path: &str) -> Result<Self, EventError> {
        if self.depth >= MAX_DEPTH {
            let reason = format!("events are nested more than {MAX_DEPTH} deep");
            return Err(invalid(path, reason));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Inside an event that names the provider.
    pub(super) fn of_provider(self, provider: &'a ProviderId) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }
}
