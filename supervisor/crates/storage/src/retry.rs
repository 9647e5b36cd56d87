//! How often requests and broken transfers are tried. The SDK retries its requests by itself; this is for bodies that
//! break off, and for stores that are not S3.

use std::time::Duration;

use net::retry::{Backoff, Growth, Jitter};

/// Tries of one request or one range.
pub(super) const TRANSFER: Backoff = Backoff {
    attempts: 6,
    first: Duration::from_millis(400),
    growth: Growth::Double,
    longest: Duration::from_secs(10),
    budget: None,
    jitter: Jitter::Full,
};
