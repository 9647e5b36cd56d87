//! Man pages: one for each program, and one for each of its subcommands.

use std::path::Path;
use std::{fs, io};

use clap::Command;
use clap_mangen::Man;

use crate::programs;

/// The name at the top of every page.
const MANUAL: &str = "faas-supervisor manual";

/// Writes `supervisor.1`, `faas-deploy-layer-publish.1` and so on into the directory, which is created.
///
/// # Errors
/// What the file system answers when a page cannot be written.
pub fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for program in programs::all() {
        let mut command = program.command.disable_help_subcommand(true);
        command.build();
        let source = format!("{} {}", program.name, env!("CARGO_PKG_VERSION"));
        write_pages(&command, &source, directory)?;
    }
    Ok(())
}

/// `source` is given to every page: subcommands have no version of their own.
fn write_pages(command: &Command, source: &str, directory: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        write_pages(inner, source, directory)?;
    }
    let page = Man::new(command.clone()).source(source).manual(MANUAL);
    page.generate_to(directory)?;
    Ok(())
}
