//! What a release has beside its programs: man pages, and completions for shells. They are made on the machine that builds
//! the release, so that the programs carry none of it.

pub mod completions;
pub mod man;
pub mod programs;
pub mod spelling;
