//! What can be seen of processes.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::mounts::Mount;

/// What `/proc` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Processes {
    /// This process.
    pub own_pid: u32,
    /// The one that started it.
    pub parent_pid: u32,
    /// How many can be seen.
    pub seen: usize,
    /// `hidepid` of the mount at `/proc`, where it is given.
    pub hidepid: Option<String>,
    /// The name of the first process, where it can be read.
    pub first: Option<String>,
    /// Whether its environment can be opened. It is not read.
    pub first_environment_readable: bool,
}

impl Processes {
    pub(super) fn look(mounts: &[Mount]) -> Self {
        let name = fs::read_to_string("/proc/1/comm").ok();
        Self {
            own_pid: std::process::id(),
            parent_pid: std::os::unix::process::parent_id(),
            seen: count(Path::new("/proc")),
            hidepid: hidepid(mounts),
            first: name.map(|name| name.trim().to_owned()),
            first_environment_readable: fs::File::open("/proc/1/environ").is_ok(),
        }
    }
}

fn count(proc: &Path) -> usize {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_number))
        .count()
}

fn hidepid(mounts: &[Mount]) -> Option<String> {
    let mount = mounts.iter().rfind(|mount| mount.path == "/proc")?;
    let mut options = mount.options.split(',');
    options
        .find_map(|option| option.strip_prefix("hidepid="))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_says_who_is_hidden() {
        let mount = |options: &str| {
            [Mount {
                path: "/proc".to_owned(),
                kind: "proc".to_owned(),
                options: options.to_owned(),
            }]
        };
        assert_eq!(
            hidepid(&mount("rw,hidepid=invisible")).as_deref(),
            Some("invisible")
        );
        assert_eq!(hidepid(&mount("rw,nosuid")), None);
        assert!(Processes::look(&[]).seen > 0);
    }
}
