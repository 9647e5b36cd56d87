//! What errors say, and whether another try can help.

use std::fmt;

/// The messages of an error and of its sources, outermost first, on one line, without repetitions.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = one_line(error);
    let mut next = error.source();
    while let Some(source) = next {
        let message = one_line(source);
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        next = source.source();
    }
    text
}

fn one_line(error: &dyn std::error::Error) -> String {
    let message = error.to_string();
    message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Why a request failed, by what another try can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError<E = String> {
    /// The next try may succeed.
    Transient(E),
    /// Every further try would fail too.
    Permanent(E),
}

impl<E> RequestError<E> {
    /// The same with another error inside.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> RequestError<F> {
        match self {
            Self::Transient(error) => RequestError::Transient(change(error)),
            Self::Permanent(error) => RequestError::Permanent(change(error)),
        }
    }
}

impl<E: fmt::Display> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(error) | Self::Permanent(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for RequestError<E> {}
