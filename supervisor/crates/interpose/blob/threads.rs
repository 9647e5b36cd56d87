//! Calls that start and end threads.

use core::arch::asm;

use interpose::numbers as nr;

use crate::{area, guest, handler::Answer};

const CLONE_VM: u64 = 0x100;
const CLONE_VFORK: u64 = 0x4000;

/// clone: flags, and the end of the child's stack.
pub(crate) fn clone(arguments: [u64; 6]) -> Answer {
    start(arguments[0], arguments[1])
}

/// clone3: the same, in a structure.
pub(crate) fn clone3(arguments: [u64; 6]) -> Answer {
    const SMALLEST: u64 = 64;
    if arguments[1] < SMALLEST {
        return Answer::Pass;
    }
    match guest::words::<8>(arguments[0]) {
        Ok([flags, _, _, _, _, stack, size, _]) => start(flags, stack.wrapping_add(size)),
        Err(error) => Err(error).into(),
    }
}

fn start(flags: u64, stack: u64) -> Answer {
    if flags & CLONE_VFORK != 0 {
        return vfork();
    }
    // With memory of its own the child has its own copy of the area.
    if flags & CLONE_VM == 0 || stack == 0 {
        return Answer::Pass;
    }
    let area = match area::for_thread() {
        Ok(area) => area,
        Err(error) => return Err(error).into(),
    };
    // The child finds it below its stack, where no signal frame comes.
    match guest::write(stack.wrapping_sub(8), &area.address().to_le_bytes()) {
        Ok(()) => Answer::Clone,
        Err(error) => {
            area.used().store(0, core::sync::atomic::Ordering::Release);
            Err(error).into()
        }
    }
}

/// vfork: the parent waits while the child uses its area.
pub(crate) fn vfork() -> Answer {
    area::current().note_vfork();
    Answer::Vfork
}

/// exit: as soon as another thread may take the area, this one uses no stack any more.
pub(crate) fn exit(arguments: [u64; 6]) -> Answer {
    let used = area::current().used();
    // SAFETY: ends the thread. The store lets a new thread take the area, and nothing after it touches memory.
    unsafe {
        asm!(
            "mov qword ptr [{used}], 0",
            "syscall",
            "ud2",
            used = in(reg) used.as_ptr(),
            in("rax") nr::EXIT as u64,
            in("rdi") arguments[0],
            options(noreturn, nostack),
        );
    }
}
