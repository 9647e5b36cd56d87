//! Kernel, user, capabilities and limits.

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

use super::proc_file::field;

/// Who this process is, and on what kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Name, release and version.
    pub kernel: String,
    /// Processor, as the kernel calls it.
    pub machine: String,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Sets of capabilities as `/proc/self/status` has them, hexadecimal.
    pub capabilities: Vec<(String, String)>,
    /// `NoNewPrivs` of `/proc/self/status`: 1 where set-user-id has no effect.
    pub no_new_privs: Option<String>,
    /// `Seccomp` of `/proc/self/status`: 0 none, 1 strict, 2 filter.
    pub seccomp: Option<String>,
    /// `Seccomp_filters` of `/proc/self/status`: how many.
    pub seccomp_filters: Option<String>,
}

/// A resource limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Name.
    pub name: String,
    /// What holds.
    pub soft: String,
    /// The most that may be asked for.
    pub hard: String,
    /// Bytes, files and the like; empty where there is none.
    pub unit: String,
}

impl Identity {
    pub(super) fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let value = |name: &str| field(&status, name).map(str::to_owned);
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let name = uname().ok();
        let kernel = name.as_ref().map(|name| {
            format!(
                "{} {} {}",
                text(name.sysname()),
                text(name.release()),
                text(name.version())
            )
        });
        let groups = nix::unistd::getgroups().unwrap_or_default();
        let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        Self {
            kernel: kernel.unwrap_or_default(),
            machine: name.map(|name| text(name.machine())).unwrap_or_default(),
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
            capabilities: sets
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), value(name)?)))
                .collect(),
            no_new_privs: value("NoNewPrivs"),
            seccomp: value("Seccomp"),
            seccomp_filters: value("Seccomp_filters"),
        }
    }
}

pub(super) fn limits() -> Vec<Limit> {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    parse(&text)
}

/// Columns are as wide as the heading's: "Limit", "Soft Limit", "Hard Limit", "Units" (proc(5)).
fn parse(text: &str) -> Vec<Limit> {
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    let starts = ["Soft Limit", "Hard Limit", "Units"].map(|name| heading.find(name));
    let [Some(soft), Some(hard), Some(unit)] = starts else {
        return Vec::new();
    };
    let column = |line: &str, from: usize, to: usize| {
        let end = to.min(line.len());
        line.get(from..end).unwrap_or_default().trim().to_owned()
    };
    let limit = |line: &str| Limit {
        name: column(line, 0, soft),
        soft: column(line, soft, hard),
        hard: column(line, hard, unit),
        unit: column(line, unit, usize::MAX),
    };
    lines.map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_column() {
        let text = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 4096                 files     
Max nice priority         0                    0                    \n";
        let limits = parse(text);
        let shown: Vec<_> = limits
            .iter()
            .map(|limit| [&limit.name, &limit.soft, &limit.hard, &limit.unit].map(String::as_str))
            .collect();
        assert_eq!(
            shown,
            [
                ["Max cpu time", "unlimited", "unlimited", "seconds"],
                ["Max open files", "1024", "4096", "files"],
                ["Max nice priority", "0", "0", ""],
            ]
        );
        assert!(parse("something else\n1 2 3\n").is_empty());
        assert!(limits.len() < super::limits().len());
    }

    #[test]
    fn this_process_is_seen() {
        let identity = Identity::look();
        assert!(identity.kernel.starts_with("Linux "));
        assert!(
            identity
                .capabilities
                .iter()
                .any(|(name, _)| name == "CapEff")
        );
    }
}
