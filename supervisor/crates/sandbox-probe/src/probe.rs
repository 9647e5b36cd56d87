//! One attempt in one process: how it is started, what that process does, and what its end says.
//!
//! The process is this program again, under another name (`argv[0]`), with an empty environment. Its exit code is the error
//! number of what it tried, 0 where that worked.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::resource::{Resource, setrlimit},
};

use super::{
    attempts::{self, all},
    facility::Facility,
    outcome::{NO_SUCH_WORD, Outcome},
    words::{NUDGE, WORD},
};

/// No attempt takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Starts the processes.
#[derive(Debug, Clone)]
pub struct Prober {
    /// This program's file.
    pub program: PathBuf,
    /// The name under which it comes to [`play`].
    pub arg0: &'static str,
    /// Where directories for attempts can be made.
    pub temp: PathBuf,
}

impl Prober {
    /// Tries a facility. Takes some milliseconds, three seconds where it hangs.
    pub fn probe(&self, facility: &Facility) -> Outcome {
        self.started(facility)
            .unwrap_or_else(|error| Outcome::NotTried {
                why: error.to_string(),
            })
    }

    fn started(&self, facility: &Facility) -> io::Result<Outcome> {
        let directory = tempfile::Builder::new()
            .prefix("faas-probe-")
            .tempdir_in(&self.temp)?;
        let mut child = Command::new(&self.program)
            .arg0(self.arg0)
            .args([OsStr::new(WORD), OsStr::new(facility.name)])
            .arg(directory.path())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ends = ends_in_time(&mut child);
        if !ends {
            child.kill()?;
        }
        let status = child.wait()?;
        Ok(if ends {
            Outcome::of(status, facility)
        } else {
            Outcome::Hangs
        })
    }
}

/// Nothing is written to its standard output, whose end is its own.
fn ends_in_time(child: &mut Child) -> bool {
    let Some(output) = child.stdout.take() else {
        return true;
    };
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut descriptors = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        match poll(&mut descriptors, timeout) {
            Ok(0) => return false,
            // A wait may be refused once after the environment was frozen.
            Err(Errno::EINTR | Errno::EPERM) if !left.is_zero() => {}
            _ => return true,
        }
    }
}

/// Plays the process: the words after [`WORD`].
pub fn play(arguments: &[OsString]) -> ExitCode {
    let word = arguments.first().and_then(|word| word.to_str());
    let argument = arguments.get(1).cloned().unwrap_or_default();
    // Being killed is what some attempts are for: no core is written for it.
    let _as_it_is = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let tried = match word {
        Some(NUDGE) => attempts::waiting::nudge(argument.to_str().unwrap_or_default()),
        Some(name) => match all().find(|facility| facility.name == name) {
            Some(facility) => (facility.attempt)(Path::new(&argument)),
            None => return ExitCode::from(NO_SUCH_WORD),
        },
        None => return ExitCode::from(NO_SUCH_WORD),
    };
    match tried {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(u8::try_from(error as i32).unwrap_or(NO_SUCH_WORD)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mean_nothing_are_no_facility() {
        let unknown = play(&["there is no such thing".into(), "/".into()]);
        assert_eq!(
            format!("{unknown:?}"),
            format!("{:?}", ExitCode::from(NO_SUCH_WORD))
        );
    }
}
