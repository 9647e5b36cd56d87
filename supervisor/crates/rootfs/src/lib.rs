//! Directory trees that nothing leads out of, and what is to be known of the programs in them.
//!
//! A root is other people's input: whatever links it holds, [`Root`] reads and writes nothing outside of it.

pub mod elf;
pub mod entries;
pub mod executable;
pub mod regular;
pub mod remove;
pub mod root;
pub mod space;

pub use self::{
    entries::each_entry,
    remove::{remove_any, remove_tree},
    root::{Missing, Resolver, Root},
    space::free_bytes,
};
