//! Waiting for what AWS prepares, with an end.

use std::future::Future;
use std::time::Duration;

use super::error::AwsError;

/// How long to wait, and how long between two looks.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The longest wait.
    pub limit: Duration,
    /// The first pause; later ones are longer.
    pub pause: Duration,
    /// Told what is waited for, while it takes long.
    pub tell: fn(&str),
}

/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A wait up to this is not worth a word.
const SHORT: Duration = Duration::from_secs(4);

impl Patience {
    /// Looks until there is an answer.
    ///
    /// # Errors
    /// The look's own error, or one that says what was waited for and for how long.
    pub async fn wait<T, F: Future<Output = Result<Option<T>, AwsError>>>(
        self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<T, AwsError> {
        let (mut waited, mut pause) = (Duration::ZERO, self.pause);
        loop {
            if let Some(answer) = look().await? {
                return Ok(answer);
            }
            if waited >= self.limit {
                let detail = format!(
                    "it was not ready after {} s; run the command again, or give it longer with --patience",
                    self.limit.as_secs()
                );
                return Err(AwsError::new(format!("wait for {what}"), detail));
            }
            if waited >= SHORT {
                (self.tell)(&format!(
                    "waiting for {what}, {} s so far",
                    waited.as_secs()
                ));
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}
