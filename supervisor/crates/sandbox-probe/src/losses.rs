//! What does not work, in plain words, given what was found.

use super::{
    attempts::all,
    outcome::Outcome,
    row::{Row, outcome},
    surroundings::{Reopened, Stream, Surroundings},
};

/// One sentence for each loss, the gravest first as far as the order of the facilities is one.
pub(super) fn of(rows: &[Row], surroundings: &Surroundings) -> Vec<String> {
    let mut losses = Vec::new();
    losses.extend(modes(rows, surroundings.identity.uid));
    losses.extend(overlay(rows));
    losses.extend(output(rows));
    let told = all().filter_map(|facility| {
        let sentence = facility.without.filter(|_| denied(rows, facility.name))?;
        Some(format!("{}: {sentence}", facility.name))
    });
    losses.extend(told);
    losses.extend(devices(surroundings));
    losses.extend(streams(&surroundings.streams));
    losses
}

fn denied(rows: &[Row], name: &str) -> bool {
    outcome(rows, name).is_some_and(Outcome::is_refused)
}

/// R modes need namespaces; root needs no user namespace for them.
fn modes(rows: &[Row], uid: u32) -> Option<String> {
    let users = denied(rows, "unshare CLONE_NEWUSER") && uid != 0;
    let mounts = denied(rows, "unshare CLONE_NEWNS") && uid == 0;
    (users || mounts || denied(rows, "mount") && uid == 0).then(|| {
        "namespaces: R modes (runc, crun) and S mode (Singularity) do not work: use container.execmode F1 to F4.".to_owned()
    })
}

fn overlay(rows: &[Row]) -> Option<String> {
    let alone = denied(rows, "unshare CLONE_NEWNS") || denied(rows, "mount");
    let with_users = denied(rows, "unshare CLONE_NEWUSER|CLONE_NEWNS");
    (alone && with_users).then(|| {
        "namespaces: no overlay can be mounted: what a run changes in its image is undone by the journal.".to_owned()
    })
}

/// It comes through named pipes, or through sockets.
fn output(rows: &[Row]) -> Option<String> {
    let both = [
        "mkfifo in the temporary directory",
        "path sockets in the temporary directory",
    ];
    both.iter().all(|name| denied(rows, name)).then(|| {
        "named pipes and sockets: no container can be started, as its output comes through either."
            .to_owned()
    })
}

fn devices(surroundings: &Surroundings) -> Vec<String> {
    const USES: [(&str, &str); 4] = [
        (
            "fd",
            "/dev/fd is not there: <(…) and >(…) of shells fail, but in F modes of the engine native: use named pipes or files.",
        ),
        (
            "pts",
            "/dev/pts is not there: programs that need a terminal of their own fail (script, expect, tmux).",
        ),
        (
            "tty",
            "/dev/tty is not there: programs that ask a person for a password fail.",
        ),
        (
            "stdout",
            "/dev/stdout is not there: programs whose log goes to that file fail: let them write to standard output.",
        ),
    ];
    let there = |name: &str| {
        surroundings
            .devices
            .iter()
            .any(|device| device.name == name)
    };
    let missing = USES.iter().filter(|(name, _)| !there(name));
    missing
        .map(|(_, sentence)| (*sentence).to_owned())
        .collect()
}

fn streams(streams: &[Stream]) -> Vec<String> {
    let closed = streams.iter().filter_map(|stream| match &stream.reopened {
        Reopened::No { errno } if stream.name != "standard input" => Some(format!(
            "{} is a {} and cannot be opened again by its path ({errno}): programs that open /dev/stdout, /dev/stderr or /proc/self/fd/N themselves fail where they have it for their own.",
            stream.name, stream.kind
        )),
        _ => None,
    });
    closed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facility::Facility, surroundings::Identity};

    fn rows(refused: &[&str]) -> Vec<Row> {
        let row = |facility: &Facility| {
            let denied = Outcome::Denied {
                errno: "EPERM".to_owned(),
            };
            let outcome = if refused.contains(&facility.name) {
                denied
            } else {
                Outcome::Allowed { errno: None }
            };
            Row {
                name: facility.name.to_owned(),
                outcome,
                known_of_lambda: String::new(),
                needed_for: None,
            }
        };
        all().map(row).collect()
    }

    fn user(uid: u32) -> Surroundings {
        let identity = Identity {
            uid,
            ..Identity::default()
        };
        let device = |name: &str| super::super::surroundings::Device {
            name: name.to_owned(),
            kind: "link".to_owned(),
            target: None,
        };
        Surroundings {
            identity,
            devices: ["fd", "pts", "tty", "stdout"].map(device).to_vec(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn nothing_is_lost_where_everything_works() {
        assert_eq!(of(&rows(&[]), &user(993)), Vec::<String>::new());
    }

    #[test]
    fn each_loss_is_put_into_words() {
        const NAMESPACES: [&str; 3] = [
            "unshare CLONE_NEWUSER",
            "unshare CLONE_NEWNS",
            "unshare CLONE_NEWUSER|CLONE_NEWNS",
        ];
        let said = |refused: &[&str], uid, words: &str| {
            let losses = of(&rows(refused), &user(uid));
            losses.iter().any(|loss| loss.contains(words))
        };
        let pipes = "mkfifo in the temporary directory";
        let sockets = "path sockets in the temporary directory";
        assert!(said(&[pipes, sockets], 993, "no container can be started"));
        assert!(!said(&[pipes], 993, "no container can be started"));
        assert!(said(&["ptrace PTRACE_TRACEME"], 0, "P modes"));
        assert!(!said(&["ptrace PTRACE_TRACEME"], 0, "R modes"));
        assert!(said(&NAMESPACES, 993, "R modes"));
        assert!(said(&NAMESPACES, 993, "undone by the journal"));
        // Users may mount in namespaces of their own, and root needs none for users.
        assert!(!said(&["unshare CLONE_NEWNS"], 993, "R modes"));
        assert!(!said(&["unshare CLONE_NEWNS"], 993, "journal"));
        assert!(!said(&["unshare CLONE_NEWUSER"], 0, "R modes"));
        assert!(said(
            &["/dev/shm: shm_open, sem_open"],
            0,
            "multiprocessing"
        ));
    }

    #[test]
    fn what_dev_does_not_have_is_missed() {
        let mut bare = user(993);
        bare.devices.retain(|device| device.name != "fd");
        assert_eq!(of(&rows(&[]), &bare).len(), 1);
        bare.streams.push(Stream {
            name: "standard output".to_owned(),
            kind: "socket".to_owned(),
            reopened: Reopened::No {
                errno: "ENXIO".to_owned(),
            },
        });
        assert!(
            of(&rows(&[]), &bare)
                .iter()
                .any(|loss| loss.contains("is a socket"))
        );
    }
}
