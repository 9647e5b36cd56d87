//! The loader: what of the engine runs inside the guest's process.
//!
//! It has no C library, no heap and no thread-local storage, and uses general registers only, so that it can stand between
//! any two instructions of a program. `unsafe` and assembly are here and nowhere else; each block says why it is sound.
#![no_std]
#![no_main]
#![allow(unsafe_code)]
#![cfg(target_arch = "x86_64")]

mod area;
mod delivery;
mod entry;
mod files;
mod guest;
mod handler;
mod load;
mod masks;
mod patch;
mod paths;
mod program;
mod stack;
mod start;
mod state;
mod sys;
mod threads;
mod trap;

use core::panic::PanicInfo;

/// An invariant of the loader does not hold: the process ends, since going on could reach the wrong files.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::write_error(b"interpose: internal error in the loader\n");
    sys::exit_group(127)
}
