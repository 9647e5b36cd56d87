//! How large answers and their parts may be.

use crate::event::{HttpApi, Source};

/// Largest response that is sent, in bytes of JSON (Lambda quotas: 6 MB for a synchronous payload).
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Largest response a load balancer takes, in bytes of JSON (Elastic Load Balancing user guide, "Lambda functions as
/// targets": 1 MB, read here as the smaller of its two meanings).
pub const ALB_PAYLOAD_LIMIT: usize = 1_000_000;

/// Room kept for everything in a payload but the body. Ids and log names are at most 512 characters each
/// (`CloudWatch` Logs API reference), six times that when every character is escaped.
const ENVELOPE: usize = 16 * 1024;

/// Most of a log that a function error repeats, in bytes: its end.
pub const ERROR_LOG_LIMIT: usize = 4 * 1024;

/// Most of a log that the answer for one item repeats, in bytes: its end.
pub const ITEM_LOG_LIMIT: usize = 1024;

/// Most of a body that an answer to `source` carries, in bytes before base64.
pub fn body_limit(source: &Source) -> usize {
    let payload = match source {
        Source::Http(HttpApi::Alb(_)) => ALB_PAYLOAD_LIMIT,
        _ => PAYLOAD_LIMIT,
    };
    (payload - ENVELOPE) / 4 * 3
}

/// Most of a log that any answer carries, in bytes before base64. Capturing more than this is of no use.
pub const fn log_limit() -> usize {
    (PAYLOAD_LIMIT - ENVELOPE) / 4 * 3
}
