//! How much memory there is.

use std::fs;

use serde::{Deserialize, Serialize};

use super::proc_file::field;

/// Where control groups say how much a process may have: version 2, version 1.
const LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// Memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Of the machine, in bytes.
    pub total: Option<u64>,
    /// Of the control group, as the kernel says it: bytes, or `max`. None where no control group can be seen.
    pub cgroup_limit: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub function_size: Option<u64>,
}

impl Memory {
    pub(super) fn look(function_size: Option<u64>) -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let limit = LIMITS
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .map(|text| text.trim().to_owned());
        Self {
            total: total(&text),
            cgroup_limit: limit,
            function_size,
        }
    }
}

/// In kB, which are 1,024 bytes here (proc(5)).
fn total(text: &str) -> Option<u64> {
    let kilobytes = field(text, "MemTotal")?.strip_suffix("kB")?.trim();
    kilobytes.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kilobytes() {
        let text = "MemTotal:         131072 kB\nMemFree:          100 kB\n";
        assert_eq!(total(text), Some(128 * 1024 * 1024));
        assert_eq!(total("MemTotal: much\n"), None);
        assert!(Memory::look(Some(512)).total.is_some());
    }
}
