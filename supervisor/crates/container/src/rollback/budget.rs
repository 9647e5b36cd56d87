//! How long undoing may take: no longer than making the container again takes.

use std::time::{Duration, Instant};

/// Most that one step counts. A longer time between two looks at the clock is not work: the platform freezes this process
/// between invocations.
const LONGEST_STEP: Duration = Duration::from_millis(100);
/// So many steps tell how long the others take.
const SAMPLE: u32 = 256;

/// Time for some work, which counts only while the work goes on.
#[derive(Debug)]
pub struct Budget {
    /// None where there is no limit.
    limit: Option<Duration>,
    used: Duration,
    looked: Instant,
}

/// The work takes longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded;

impl Budget {
    /// Begins now; without a `limit`, the work may take any time.
    pub fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            used: Duration::ZERO,
            looked: Instant::now(),
        }
    }

    /// Counts the step since the last look.
    ///
    /// # Errors
    /// [`Exceeded`] when the limit is reached.
    pub fn step(&mut self) -> Result<(), Exceeded> {
        let now = Instant::now();
        self.used += now.duration_since(self.looked).min(LONGEST_STEP);
        self.looked = now;
        self.expect(Duration::ZERO)
    }

    /// The same for a step of which `left` more follow, after `done` of their kind that began when [`Self::used`] was `began`.
    ///
    /// # Errors
    /// [`Exceeded`], too, when the others will exceed the limit, going by those that are done.
    pub fn step_of_many(&mut self, began: Duration, done: u32, left: u32) -> Result<(), Exceeded> {
        self.step()?;
        if done < SAMPLE {
            return Ok(());
        }
        let each = self.used.saturating_sub(began) / done;
        self.expect(each.saturating_mul(left))
    }

    /// What was used so far.
    pub fn used(&self) -> Duration {
        self.used
    }

    fn expect(&self, more: Duration) -> Result<(), Exceeded> {
        match self.limit {
            Some(limit) if self.used.saturating_add(more) > limit => Err(Exceeded),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_will_take_too_long_ends_at_once() {
        let mut budget = Budget::new(Some(Duration::from_secs(10)));
        let began = budget.used();
        let mut done = 0;
        // Each step takes 10 ms, and there are 100,000.
        let ended = (0..100_000_u32).rev().find(|left| {
            budget.looked = Instant::now()
                .checked_sub(Duration::from_millis(10))
                .unwrap();
            done += 1;
            budget.step_of_many(began, done, *left).is_err()
        });
        assert!(ended.is_some() && done <= SAMPLE, "{done}");
    }

    #[test]
    fn time_in_the_freezer_does_not_count() {
        let mut budget = Budget::new(Some(Duration::from_secs(10)));
        budget.looked = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
        assert_eq!(budget.step(), Ok(()));
        assert!(budget.used() <= LONGEST_STEP);
    }

    #[test]
    fn without_a_limit_nothing_ends() {
        let mut budget = Budget::new(None);
        budget.used = Duration::from_hours(1);
        assert_eq!(budget.step_of_many(Duration::ZERO, 1000, u32::MAX), Ok(()));
    }
}
