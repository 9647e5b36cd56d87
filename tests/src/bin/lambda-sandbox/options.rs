//! The command line.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail};
use lambda_sandbox::{Filter, Policy, Profile, calls::Answer};
use nix::sys::stat::Mode;

/// What to start, and in what.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) root: PathBuf,
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
    pub(crate) tmp: Option<PathBuf>,
    profile: Profile,
    denied: Vec<(String, Option<Answer>)>,
    pub(crate) umask: Mode,
    pub(crate) left: Option<PathBuf>,
    pub(crate) linger: Duration,
    pub(crate) clock: Option<PathBuf>,
    pub(crate) command: Vec<OsString>,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut options = Self {
            root: PathBuf::new(),
            binds: Vec::new(),
            tmp: None,
            profile: Profile::Observed,
            denied: Vec::new(),
            umask: Mode::from_bits_truncate(0o022),
            left: None,
            linger: Duration::ZERO,
            clock: None,
            command: Vec::new(),
        };
        while let Some(option) = words.next() {
            if option == "--" {
                options.command = words.collect();
                break;
            }
            let value = words.next().context("an option without a value")?;
            options.set(&option, &value)?;
        }
        if options.command.is_empty() || options.root.as_os_str().is_empty() {
            bail!("it needs --root DIR and, after --, a program");
        }
        Ok(options)
    }

    fn set(&mut self, option: &OsStr, value: &OsStr) -> anyhow::Result<()> {
        let text = value.to_string_lossy();
        match option.to_str().unwrap_or_default() {
            "--root" => self.root = value.into(),
            "--bind" => self.binds.push(pair(value)?),
            "--tmp" => self.tmp = Some(value.into()),
            "--left" => self.left = Some(value.into()),
            "--linger" => self.linger = Duration::from_secs(text.parse()?),
            "--clock" => self.clock = Some(value.into()),
            "--profile" => {
                let profile = Profile::parse(&text);
                self.profile = profile.with_context(|| format!("no profile {text}"))?;
            }
            "--deny" => self.denied.push(denied(&text)?),
            "--umask" => {
                let bits =
                    u32::from_str_radix(&text, 8).context("--umask takes an octal number")?;
                self.umask = Mode::from_bits_truncate(bits);
            }
            other => bail!("no option {other}"),
        }
        Ok(())
    }

    pub(crate) fn filter(&self) -> anyhow::Result<Filter> {
        let mut policy = Policy::of(self.profile);
        for (name, answer) in &self.denied {
            policy = policy.and(name, *answer)?;
        }
        Ok(Filter::of(&policy)?)
    }
}

fn pair(value: &OsStr) -> anyhow::Result<(PathBuf, PathBuf)> {
    let bytes = value.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=');
    let at = at.context("--bind takes SOURCE=DIR")?;
    let path = |bytes| PathBuf::from(OsStr::from_bytes(bytes));
    Ok((path(&bytes[..at]), path(&bytes[at + 1..])))
}

fn denied(text: &str) -> anyhow::Result<(String, Option<Answer>)> {
    Ok(match text.split_once('=') {
        None => (text.to_owned(), None),
        Some((name, "EPERM")) => (name.to_owned(), Some(Answer::Eperm)),
        Some((name, "ENOSYS")) => (name.to_owned(), Some(Answer::Enosys)),
        Some((_, other)) => bail!("a call cannot answer {other}"),
    })
}
