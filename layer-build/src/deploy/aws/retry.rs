//! How often requests to AWS are tried, and how long the pauses between two tries are.

use std::time::Duration;

use net::retry::{Backoff, Growth, Jitter};

/// Requests of the SDK's clients. Control planes throttle, and a deployment makes many calls.
pub const SDK: Backoff = Backoff {
    attempts: 8,
    first: Duration::from_secs(1),
    jitter: Jitter::Full,
    ..SIGNED_REQUEST
};

/// Requests that are signed here.
pub const SIGNED_REQUEST: Backoff = Backoff {
    attempts: 6,
    first: Duration::from_millis(300),
    growth: Growth::Double,
    longest: Duration::from_secs(20),
    budget: None,
    jitter: Jitter::None,
};

/// Calls of a function that Lambda is too busy to run.
pub const THROTTLED_CALL: Backoff = Backoff {
    first: Duration::from_millis(500),
    ..SIGNED_REQUEST
};

/// Looks at something that AWS prepares. What ends them is the budget that a [`WaitPolicy`](super::WaitPolicy) adds.
pub const PREPARATION: Backoff = Backoff {
    attempts: u32::MAX,
    first: Duration::from_secs(1),
    growth: Growth::Half,
    longest: Duration::from_secs(10),
    budget: None,
    jitter: Jitter::None,
};
