//! The order from the ground up, of the crates and of the pipeline's steps.

use std::{collections::BTreeMap, path::Path};

use super::{manifest::Member, modules::Arrows};

/// What a crate may depend on.
enum Reach {
    /// Every crate on a lower floor.
    Below,
    /// These, and no other.
    Only(&'static [&'static str]),
}

/// Every crate of the workspace, with its floor. Crates on one floor do not know each other.
const CRATES: [(&str, usize, Reach); 14] = [
    ("config", 0, Reach::Below),
    ("lambda-sandbox", 0, Reach::Below),
    ("interpose", 0, Reach::Below),
    ("rootfs", 0, Reach::Below),
    ("sandbox-probe", 0, Reach::Below),
    ("environment", 1, Reach::Below),
    ("net", 2, Reach::Below),
    ("image", 3, Reach::Below),
    ("storage", 3, Reach::Below),
    ("container", 4, Reach::Below),
    ("supervisor", 5, Reach::Below),
    ("layer-build", 5, Reach::Only(HOST_SIDE)),
    ("dist", 6, Reach::Below),
    ("e2e", 6, Reach::Below),
];

/// What the host side shares with the supervisor: it never runs a container.
const HOST_SIDE: &[&str] = &[
    "config",
    "environment",
    "image",
    "net",
    "rootfs",
    "sandbox-probe",
    "storage",
];

/// The modules of the supervisor, from the ground up. Telemetry is no step: whoever starts the process sets it up.
const STEPS: [(&str, usize); 9] = [
    ("event", 0),
    ("telemetry", 0),
    ("plan", 1),
    ("response", 1),
    ("stage_in", 2),
    ("stage_out", 2),
    ("batch", 2),
    ("invocation", 3),
    ("entry", 4),
];

/// A sentence for each crate that depends on what it may not, or has no line in the table.
pub(crate) fn crates_out_of_order(members: &BTreeMap<String, Member>) -> Vec<String> {
    let line = |name: &str| CRATES.iter().find(|(known, ..)| *known == name);
    let mut wrong = Vec::new();
    for (name, member) in members {
        let Some((_, floor, reach)) = line(name) else {
            wrong.push(format!("{name}: no floor; give it a line in CRATES"));
            continue;
        };
        for used in &member.uses {
            let allowed = match reach {
                Reach::Below => line(used).is_some_and(|(_, below, _)| below < floor),
                Reach::Only(crates) => crates.contains(&used.as_str()),
            };
            if !allowed {
                let manifest = member.directory.join("Cargo.toml");
                wrong.push(format!(
                    "{}: {name} may not depend on {used}",
                    manifest.display()
                ));
            }
        }
    }
    for (name, ..) in &CRATES {
        if !members.contains_key(*name) {
            wrong.push(format!("{name}: in CRATES, but not in the workspace"));
        }
    }
    wrong
}

/// A sentence for each arrow from a later step of the pipeline to an earlier one, and for each module that is no step.
pub(crate) fn steps_out_of_order(arrows: &Arrows) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((from, to), names) in arrows {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let arrow = format!(
            "{} -> {}: {}",
            from.display(),
            to.display(),
            names.join(", ")
        );
        match (step(from), step(to)) {
            (Ok(from), Ok(to)) if from >= to => {}
            (Ok(_), Ok(_)) => wrong.push(format!("{arrow} (points up)")),
            (Err(name), _) | (_, Err(name)) => wrong.push(format!(
                "{arrow} (no floor for {name}; give it a line in STEPS)"
            )),
        }
    }
    wrong
}

/// The floor of a file's step; of a program or the library's root, the roof.
fn step(file: &Path) -> Result<usize, String> {
    let first = file.components().next().unwrap().as_os_str();
    let name = Path::new(first).file_stem().unwrap().to_string_lossy();
    if matches!(&*name, "main" | "lib") {
        return Ok(usize::MAX);
    }
    let found = STEPS.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, floor)| *floor)
        .ok_or_else(|| name.into_owned())
}
