//! Host side of the faas-supervisor layer: what is checked before a binary goes into it, and how it is assembled.

pub mod elf;
pub mod layer;
