//! Host side of the faas-supervisor layer: what is checked before a binary goes into it.

pub mod elf;
