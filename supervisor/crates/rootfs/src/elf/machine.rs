//! Processors.

use std::fmt;

/// The processor that a program is for, by its number in the header (`e_machine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(pub u16);

impl Machine {
    /// 64-bit x86 (`EM_X86_64`).
    pub const X86_64: Self = Self(62);
    /// 64-bit Arm (`EM_AARCH64`).
    pub const ARM64: Self = Self(183);
    /// The one that this program is built for.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") {
        Self::ARM64
    } else {
        Self::X86_64
    };
}

/// As Lambda names them.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(3) => f.write_str("x86 (32 bit)"),
            Self(40) => f.write_str("arm (32 bit)"),
            Self::X86_64 => f.write_str("x86_64"),
            Self::ARM64 => f.write_str("arm64"),
            Self(other) => write!(f, "machine {other}"),
        }
    }
}
