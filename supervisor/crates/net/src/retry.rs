//! Waiting between tries of a broken transfer. The AWS SDK retries its requests by itself;
//! this is for bodies that break off, and for stores that are not S3.

use std::time::Duration;

/// Tries of one request or range, the first included.
pub const ATTEMPTS: u32 = 6;
/// Upper bound of the random wait before the first retry; doubled each time.
const FIRST: Duration = Duration::from_millis(200);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits a random time below a bound that doubles with each failure ("full jitter").
pub async fn back_off(failures: u32) {
    let bound = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
    tokio::time::sleep(bound.mul_f64(fastrand::f64())).await;
}
