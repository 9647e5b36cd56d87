//! `dist`: writes what a release has beside its programs. `make dist` runs it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use dist::{completions, man};
use layer_build::layer::arch::Arch;
use layer_build::layer::licences::{self, Linked};

#[derive(Debug, Parser)]
#[command(version, about = "Writes what a release has beside its programs")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Man pages of both programs and of their subcommands.
    Man {
        /// Where to: a man1 directory.
        directory: PathBuf,
    },
    /// Completions for bash, zsh and fish.
    Completions {
        /// Where to: a share directory.
        directory: PathBuf,
    },
    /// Licences of all that is linked into both programs.
    Licences {
        /// The processor that they are built for.
        #[arg(long, value_enum)]
        arch: Arch,
        /// Where to.
        directory: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Man { directory } => man::write(&directory)
            .with_context(|| format!("write man pages to {}", directory.display())),
        What::Completions { directory } => completions::write(&directory)
            .with_context(|| format!("write completions to {}", directory.display())),
        What::Licences { arch, directory } => write_licences(arch, &directory),
    }
}

fn write_licences(arch: Arch, directory: &Path) -> anyhow::Result<()> {
    for document in licences::documents(Path::new("."), arch, Linked::BothPrograms)? {
        let path = directory.join(document.name);
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, document.content))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
