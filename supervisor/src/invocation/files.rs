//! The event and the script as files, for the container.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::plan::{Entry, RunPlan};
use container::workspace::RecordDir;

/// Writes the event and the script to where the container finds them.
pub(super) fn write_files(plan: &RunPlan, record: &RecordDir) -> io::Result<()> {
    write_new(&record.event_file(), plan.event_json.as_bytes(), 0o600)?;
    match &plan.entry {
        Entry::Script(script) => write_new(&record.script(), script, 0o700),
        Entry::InitScript(path) => {
            let script = fs::read(path).map_err(|e| {
                io::Error::new(e.kind(), format!("init_script {}: {e}", path.display()))
            })?;
            write_new(&record.script(), &script, 0o700)
        }
        Entry::Arguments(_) | Entry::ImageDefault => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?
        .write_all(bytes)
}
