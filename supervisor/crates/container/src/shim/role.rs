//! The other parts this binary plays, told apart by the name it is started under.
//!
//! They are the same file so that one static binary is all a layer or an image needs, and they are
//! looked at before anything else in `main` so that they cost nothing but an exec.

use std::{ffi::OsString, path::Path, process::ExitCode};

use super::{
    argv0::{ENV, INIT_NAME, PROBE, SHIM},
    init, probe,
};
use crate::shim::supervision;

/// Plays the part that `arguments[0]` names, if it names one.
pub fn play(arguments: &[OsString]) -> Option<ExitCode> {
    let (name, rest) = arguments.split_first()?;
    match Path::new(name).file_name()?.to_str()? {
        SHIM => Some(supervision::play(rest)),
        ".faas-init" | INIT_NAME => Some(init::play(rest)),
        PROBE => Some(probe::play(rest)),
        ENV => Some(init::env::play(rest)),
        _ => None,
    }
}
