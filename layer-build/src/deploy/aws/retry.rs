//! How often requests to AWS are tried, and how long the pauses between two tries are.

use std::time::Duration;

use aws_config::retry::RetryConfig;

/// The SDK's clients. Control planes throttle, and a deployment makes many calls.
pub fn sdk() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(8)
        .with_max_backoff(Duration::from_secs(20))
}

/// Requests that are signed here.
pub const SIGNED_REQUEST: Retry = Retry {
    tries: 6,
    backoff: Backoff {
        first: Duration::from_millis(300),
        growth: Growth::Double,
        longest: Duration::from_secs(20),
    },
};

/// Calls of a function that Lambda is too busy to run.
pub const THROTTLED_CALL: Retry = Retry {
    tries: 6,
    backoff: Backoff {
        first: Duration::from_millis(500),
        growth: Growth::Double,
        longest: Duration::from_secs(20),
    },
};

/// Looks at something that AWS prepares.
pub const PREPARATION: Backoff = Backoff {
    first: Duration::from_secs(1),
    growth: Growth::Half,
    longest: Duration::from_secs(10),
};

/// Pauses between two tries, each longer than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// How the pauses grow.
    pub growth: Growth,
    /// The longest pause.
    pub longest: Duration,
}

/// How pauses grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Each is twice as long as the one before.
    Double,
    /// Each is half as long again as the one before.
    Half,
}

impl Backoff {
    /// The pauses, without end.
    pub fn pauses(self) -> impl Iterator<Item = Duration> {
        let first = self.first.min(self.longest);
        std::iter::successors(Some(first), move |pause| {
            let next = match self.growth {
                Growth::Double => *pause * 2,
                Growth::Half => *pause * 3 / 2,
            };
            Some(next.min(self.longest))
        })
    }
}

/// How often something is tried, with pauses between the tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// All tries, the first included.
    pub tries: usize,
    /// The pauses.
    pub backoff: Backoff,
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryError<E> {
    /// The next try may succeed.
    Transient(E),
    /// Every further try would fail too.
    Permanent(E),
}

impl Retry {
    /// Calls `attempt` until it succeeds, fails permanently, or has been tried often enough.
    ///
    /// # Errors
    /// That of the last try.
    pub async fn run<T, E>(
        self,
        mut attempt: impl AsyncFnMut() -> Result<T, TryError<E>>,
    ) -> Result<T, E> {
        let mut pauses = self.backoff.pauses().take(self.tries.saturating_sub(1));
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(TryError::Permanent(error)) => return Err(error),
                Err(TryError::Transient(error)) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let seconds = |backoff: Backoff, count| -> Vec<f64> {
            let pauses = backoff.pauses().take(count);
            pauses.map(|pause| pause.as_secs_f64()).collect()
        };
        assert_eq!(
            seconds(SIGNED_REQUEST.backoff, 5),
            [0.3, 0.6, 1.2, 2.4, 4.8]
        );
        assert_eq!(seconds(PREPARATION, 4), [1.0, 1.5, 2.25, 3.375]);
        assert_eq!(PREPARATION.pauses().nth(20), Some(PREPARATION.longest));
    }

    #[tokio::test]
    async fn only_transient_failures_are_tried_again() {
        let retry = Retry {
            tries: 3,
            backoff: Backoff {
                first: Duration::ZERO,
                ..PREPARATION
            },
        };
        let mut tries = 0;
        let lasting: Result<(), _> = retry
            .run(async || {
                tries += 1;
                Err(TryError::Transient(tries))
            })
            .await;
        assert_eq!(lasting, Err(3));
        let mut tries = 0;
        let refused: Result<(), _> = retry
            .run(async || {
                tries += 1;
                Err(TryError::Permanent(tries))
            })
            .await;
        assert_eq!(refused, Err(1));
        let mut tries = 0;
        let late = retry
            .run(async || {
                tries += 1;
                if tries == 2 {
                    return Ok(tries);
                }
                Err(TryError::Transient(()))
            })
            .await;
        assert_eq!(late, Ok(2));
    }
}
