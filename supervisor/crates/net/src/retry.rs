//! How often something is tried, and how long the pauses between the tries are: one schedule for every request of the
//! workspace. The AWS SDK's clients retry by themselves, with numbers from here ([`Backoff::retry_config`]).

use std::time::Duration;

use aws_config::retry::RetryConfig;

use crate::error::RequestError;

/// Tries of one thing, and the pauses between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// All tries, the first included.
    pub attempts: u32,
    /// The first pause, before [`Self::jitter`].
    pub first: Duration,
    /// How the pauses grow.
    pub growth: Growth,
    /// The longest pause.
    pub longest: Duration,
    /// No pause begins when the pauses before it have taken this long. `None` for no such limit.
    pub budget: Option<Duration>,
    /// How much of a pause is random.
    pub jitter: Jitter,
}

/// How pauses grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Each is twice as long as the one before.
    Double,
    /// Each is half as long again as the one before.
    Half,
}

/// How much of a pause is random, so that clients that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Nothing: one user waits for one thing.
    None,
    /// The second half.
    Half,
    /// All of it.
    Full,
}

impl Jitter {
    /// A pause of at most `longest`, with `random` from 0 to 1.
    fn apply(self, longest: Duration, random: f64) -> Duration {
        match self {
            Self::None => longest,
            Self::Half => (longest / 2) + (longest / 2).mul_f64(random),
            Self::Full => longest.mul_f64(random),
        }
    }
}

impl Growth {
    fn next(self, pause: Duration) -> Duration {
        match self {
            Self::Double => pause.saturating_mul(2),
            Self::Half => pause.saturating_add(pause / 2),
        }
    }
}

impl Backoff {
    /// The pauses between the tries: one less than there are tries.
    pub fn pauses(self) -> Pauses {
        Pauses {
            backoff: self,
            next: self.first.min(self.longest),
            taken: 0,
            waited: Duration::ZERO,
        }
    }

    /// The same numbers for a client of the AWS SDK, whose jitter is [`Jitter::Full`] and whose growth is
    /// [`Growth::Double`].
    pub fn retry_config(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(self.first)
            .with_max_backoff(self.longest)
    }

    /// Calls `attempt` until it succeeds, fails permanently, or has been tried often enough.
    ///
    /// # Errors
    /// That of the last try.
    pub async fn run<T, E>(
        self,
        mut attempt: impl AsyncFnMut() -> Result<T, RequestError<E>>,
    ) -> Result<T, E> {
        let mut pauses = self.pauses();
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(RequestError::Permanent(error)) => return Err(error),
                Err(RequestError::Transient(error)) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
            }
        }
    }
}

/// The pauses of a [`Backoff`].
#[derive(Debug, Clone)]
pub struct Pauses {
    backoff: Backoff,
    next: Duration,
    taken: u32,
    waited: Duration,
}

impl Pauses {
    /// Tries so far, when each pause was followed by one.
    pub fn tries(&self) -> u32 {
        self.taken.saturating_add(1)
    }

    /// The pauses so far, together.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Begins again: what was tried has got further.
    pub fn restart(&mut self) {
        *self = self.backoff.pauses();
    }

    /// The next pause, with `random` from 0 to 1; `None` when there is no further try.
    fn next_with(&mut self, random: f64) -> Option<Duration> {
        let Backoff {
            attempts, budget, ..
        } = self.backoff;
        if self.tries() >= attempts || budget.is_some_and(|budget| self.waited >= budget) {
            return None;
        }
        let pause = self.backoff.jitter.apply(self.next, random);
        self.next = self
            .backoff
            .growth
            .next(self.next)
            .min(self.backoff.longest);
        self.taken += 1;
        self.waited = self.waited.saturating_add(pause);
        Some(pause)
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.next_with(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLING: Backoff = Backoff {
        attempts: 6,
        first: Duration::from_millis(300),
        growth: Growth::Double,
        longest: Duration::from_secs(3),
        budget: None,
        jitter: Jitter::None,
    };

    /// All pauses of a schedule, in milliseconds.
    fn schedule(backoff: Backoff, random: f64) -> Vec<u128> {
        let mut pauses = backoff.pauses();
        std::iter::from_fn(|| pauses.next_with(random))
            .map(|pause| pause.as_millis())
            .collect()
    }

    #[test]
    fn pauses_grow_up_to_the_longest_and_end_with_the_tries() {
        assert_eq!(schedule(DOUBLING, 0.0), [300, 600, 1200, 2400, 3000]);
        let slower = Backoff {
            growth: Growth::Half,
            attempts: 5,
            ..DOUBLING
        };
        assert_eq!(schedule(slower, 0.0), [300, 450, 675, 1012]);
        let once = Backoff {
            attempts: 1,
            ..DOUBLING
        };
        assert!(schedule(once, 0.0).is_empty());
        let short = Backoff {
            longest: Duration::from_millis(100),
            attempts: 3,
            ..DOUBLING
        };
        assert_eq!(schedule(short, 0.0), [100, 100]);
    }

    #[test]
    fn endless_tries_neither_end_nor_overflow() {
        let endless = Backoff {
            attempts: u32::MAX,
            longest: Duration::MAX,
            ..DOUBLING
        };
        assert_eq!(endless.pauses().nth(500), Some(Duration::MAX));
    }

    #[test]
    fn no_pause_begins_when_the_budget_is_spent() {
        let budget = |milliseconds| Backoff {
            budget: Some(Duration::from_millis(milliseconds)),
            ..DOUBLING
        };
        assert_eq!(schedule(budget(1000), 0.0), [300, 600, 1200]);
        assert_eq!(schedule(budget(900), 0.0), [300, 600]);
        assert!(schedule(budget(0), 0.0).is_empty());
    }

    #[test]
    fn jitter_takes_from_a_pause_what_it_may() {
        let with = |jitter| Backoff {
            jitter,
            attempts: 3,
            ..DOUBLING
        };
        assert_eq!(schedule(with(Jitter::None), 0.5), [300, 600]);
        assert_eq!(schedule(with(Jitter::Half), 0.0), [150, 300]);
        assert_eq!(schedule(with(Jitter::Half), 1.0), [300, 600]);
        assert_eq!(schedule(with(Jitter::Full), 0.0), [0, 0]);
        assert_eq!(schedule(with(Jitter::Full), 0.5), [150, 300]);
    }

    #[test]
    fn tries_and_waits_are_counted_until_it_begins_again() {
        let mut pauses = DOUBLING.pauses();
        assert_eq!((pauses.tries(), pauses.waited()), (1, Duration::ZERO));
        pauses.by_ref().take(2).for_each(drop);
        assert_eq!(pauses.tries(), 3);
        assert_eq!(pauses.waited(), Duration::from_millis(900));
        pauses.restart();
        assert_eq!(pauses.next(), Some(DOUBLING.first));
    }

    #[tokio::test]
    async fn only_transient_failures_are_tried_again() {
        let retry = Backoff {
            attempts: 3,
            first: Duration::ZERO,
            ..DOUBLING
        };
        let mut tries = 0;
        let lasting: Result<(), _> = retry
            .run(async || {
                tries += 1;
                Err(RequestError::Transient(tries))
            })
            .await;
        assert_eq!(lasting, Err(3));
        let mut tries = 0;
        let refused: Result<(), _> = retry
            .run(async || {
                tries += 1;
                Err(RequestError::Permanent(tries))
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
                Err(RequestError::Transient(()))
            })
            .await;
        assert_eq!(late, Ok(2));
    }
}
