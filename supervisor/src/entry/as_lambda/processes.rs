//! The processes of this machine and what they use, from `/proc` (proc(5)).

use std::{collections::HashMap, fs};

use nix::unistd::{SysconfVar, sysconf};

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: i32,
    parent: i32,
    /// The first 15 bytes of its program's name.
    name: String,
    /// Its threads; 1 for one that has ended and that nobody has waited for.
    pub(super) threads: u64,
    /// Bytes of resident memory, shared ones included.
    pub(super) resident: u64,
}

impl Process {
    /// From `/proc/PID/stat`.
    fn parse(stat: &str, page: u64) -> Option<Self> {
        let (pid, rest) = stat.split_once(" (")?;
        // A name may hold anything, parentheses too.
        let (name, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid: pid.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            name: name.to_owned(),
            threads: number(17)?.max(1),
            resident: number(21)? * page,
        })
    }

    /// Bytes of memory, where what several processes share is divided among them; the resident memory where this cannot be
    /// known.
    pub(super) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
            .map_or(self.resident, |kib| kib * 1024)
    }

    /// The name of its program. In F modes the kernel knows only the loader, which gets the program as an argument.
    pub(super) fn program(&self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        program(&self.name, &String::from_utf8_lossy(&line))
    }

    /// Files it has open.
    pub(super) fn open_files(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, |files| files.count() as u64)
    }
}

/// The program's name from its short name and its command line, whose words end in NUL.
fn program(name: &str, line: &str) -> String {
    if !name.starts_with("ld-") {
        return name.to_owned();
    }
    let words: Vec<&str> = line.split('\0').collect();
    // A path after an option is that option's value.
    let loaded = words.windows(2).find_map(|pair| match pair {
        [before, path] if path.starts_with('/') && !before.starts_with("--") => Some(path),
        _ => None,
    });
    let found = loaded.and_then(|path| path.rsplit('/').next());
    found.unwrap_or(name).to_owned()
}

/// Every process that this one may see.
pub(super) fn all() -> Vec<Process> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page
        .and_then(|page| u64::try_from(page).ok())
        .unwrap_or(4096);
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|pid| {
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            Process::parse(&String::from_utf8_lossy(&stat), page)
        })
        .collect()
}

/// Every process that descends from `ancestor`.
pub(super) fn descendants(ancestor: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        let of_it = children.remove(&parent).unwrap_or_default();
        parents.extend(of_it.iter().map(|process| process.pid));
        found.extend(of_it);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 100 2000 25 18446744073709551615";
        let process = Process::parse(stat, 4096).unwrap();
        assert_eq!((process.pid, process.parent), (42, 7));
        assert_eq!(process.name, "a) (b c");
        assert_eq!((process.threads, process.resident), (3, 25 * 4096));
    }

    #[test]
    fn a_program_that_the_loader_runs_is_called_by_its_own_name() {
        let line = "/c/ld.so\0--library-path\0/x:/y\0/c/ROOT/usr/bin/tail\0-c\0/dev/zero\0";
        assert_eq!(program("ld-linux-x86-64", line), "tail");
        assert_eq!(program("tail", line), "tail");
        assert_eq!(program("ld-linux-x86-64", "tail\0"), "ld-linux-x86-64");
    }

    #[test]
    fn this_process_descends_from_its_parent() {
        let (own, parent) = (std::process::id(), std::os::unix::process::parent_id());
        let found = descendants(parent.cast_signed());
        let own = found.iter().find(|p| p.pid == own.cast_signed()).unwrap();
        assert!(own.memory() > 0 && own.open_files() > 2);
    }
}
