//! What a run used of each of Lambda's limits, as lines for people and as JSON.

use std::{fmt::Write as _, time::Duration};

use lambda_sandbox::limits::{NOFILE, NPROC};
use serde_json::{Value, json};

use super::Function;
use crate::invocation::MINIMUM_RUN;

const MIB: u64 = 1024 * 1024;
/// Use of a limit, in percent, beyond which advice is given.
const CLOSE: u64 = 80;

/// The highest values of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// From start to end.
    pub(super) time: Duration,
    /// Bytes of memory of all processes together.
    pub(super) memory: u64,
    /// Bytes in `/tmp`.
    pub(super) tmp: u64,
    /// Processes and threads at the same time.
    pub(super) processes: u64,
    /// Open files of one process.
    pub(super) open_files: u64,
    /// What was stopped, and why.
    pub(super) stopped: Vec<String>,
}

/// One thing that is limited.
struct Part {
    name: &'static str,
    used: u64,
    limit: u64,
    advice: &'static str,
}

impl Part {
    fn percent(&self) -> u64 {
        (self.used * 100).div_ceil(self.limit.max(1))
    }

    fn hint(&self) -> Option<String> {
        let percent = self.percent();
        (percent > CLOSE).then(|| format!("{} at {percent} %: {}", self.name, self.advice))
    }
}

fn parts(usage: &Usage, function: &Function) -> [Part; 5] {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    // The container is stopped before the timeout (`invocation::TimeBudget`).
    let usable = function.timeout.saturating_sub(function.threshold);
    let usable = usable.max(MINIMUM_RUN).min(function.timeout);
    let part = |name, used, limit, advice| Part {
        name,
        used,
        limit,
        advice,
    };
    [
        part(
            "time before the deadline",
            millis(usage.time),
            millis(usable),
            "container.timeout_threshold is kept back for uploads; raise timeout (900 s at most), or memory, which brings processors with it",
        ),
        part(
            "memory",
            usage.memory.div_ceil(MIB),
            function.memory.into(),
            "raise memory (10,240 MB at most)",
        ),
        part(
            "/tmp",
            usage.tmp.div_ceil(MIB),
            function.tmp.into(),
            "raise ephemeral_storage (10,240 MB at most)",
        ),
        part(
            "processes",
            usage.processes,
            NPROC,
            "run fewer processes and threads at a time; Lambda's limit is fixed",
        ),
        part(
            "open files",
            usage.open_files,
            NOFILE,
            "open fewer files at a time; Lambda's limit is fixed",
        ),
    ]
}

/// The lines after the run's own.
pub(super) fn text(usage: &Usage, function: &Function, missing: &[String]) -> String {
    let parts = parts(usage, function);
    let mut text = String::new();
    let mut line = |line: &str| {
        let _infallible = writeln!(text, "{line}");
    };
    for stopped in &usage.stopped {
        line(&format!("lambda: {stopped}"));
    }
    let [_, memory, tmp, processes, files] = &parts;
    line(&format!(
        "lambda: time {:.1} s of {} s (timeout), memory {} MB of {} MB, /tmp {} MB of {} MB, processes {} of {}, open files {} of {}",
        usage.time.as_secs_f64(),
        function.timeout.as_secs_f64(),
        memory.used,
        memory.limit,
        tmp.used,
        tmp.limit,
        processes.used,
        processes.limit,
        files.used,
        files.limit,
    ));
    for hint in parts.iter().filter_map(Part::hint) {
        line(&format!("lambda: {hint}"));
    }
    for missing in missing {
        line(&format!("not imitated: {missing}"));
    }
    text
}

/// The same for a program.
pub(super) fn json(usage: &Usage, function: &Function, missing: &[String]) -> Value {
    let parts = parts(usage, function);
    let hints: Vec<String> = parts.iter().filter_map(Part::hint).collect();
    let [_, memory, tmp, processes, files] = &parts;
    let of = |part: &Part, unit: &str| json!({ format!("used{unit}"): part.used, format!("limit{unit}"): part.limit });
    json!({
        "time": { "used_s": usage.time.as_secs_f64(), "limit_s": function.timeout.as_secs_f64() },
        "memory": of(memory, "_mb"),
        "tmp": of(tmp, "_mb"),
        "processes": of(processes, ""),
        "open_files": of(files, ""),
        "stopped": usage.stopped,
        "hints": hints,
        "not_imitated": missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_close_to_a_limit_is_advised_upon_and_nothing_else() {
        let function = Function {
            memory: 512,
            tmp: 1024,
            timeout: Duration::from_mins(5),
            threshold: Duration::from_secs(10),
        };
        let usage = Usage {
            time: Duration::from_millis(3_210),
            memory: 180 * MIB + 1,
            tmp: 900 * MIB,
            processes: 9,
            open_files: 37,
            stopped: Vec::new(),
        };
        let text = text(&usage, &function, &["user 993".to_owned()]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "lambda: time 3.2 s of 300 s (timeout), memory 181 MB of 512 MB, /tmp 900 MB of 1024 MB, processes 9 of 742, open files 37 of 1024"
        );
        assert_eq!(
            lines[1],
            "lambda: /tmp at 88 %: raise ephemeral_storage (10,240 MB at most)"
        );
        assert_eq!(lines[2..], ["not imitated: user 993"]);
        let json = json(&usage, &function, &[]);
        assert_eq!(json["memory"]["used_mb"], 181);
        assert_eq!(json["hints"].as_array().unwrap().len(), 1);
    }
}
