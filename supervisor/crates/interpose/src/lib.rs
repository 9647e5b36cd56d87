//! The engine N1: runs the programs of an image below its root without any privilege.
//!
//! A small static loader, [`BLOB`], is executed in place of the guest's program. It maps that program, and its dynamic
//! loader, from ROOT into its own process and replaces their system-call instructions, so that each call comes to it
//! first. Paths in calls become paths below ROOT and its binds.
//!
//! This library is what of it can be tested on any host: reading ELF files, decoding instructions, finding the system
//! calls among them, resolving paths, the table of calls. It is safe Rust that needs no operating system and no heap.
//! What touches memory, registers and the kernel is in `blob/`, which the build script compiles and links.
//!
//! Nothing here is a security boundary: a program that issues system calls from memory it made itself gets out.
#![no_std]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "addresses and sizes of a 64-bit process; offsets in a stub are below a hundred"
)]

#[cfg(not(feature = "blob"))]
extern crate std;

pub mod bytes;
pub mod calls;
pub mod decode;
pub mod elf;
pub mod errno;
pub mod exec;
pub mod frames;
#[cfg(not(feature = "blob"))]
pub mod host;
pub mod numbers;
pub mod path_bytes;
pub mod proc_links;
pub mod resolve;
pub mod settings;
pub mod sites;
pub mod stub;
pub mod view;

/// The loader: a static program for `x86_64` at a fixed address.
#[cfg(all(not(feature = "blob"), target_arch = "x86_64"))]
pub const BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/interpose.blob"));
