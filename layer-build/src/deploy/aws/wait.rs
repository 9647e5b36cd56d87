//! Waits for what AWS prepares, up to a limit.

use std::future::Future;
use std::time::Duration;

use net::retry::Backoff;

use super::error::AwsError;

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
        let backoff = Backoff {
            budget: Some(self.limit),
            ..self.backoff
        };
        let mut pauses = backoff.pauses();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let waited = pauses.waited();
            let Some(pause) = pauses.next() else {
                break;
            };
            if waited >= UNREPORTED {
                (self.report)(&format!(
                    "waiting for {what}, {} s so far",
                    waited.as_secs()
                ));
            }
            tokio::time::sleep(pause).await;
        }
        let detail = format!(
            "it was not ready after {} s; run the command again, or give it longer with --patience",
            self.limit.as_secs()
        );
        Err(AwsError::new(format!("wait for {what}"), detail))
    }
}
