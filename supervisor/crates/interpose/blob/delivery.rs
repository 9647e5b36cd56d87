//! How signals come to the guest's handlers.
//!
//! A handler may look at where it interrupted the program: C libraries compare that with the bounds of their cancellation
//! points. So an address in a stub becomes the one of its site before the guest's handler sees it.

use core::{
    arch::global_asm,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{patch, trap::RIP};

/// Signals are 1 to this.
const SIGNALS: usize = 64;
/// Default and ignored are no handlers.
const LAST_PSEUDO: u64 = 1;

/// The guest's handler of each signal, whose number is the index.
static HANDLERS: [AtomicU64; SIGNALS + 1] = [const { AtomicU64::new(0) }; SIGNALS + 1];

unsafe extern "C" {
    fn interpose_deliver();
}

// The kernel calls it as the guest's handler would be called, which it then jumps to: the handler returns to the kernel.
global_asm!(
    ".globl interpose_deliver",
    "interpose_deliver:",
    "push rdi",
    "push rsi",
    "push rdx",
    "call {correct}",
    "pop rdx",
    "pop rsi",
    "pop rdi",
    "jmp rax",
    correct = sym correct,
);

/// Keeps the guest's handler of a signal and gives what is installed in its place.
pub(crate) fn handler_for(signal: u64, handler: u64) -> u64 {
    match HANDLERS.get(signal as usize) {
        Some(kept) if handler > LAST_PSEUDO => {
            kept.store(handler, Ordering::Relaxed);
            interpose_deliver as *const () as u64
        }
        _ => handler,
    }
}

/// The guest's handler, where the kernel says `handler`.
pub(crate) fn guests_handler(signal: u64, handler: u64) -> u64 {
    match HANDLERS.get(signal as usize) {
        Some(kept) if handler == interpose_deliver as *const () as u64 => {
            kept.load(Ordering::Relaxed)
        }
        _ => handler,
    }
}

/// Corrects the address the handler sees, and gives the handler.
///
/// # Safety
/// `context` is the kernel's.
unsafe extern "C" fn correct(signal: u64, _info: u64, context: *mut u64) -> u64 {
    // SAFETY: the kernel's context is longer than this.
    let rip = unsafe { &mut *context.add(RIP / 8) };
    if let Some(address) = patch::guests_address(*rip) {
        *rip = address;
    }
    HANDLERS[signal as usize % HANDLERS.len()].load(Ordering::Relaxed)
}
