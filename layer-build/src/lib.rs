//! The host side of the faas-supervisor layer: checks the binary, assembles the layer, and deploys functions on it.

pub mod deploy;
pub mod elf;
pub mod layer;
