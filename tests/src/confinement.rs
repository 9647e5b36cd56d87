//! How a program is started inside the imitation of Lambda's sandbox: the command line of `lambda-sandbox`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lambda_sandbox::Profile;

use crate::wall_clock::WallClock;

/// The command line, up to the name of the program that runs inside.
#[derive(Debug, Clone)]
pub struct Confinement {
    root: PathBuf,
    binds: Vec<(PathBuf, PathBuf)>,
    tmp: PathBuf,
    left: PathBuf,
    profile: Profile,
    denied: Vec<String>,
    umask: u32,
    linger: Duration,
    clock: Option<WallClock>,
}

impl Confinement {
    /// One with `root` as `/` and `tmp` as `/tmp`; what outlives the program is written to `left`.
    pub(crate) fn new(root: PathBuf, tmp: PathBuf, left: PathBuf, umask: u32) -> Self {
        Self {
            root,
            binds: Vec::new(),
            tmp,
            left,
            profile: Profile::Observed,
            denied: Vec::new(),
            umask,
            linger: Duration::ZERO,
            clock: None,
        }
    }

    /// With another file for what outlives the program.
    #[must_use]
    pub(crate) fn left(mut self, left: PathBuf) -> Self {
        self.left = left;
        self
    }

    /// With another root directory, and nothing bound into it yet.
    #[must_use]
    pub(crate) fn with_root(mut self, root: &Path) -> Self {
        root.clone_into(&mut self.root);
        self.binds.clear();
        self
    }

    /// With a path of this machine at a path inside, read-only.
    #[must_use]
    pub fn bind(mut self, source: &Path, inside: &Path) -> Self {
        self.binds
            .push((source.to_path_buf(), inside.to_path_buf()));
        self
    }

    /// Under another profile than the observed one.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// With one more system call denied, by the name of its row in the table.
    #[must_use]
    pub fn deny(mut self, call: &str) -> Self {
        self.denied.push(call.to_owned());
        self
    }

    /// With this umask.
    #[must_use]
    pub fn umask(mut self, umask: u32) -> Self {
        self.umask = umask;
        self
    }

    /// With a first process that stays this long after the program, so that what outlives it can be seen from outside.
    #[must_use]
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// With another wall clock than this machine's. Each reading of it takes some tens of microseconds more.
    #[must_use]
    pub fn clock(mut self, clock: &WallClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// The words before the program's.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![program().into()];
        let mut option = |name: &str, value: OsString| words.extend([name.into(), value]);
        option("--root", self.root.clone().into());
        for (source, inside) in &self.binds {
            let mut pair = source.clone().into_os_string();
            pair.push("=");
            pair.push(inside);
            option("--bind", pair);
        }
        option("--tmp", self.tmp.clone().into());
        option("--left", self.left.clone().into());
        option("--profile", self.profile.name().into());
        for call in &self.denied {
            option("--deny", call.into());
        }
        option("--umask", format!("{:o}", self.umask).into());
        if let Some(clock) = &self.clock {
            option("--clock", clock.file().into());
        }
        option("--linger", self.linger.as_secs().to_string().into());
        words.push("--".into());
        words
    }
}

/// The built program, beside the test programs.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("lambda-sandbox");
    assert!(
        built.exists(),
        "{} is missing: cargo build -p e2e",
        built.display()
    );
    built
}
