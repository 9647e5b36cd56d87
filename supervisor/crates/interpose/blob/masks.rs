//! Signal masks: SIGTRAP is never blocked, since a blocked one that a replaced site raises ends the process.

use interpose::{calls::MaskArgument, errno::Errno, numbers as nr};

use crate::{guest, handler::Answer, sys};

/// SIGTRAP's bit.
pub(crate) const TRAP: u64 = 1 << (sys::SIGTRAP - 1);

/// rt_sigprocmask
pub(crate) fn set(mut arguments: [u64; 6]) -> Answer {
    const UNBLOCK: u64 = 1;
    if arguments[1] == 0 || arguments[0] == UNBLOCK || arguments[3] != 8 {
        return Answer::Pass;
    }
    let mask = match without_trap(arguments[1]) {
        Ok(mask) => mask,
        Err(error) => return Err(error).into(),
    };
    arguments[1] = core::ptr::from_ref(&mask) as u64;
    // SAFETY: the guest's own call, with a mask that lives until it is over.
    Answer::Done(unsafe { sys::raw(nr::RT_SIGPROCMASK, arguments) })
}

/// A call that waits under another mask, or reads signals.
pub(crate) fn call(number: usize, mut arguments: [u64; 6], argument: MaskArgument) -> Answer {
    let copied = match argument {
        MaskArgument::At(at) if arguments[at] != 0 => {
            without_trap(arguments[at]).map(|mask| (at, [mask, 0]))
        }
        MaskArgument::Behind(at) if arguments[at] != 0 => {
            behind(arguments[at]).map(|pair| (at, pair))
        }
        _ => return Answer::Pass,
    };
    let (at, mut words) = match copied {
        Ok(copied) => copied,
        Err(error) => return Err(error).into(),
    };
    let mask;
    if let MaskArgument::Behind(_) = argument {
        if words[0] == 0 {
            return Answer::Pass;
        }
        mask = match without_trap(words[0]) {
            Ok(mask) => mask,
            Err(error) => return Err(error).into(),
        };
        words[0] = core::ptr::from_ref(&mask) as u64;
    }
    arguments[at] = words.as_ptr() as u64;
    // SAFETY: the guest's own call, with a mask that lives until it is over.
    Answer::Done(unsafe { sys::raw(number, arguments) })
}

/// pselect6's last argument: a pointer to the mask, and its size.
fn behind(at: u64) -> Result<[u64; 2], Errno> {
    guest::words(at)
}

fn without_trap(at: u64) -> Result<u64, Errno> {
    guest::words::<1>(at).map(|[mask]| mask & !TRAP)
}
