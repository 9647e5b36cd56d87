//! `layer-build`: checks the supervisor's binary, and assembles the layer.
#![allow(
    clippy::print_stdout,
    reason = "this is the command's entry: its report goes to standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use layer_build::elf::{self, Linkage};
use layer_build::layer::{self, options::Options};

/// Size limit of the binary, in bytes. Every cold start downloads and reads it.
const SIZE_LIMIT: u64 = 10_000_000;

#[derive(Debug, Parser)]
#[command(version, about = "Checks and assembles the faas-supervisor layer")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reports machine, linkage and size of each binary; fails unless all are static and at most 10 MB.
    Check {
        /// The binaries.
        #[arg(required = true)]
        binaries: Vec<PathBuf>,
    },
    /// Assembles the layer for one processor: the zip, and its description as JSON beside it.
    Assemble(Box<Options>),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Check { binaries } => check(binaries),
        Command::Assemble(options) => assemble(*options),
    }
}

fn assemble(options: Options) -> anyhow::Result<ExitCode> {
    let settings = options.settings();
    let made = layer::assemble(&settings)?;
    println!(
        "{}/faas-supervisor-{}.zip: {} bytes, udocker {}, engines {}\n{}",
        settings.output.display(),
        made.arch,
        made.size,
        made.udocker_version,
        made.engines_version,
        made.version_text()
    );
    Ok(ExitCode::SUCCESS)
}

fn check(binaries: Vec<PathBuf>) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for path in binaries {
        let found = elf::inspect(&path)?;
        let complaint = match (found.linkage, found.size > SIZE_LIMIT) {
            (Linkage::Dynamic, _) => ": not static, so it would not start on every Lambda runtime",
            (Linkage::Static, true) => ": more than 10 MB, so it would slow every cold start",
            (Linkage::Static, false) => "",
        };
        println!(
            "{}: {}, {}, {} bytes{complaint}",
            path.display(),
            found.machine_name(),
            found.linkage,
            found.size
        );
        if !complaint.is_empty() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
