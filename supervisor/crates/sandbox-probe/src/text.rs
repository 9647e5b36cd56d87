//! A report for people.

use std::{collections::BTreeMap, fmt};

use indicatif::HumanBytes;

use super::{
    outcome::Outcome,
    report::Report,
    row::Row,
    surroundings::{Device, FileSystem, Reopened},
};

/// The report as text: what will not work first, then each facility, then what was seen.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "supervisor {}\n", self.supervisor)?;
        losses(f, &self.will_not_work)?;
        facilities(f, &self.facilities)?;
        self.identity(f)?;
        self.room(f)?;
        self.processes(f)?;
        self.files(f)
    }
}

fn losses(f: &mut fmt::Formatter<'_>, losses: &[String]) -> fmt::Result {
    writeln!(f, "What will not work here")?;
    if losses.is_empty() {
        writeln!(f, "  nothing is missing that is known to be needed")?;
    }
    for loss in losses {
        writeln!(f, "  - {loss}")?;
    }
    Ok(())
}

fn facilities(f: &mut fmt::Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let names = width(|row| row.name.chars().count());
    let outcomes = width(|row| row.outcome.to_string().len()).max(7);
    writeln!(
        f,
        "\nFacilities (an error in brackets: the call was let through and refused its arguments, as it was meant to)"
    )?;
    writeln!(
        f,
        "  {:<names$}  {:<outcomes$}  on Lambda  needed for",
        "tried", "outcome"
    )?;
    for row in rows {
        let line = format!(
            "  {:<names$}  {:<outcomes$}  {:<9}  {}",
            row.name,
            row.outcome.to_string(),
            row.known_of_lambda,
            row.needed_for.as_deref().unwrap_or_default()
        );
        writeln!(f, "{}", line.trim_end())?;
        if let Outcome::NotTried { why } = &row.outcome {
            writeln!(f, "  {:<names$}  {why}", "")?;
        }
    }
    Ok(())
}

fn pair(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<26}{value}")
}

impl Report {
    fn identity(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = &self.surroundings.identity;
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "not said".to_owned());
        writeln!(f, "\nIdentity")?;
        pair(f, "kernel", &own.kernel)?;
        pair(f, "processor", &own.machine)?;
        pair(f, "uid, gid", format_args!("{}, {}", own.uid, own.gid))?;
        let groups: Vec<_> = own.groups.iter().map(u32::to_string).collect();
        pair(
            f,
            "groups",
            if groups.is_empty() {
                "none".to_owned()
            } else {
                groups.join(" ")
            },
        )?;
        for (name, set) in &own.capabilities {
            let none = set.bytes().all(|digit| digit == b'0');
            pair(f, name, if none { "none" } else { set })?;
        }
        pair(f, "NoNewPrivs", said(&own.no_new_privs))?;
        pair(f, "Seccomp", said(&own.seccomp))?;
        pair(f, "Seccomp_filters", said(&own.seccomp_filters))?;
        writeln!(f, "\nLimits (soft, hard)")?;
        for limit in &self.surroundings.limits {
            pair(
                f,
                &limit.name,
                format!("{}, {} {}", limit.soft, limit.hard, limit.unit).trim_end(),
            )?;
        }
        Ok(())
    }

    fn room(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = &self.surroundings.memory;
        writeln!(f, "\nMemory and room")?;
        if let Some(total) = memory.total {
            pair(f, "memory", HumanBytes(total))?;
        }
        let limit = memory.cgroup_limit.as_deref();
        pair(
            f,
            "memory of control group",
            limit.unwrap_or("cannot be seen"),
        )?;
        if let Some(size) = memory.function_size {
            pair(f, "memory of function", format_args!("{size} MB"))?;
        }
        let FileSystem {
            path,
            kind,
            size,
            free,
        } = &self.surroundings.temp;
        let (size, free) = (HumanBytes(*size), HumanBytes(*free));
        pair(f, path, format_args!("{kind}, {free} free of {size}"))
    }

    fn processes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = &self.surroundings.processes;
        writeln!(f, "\nProcesses and streams")?;
        pair(
            f,
            "own pid, parent's",
            format_args!("{}, {}", seen.own_pid, seen.parent_pid),
        )?;
        pair(f, "processes seen", seen.seen)?;
        pair(f, "hidepid", seen.hidepid.as_deref().unwrap_or("not set"))?;
        pair(
            f,
            "pid 1",
            seen.first.as_deref().unwrap_or("cannot be seen"),
        )?;
        let readable = if seen.first_environment_readable {
            "can be opened"
        } else {
            "cannot be opened"
        };
        pair(f, "environment of pid 1", readable)?;
        for stream in &self.surroundings.streams {
            let again = match &stream.reopened {
                Reopened::Yes => "can be opened again by its path".to_owned(),
                Reopened::No { errno } => format!("cannot be opened again by its path ({errno})"),
            };
            pair(f, &stream.name, format_args!("{}, {again}", stream.kind))?;
        }
        Ok(())
    }

    fn files(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMounts")?;
        for mount in &self.surroundings.mounts {
            pair(
                f,
                &mount.path,
                format_args!(" {} {}", mount.kind, mount.options),
            )?;
        }
        writeln!(f, "\n/dev")?;
        let devices = &self.surroundings.devices;
        let links = devices.iter().filter_map(|device| {
            let target = device.target.as_ref()?;
            Some((&device.name, target))
        });
        for (name, target) in links {
            pair(f, name, format_args!("link to {target}"))?;
        }
        for (kind, names) in by_kind(devices) {
            pair(f, kind, names.join(" "))?;
        }
        Ok(())
    }
}

/// What is no link: there may be hundreds.
fn by_kind(devices: &[Device]) -> BTreeMap<&str, Vec<&str>> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for device in devices.iter().filter(|device| device.target.is_none()) {
        kinds.entry(&device.kind).or_default().push(&device.name);
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FORMAT, Surroundings};

    fn report() -> Report {
        let row = |name: &str, outcome, needed: Option<&str>| Row {
            name: name.to_owned(),
            outcome,
            known_of_lambda: "unknown".to_owned(),
            needed_for: needed.map(str::to_owned),
        };
        Report {
            format: FORMAT,
            supervisor: "0.1.0".to_owned(),
            facilities: vec![
                row(
                    "a call",
                    Outcome::Denied {
                        errno: "EPERM".to_owned(),
                    },
                    Some("much"),
                ),
                row(
                    "another call",
                    Outcome::Allowed {
                        errno: Some("EBADF".to_owned()),
                    },
                    None,
                ),
            ],
            surroundings: Surroundings::default(),
            will_not_work: vec!["a call: Much does not.".to_owned()],
        }
    }

    #[test]
    fn a_table_with_a_line_for_each() {
        let text = report().to_string();
        for line in [
            "  - a call: Much does not.",
            "  tried         outcome          on Lambda  needed for",
            "  a call        EPERM            unknown    much",
            "  another call  allowed (EBADF)  unknown",
        ] {
            assert!(
                text.lines().any(|shown| shown == line),
                "{line:?} in {text}"
            );
        }
    }

    #[test]
    fn a_report_is_read_as_it_is_written_and_by_older_and_newer_programs() {
        let report = report();
        let mut value = serde_json::to_value(&report).unwrap();
        assert_eq!(value["faas_doctor"], FORMAT);
        assert_eq!(value["facilities"][0]["outcome"], "denied");
        assert_eq!(value["facilities"][0]["errno"], "EPERM");
        assert_eq!(
            serde_json::from_value::<Report>(value.clone()).unwrap(),
            report
        );
        value["something new"] = true.into();
        value.as_object_mut().unwrap().remove("mounts");
        assert_eq!(serde_json::from_value::<Report>(value).unwrap(), report);
    }
}
