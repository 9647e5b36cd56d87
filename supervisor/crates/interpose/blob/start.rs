//! The loader's beginning: settings, the guest's program, and the jump into it.

use core::arch::global_asm;

use interpose::{
    elf::{Elf, HEAD, MOST_SEGMENTS, SEGMENT},
    errno::Errno,
    path_bytes::PathBytes,
    resolve::{Last, Resolved},
};

use crate::{
    area, load,
    stack::{Stack, key},
    state, sys, trap,
};

// The kernel's registers are zero and the stack is aligned; the guest's are made the same.
global_asm!(
    ".globl _start",
    "_start:",
    "mov rbx, rsp",
    "mov rdi, rsp",
    "call {start}",
    "mov rsp, rbx",
    "mov r11, rax",
    "xor eax, eax",
    "xor ebx, ebx",
    "xor ecx, ecx",
    "xor edx, edx",
    "xor esi, esi",
    "xor edi, edi",
    "xor ebp, ebp",
    "xor r8d, r8d",
    "xor r9d, r9d",
    "xor r10d, r10d",
    "xor r12d, r12d",
    "xor r13d, r13d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "jmp r11",
    start = sym start,
);

/// Where position-independent programs are put when addresses are not random.
const PROGRAMS: u64 = 0x5555_5555_4000;
/// How far they are moved up at random: 2^28 pages.
const RANDOM: u64 = (1 << 40) - 1;

/// Prepares the process and returns where the guest starts.
extern "C" fn start(first: *mut u64) -> u64 {
    // SAFETY: `_start` passes the stack pointer the kernel set.
    let mut stack = unsafe { Stack::new(first) };
    if !stack.take_settings(state::set) {
        sys::write_error(b"interpose: the loader is started by the engine, not by hand: its settings are missing\n");
        sys::exit_group(127);
    }
    match prepare(&mut stack) {
        Ok(entry) => entry,
        Err(error) => {
            sys::write_error(b"interpose: cannot start ");
            sys::write_error(state::settings().program);
            let mut text = PathBytes::new();
            let _ = text.push(b": error ");
            let _ = crate::files::push_number(&mut text, error.0.unsigned_abs().into());
            let _ = text.push(b"\n");
            sys::write_error(text.as_bytes());
            sys::exit_group(if error == Errno::ENOENT { 127 } else { 126 })
        }
    }
}

fn prepare(stack: &mut Stack) -> Result<u64, Errno> {
    area::first()?;
    trap::install()?;
    set_name();
    let program = open(state::settings().program)?;
    let random = stack.auxiliary(key::RANDOM).map_or(0, random_at);
    let loaded = load::load(
        program.file.0,
        &program.elf,
        program.table(),
        PROGRAMS + (random & RANDOM & !0xfff),
    )?;
    let interpreter = state::walker().interpreter(&program.elf, program.table(), &program.host)?;
    let (base, entry) = match interpreter {
        Some(path) => {
            let interpreter = open(path.as_bytes())?;
            let loaded = load::load(interpreter.file.0, &interpreter.elf, interpreter.table(), 0)?;
            (loaded.bias, loaded.entry)
        }
        None => (0, loaded.entry),
    };
    let name = state::name();
    stack.change_auxiliary(|key| {
        Some(match key {
            key::PHDR => loaded.headers,
            key::PHENT => SEGMENT as u64,
            key::PHNUM => program.elf.count as u64,
            key::BASE => base,
            key::ENTRY => loaded.entry,
            key::EXECFN => name,
            _ => return None,
        })
    });
    Ok(entry)
}

/// The program's name, as `ps` shows it.
fn set_name() {
    let name = state::settings().name;
    let slash = name.iter().rposition(|&byte| byte == b'/');
    if let Ok(name) = PathBytes::from(&name[slash.map_or(0, |at| at + 1)..]) {
        sys::set_name(name.with_nul());
    }
}

fn random_at(at: u64) -> u64 {
    // SAFETY: the kernel puts 16 random bytes there.
    unsafe { (at as *const u64).read_unaligned() }
}

/// A program of the guest with its headers.
struct Program {
    file: sys::File,
    host: PathBytes,
    elf: Elf,
    table: [u8; MOST_SEGMENTS * SEGMENT],
}

impl Program {
    fn table(&self) -> &[u8] {
        &self.table[..self.elf.table_size()]
    }
}

fn open(path: &[u8]) -> Result<Program, Errno> {
    let mut found = Resolved::default();
    state::walker().resolve(b"/", path, Last::Follow, &mut found)?;
    let file = sys::open(found.host.with_nul())?;
    let mut head = [0; HEAD];
    let length = sys::read_at(file.0, 0, &mut head)?;
    let elf = Elf::read(&head[..length])?;
    let mut table = [0; MOST_SEGMENTS * SEGMENT];
    let wanted = &mut table[..elf.table_size()];
    if sys::read_at(file.0, elf.headers, wanted)? < elf.table_size() {
        return Err(Errno::ENOEXEC);
    }
    Ok(Program {
        file,
        host: found.host,
        elf,
        table,
    })
}
