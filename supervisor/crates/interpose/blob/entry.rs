//! Where stubs come to: from the guest's registers to Rust and back.

use core::arch::global_asm;

use interpose::stub;

use crate::{area::LEVEL, handler};

/// The guest's registers during a call, as the entry saves them. What is not here is preserved by the compiler's code.
#[repr(C)]
pub(crate) struct Frame {
    _align: u64,
    r9: u64,
    r8: u64,
    r10: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    rax: u64,
    /// Where in the stub the guest goes on.
    next: u64,
    /// The guest's stack.
    _stack: u64,
}

impl Frame {
    /// The call's number.
    pub(crate) fn number(&self) -> usize {
        self.rax as usize
    }

    /// The call's arguments.
    pub(crate) fn arguments(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// The call has been made; the guest gets this.
    pub(crate) fn finish(&mut self, result: i64) {
        self.rax = result as u64;
        self.next += stub::TO_BACK;
    }

    /// The stub makes the call as one that starts a thread.
    pub(crate) fn pass_as_clone(&mut self) {
        self.next += stub::TO_CLONE;
    }

    /// The stub makes the call as one whose child shares memory and area.
    pub(crate) fn pass_as_vfork(&mut self) {
        self.next += stub::TO_VFORK;
    }
}

const _: () = assert!(core::mem::size_of::<Frame>() == 80);

unsafe extern "C" {
    /// The code stubs jump to. Not to be called.
    pub(crate) fn interpose_entry();
    /// The code a new thread comes to. Not to be called.
    pub(crate) fn interpose_child();
}

// rcx and r11 are free, since the kernel destroys them; r11 is the stub's system call. Calls that are not wanted go back at
// once. For the others a level of the thread's area is claimed, in one instruction, so that a signal before or after it finds
// everything in order; the guest's stack is not touched, whatever is below its pointer.
global_asm!(
    ".globl interpose_entry",
    "interpose_entry:",
    "cmp rax, {numbers}",
    "jae 2f",
    "lea rcx, [rip + {wanted}]",
    "bt qword ptr [rcx], rax",
    "jc 3f",
    "2: jmp r11",
    "3: mov rcx, -{level}",
    "xadd qword ptr gs:[{top}], rcx",
    "cmp rcx, qword ptr gs:[{lowest}]",
    "jb 5f",
    "cmp rcx, qword ptr gs:[{highest}]",
    "ja 5f",
    "4: mov [rcx - 8], rsp",
    "mov [rcx - 16], r11",
    "mov [rcx - 24], rax",
    "mov [rcx - 32], rdi",
    "mov [rcx - 40], rsi",
    "mov [rcx - 48], rdx",
    "mov [rcx - 56], r10",
    "mov [rcx - 64], r8",
    "mov [rcx - 72], r9",
    "lea rsp, [rcx - 80]",
    "mov rdi, rsp",
    "cld",
    "call {handle}",
    "mov rcx, rsp",
    "mov r9, [rcx + 8]",
    "mov r8, [rcx + 16]",
    "mov r10, [rcx + 24]",
    "mov rdx, [rcx + 32]",
    "mov rsi, [rcx + 40]",
    "mov rdi, [rcx + 48]",
    "mov rax, [rcx + 56]",
    "mov r11, [rcx + 64]",
    "mov rsp, [rcx + 72]",
    "add qword ptr gs:[{top}], {level}",
    "jmp r11",
    // Handlers that were left by longjmp have used up the levels: they are taken back.
    "5: mov rcx, qword ptr gs:[{highest}]",
    "mov qword ptr gs:[{top}], rcx",
    "sub qword ptr gs:[{top}], {level}",
    "jmp 4b",
    // A new thread: its area's address is below its stack, r11 is where it goes on, all other registers are the guest's.
    ".globl interpose_child",
    "interpose_child:",
    "mov rcx, [rsp - 8]",
    "mov [rcx + {saved}], r11",
    "mov [rcx + {saved} + 8], rdi",
    "mov [rcx + {saved} + 16], rsi",
    "mov rsi, rcx",
    "mov edi, 0x1001",
    "mov eax, 158",
    "syscall",
    "mov r11, [rsi + {saved}]",
    "mov rdi, [rsi + {saved} + 8]",
    "mov rsi, [rsi + {saved} + 16]",
    "xor eax, eax",
    "jmp r11",
    numbers = const interpose::calls::NUMBERS,
    wanted = sym WANTED,
    level = const LEVEL,
    top = const stub::area::TOP,
    lowest = const stub::area::LOWEST,
    highest = const stub::area::HIGHEST,
    saved = const stub::area::SAVED,
    handle = sym handler::handle,
);

static WANTED: [u64; interpose::calls::NUMBERS / 64] = interpose::calls::WANTED;
