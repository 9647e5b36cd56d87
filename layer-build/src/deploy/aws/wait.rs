//! Waits for what AWS prepares, up to a limit.

use std::future::Future;
use std::time::Duration;

use super::error::AwsError;
use super::retry::Backoff;

/// A wait up to this long is not reported.
const UNREPORTED: Duration = Duration::from_secs(4);

/// How long to wait, and how often to look.
#[derive(Debug, Clone, Copy)]
pub struct WaitPolicy {
    /// The longest wait.
    pub limit: Duration,
    /// The pauses between two looks.
    pub backoff: Backoff,
    /// Reports what a long wait is for.
    pub report: fn(&str),
}

impl WaitPolicy {
    /// Calls `look` until it finds something. `what` completes "wait for …".
    ///
    /// # Errors
    /// That of `look`, or one that says what was waited for and how long.
    pub async fn wait<T, F: Future<Output = Result<Option<T>, AwsError>>>(
        self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<T, AwsError> {
        let mut waited = Duration::ZERO;
        for pause in self.backoff.pauses() {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if waited >= self.limit {
                break;
            }
            if waited >= UNREPORTED {
                (self.report)(&format!(
                    "waiting for {what}, {} s so far",
                    waited.as_secs()
                ));
            }
            tokio::time::sleep(pause).await;
            waited += pause;
        }
        let detail = format!(
            "it was not ready after {} s; run the command again, or give it longer with --patience",
            self.limit.as_secs()
        );
        Err(AwsError::new(format!("wait for {what}"), detail))
    }
}
