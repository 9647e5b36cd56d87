//! SIGTRAP: raised by the `int3` of a replaced site, which continues in the site's stub. The guest's own SIGTRAP is kept
//! beside it.

use core::{
    arch::global_asm,
    sync::atomic::{AtomicU64, Ordering},
};

use interpose::{errno::Errno, numbers as nr};

use crate::{delivery, guest, handler::Answer, masks::TRAP, patch, sys};

const SA_SIGINFO: u64 = 4;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_ONSTACK: u64 = 0x0800_0000;
const SA_NODEFER: u64 = 0x4000_0000;
/// Where the interrupted instruction's address is in the kernel's context.
pub(crate) const RIP: usize = 168;

const DEFAULT: u64 = 0;
const IGNORE: u64 = 1;

/// What the guest asked for: handler, flags, restorer, mask.
static GUEST: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

unsafe extern "C" {
    fn interpose_restorer();
}

global_asm!(
    ".globl interpose_restorer",
    "interpose_restorer:",
    "mov eax, 15",
    "syscall",
);

/// Installs the handler and unblocks the signal.
pub(crate) fn install() -> Result<(), Errno> {
    const UNBLOCK: u64 = 1;
    let flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER;
    let handler: unsafe extern "C" fn(u64, u64, *mut u64) = handle;
    let action = [
        handler as usize as u64,
        flags,
        interpose_restorer as *const () as u64,
        0,
    ];
    set(&action)?;
    let mask = TRAP;
    // SAFETY: the kernel reads the mask.
    unsafe {
        sys::call(
            nr::RT_SIGPROCMASK,
            [UNBLOCK, core::ptr::from_ref(&mask) as u64, 0, 8, 0, 0],
        )
    }
    .map(|_| ())
}

fn set(action: &[u64; 4]) -> Result<(), Errno> {
    // SAFETY: the kernel reads four words. The handler is one that may be called at any instruction of the guest.
    unsafe {
        sys::call(
            nr::RT_SIGACTION,
            [sys::SIGTRAP, action.as_ptr() as u64, 0, 8, 0, 0],
        )
    }
    .map(|_| ())
}

/// The kernel calls it on the guest's stack, or its alternate one, with all of the guest's registers in `context`.
///
/// # Safety
/// `context` is the kernel's.
unsafe extern "C" fn handle(signal: u64, info: u64, context: *mut u64) {
    // SAFETY: the kernel's context is longer than this.
    let rip = unsafe { &mut *context.add(RIP / 8) };
    if let Some(stub) = patch::stub_at(rip.wrapping_sub(1)) {
        *rip = stub;
        return;
    }
    match GUEST[0].load(Ordering::Relaxed) {
        IGNORE => {}
        DEFAULT => {
            let _ = set(&[DEFAULT, SA_RESTORER, 0, 0]);
            // SAFETY: ends the process by the signal the guest raised.
            let _ = unsafe { sys::raw(nr::KILL, [sys::process_id(), signal, 0, 0, 0, 0]) };
        }
        handler => {
            // SAFETY: the guest's own handler, called as the kernel would.
            let handler: extern "C" fn(u64, u64, *mut u64) =
                unsafe { core::mem::transmute(handler) };
            handler(signal, info, context);
        }
    }
}

/// rt_sigaction
pub(crate) fn action(mut arguments: [u64; 6]) -> Answer {
    let [signal, new, old, size, ..] = arguments;
    if size != 8 {
        return Answer::Pass;
    }
    let wanted = match (new != 0).then(|| guest::words::<4>(new)).transpose() {
        Ok(wanted) => wanted,
        Err(error) => return Err(error).into(),
    };
    if signal == sys::SIGTRAP {
        return keep(wanted, old).map(|()| 0).into();
    }
    let mut action = wanted.unwrap_or_default();
    if wanted.is_some() {
        action[3] &= !TRAP;
        action[0] = delivery::handler_for(signal, action[0]);
        arguments[1] = action.as_ptr() as u64;
    }
    let mut before = [0; 4];
    if old != 0 {
        arguments[2] = before.as_mut_ptr() as u64;
    }
    // SAFETY: the guest's own call, with actions that live until it is over.
    let result = unsafe { sys::call(nr::RT_SIGACTION, arguments) };
    if result.is_ok() && old != 0 {
        before[0] = delivery::guests_handler(signal, before[0]);
        return write_action(old, &before).map(|()| 0).into();
    }
    result.into()
}

/// The guest's SIGTRAP.
fn keep(new: Option<[u64; 4]>, old: u64) -> Result<(), Errno> {
    let before: [u64; 4] = core::array::from_fn(|index| GUEST[index].load(Ordering::Relaxed));
    if let Some(new) = new {
        for (kept, word) in GUEST.iter().zip(new) {
            kept.store(word, Ordering::Relaxed);
        }
    }
    if old == 0 {
        Ok(())
    } else {
        write_action(old, &before)
    }
}

fn write_action(at: u64, action: &[u64; 4]) -> Result<(), Errno> {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(action) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    guest::write(at, &bytes)
}
