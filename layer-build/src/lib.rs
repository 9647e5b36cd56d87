//! Host side of the faas-supervisor layer: what is checked before a binary goes into it, how it is assembled, and how functions on it are deployed.

pub mod deploy;
pub mod elf;
pub mod layer;
