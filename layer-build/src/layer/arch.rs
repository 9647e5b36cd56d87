//! The processors that a layer can be for, and their names.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::elf::Machine;

/// A processor architecture of AWS Lambda, by Lambda's own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Arch {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit Arm (Graviton).
    #[value(name = "arm64")]
    #[serde(rename = "arm64")]
    Arm64,
}

impl Arch {
    /// Lambda's name, which udocker uses as well in the names of its engine files.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The machine of its programs.
    pub fn machine(self) -> Machine {
        match self {
            Self::X86_64 => Machine::X86_64,
            Self::Arm64 => Machine::ARM64,
        }
    }

    /// The Rust target the supervisor is built for.
    pub fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
