//! The three standard streams of this process.

use std::{fs, os::unix::fs::OpenOptionsExt as _, path::Path};

use nix::{errno::Errno, libc};
use serde::{Deserialize, Serialize};

use super::devices::kind;

/// A standard stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Standard input, output or error.
    pub name: String,
    /// What it is: a pipe, a socket, a file, a character device; closed where there is none.
    pub kind: String,
    /// Whether it can be opened again by its path.
    pub reopened: Reopened,
}

/// Whether a stream can be opened again as `/proc/self/fd/N`, which is what `/dev/stdout` leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reopened", rename_all = "snake_case")]
pub enum Reopened {
    /// It can.
    Yes,
    /// It cannot.
    No {
        /// The error's name.
        errno: String,
    },
}

pub(super) fn all() -> Vec<Stream> {
    let streams = [
        (0, "standard input"),
        (1, "standard output"),
        (2, "standard error"),
    ];
    streams
        .into_iter()
        .map(|(number, name)| look(number, name))
        .collect()
}

fn look(number: u32, name: &str) -> Stream {
    let path = Path::new("/proc/self/fd").join(number.to_string());
    let kind = fs::metadata(&path).map_or("closed", |meta| kind(meta.file_type()));
    // Nothing is read or written, and nothing is waited for.
    let opened = fs::OpenOptions::new()
        .read(number == 0)
        .write(number != 0)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let reopened = match opened {
        Ok(_) => Reopened::Yes,
        Err(error) => Reopened::No {
            errno: error.raw_os_error().map_or_else(
                || error.to_string(),
                |number| format!("{:?}", Errno::from_raw(number)),
            ),
        },
    };
    Stream {
        name: name.to_owned(),
        kind: kind.to_owned(),
        reopened,
    }
}
