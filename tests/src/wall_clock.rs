//! The wall clock of a place on Lambda, which jumps there as after a thaw.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::sandbox::Sandbox;

/// A wall clock that differs from this machine's. Clones are the same clock.
///
/// Only what a program is told on asking is shifted. Time stamps of files, and waits until a moment of the wall clock, are the
/// kernel's, and go by this machine's clock.
#[derive(Debug, Clone)]
pub struct WallClock(PathBuf);

/// Which way a clock jumps, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// To a later moment.
    Ahead(Duration),
    /// To an earlier one.
    Back(Duration),
}

impl WallClock {
    /// One for programs in `sandbox`, which was made with [`Sandbox::on_lambda`]; it shows this machine's time.
    pub fn of(sandbox: &Sandbox) -> Self {
        let clock = Self(sandbox.path("clock"));
        clock.set(0);
        clock
    }

    /// Makes it jump.
    pub fn jump(&self, jump: Jump) {
        let milliseconds = |by: Duration| i64::try_from(by.as_millis()).unwrap();
        self.set(match jump {
            Jump::Ahead(by) => self.shift() + milliseconds(by),
            Jump::Back(by) => self.shift() - milliseconds(by),
        });
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        let shift = self.shift();
        let by = Duration::from_millis(shift.unsigned_abs());
        let now = SystemTime::now();
        if shift < 0 { now - by } else { now + by }
    }

    /// Its file, for `lambda-sandbox --clock`.
    pub(crate) fn file(&self) -> &Path {
        &self.0
    }

    fn shift(&self) -> i64 {
        fs::read_to_string(&self.0).unwrap().parse().unwrap()
    }

    /// In one step, as it may be read at any time.
    fn set(&self, milliseconds: i64) {
        let new = self.0.with_extension("new");
        fs::write(&new, milliseconds.to_string()).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}
