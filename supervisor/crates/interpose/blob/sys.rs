//! System calls of the loader's own.

use core::arch::asm;

use interpose::{errno::Errno, numbers as nr};

/// Numbers only the loader uses.
const WRITE: usize = 1;
const FSTAT: usize = 5;
const EXIT_GROUP: usize = 231;
const GETRANDOM: usize = 318;

pub(crate) const PROT_READ: u64 = 1;
pub(crate) const PROT_WRITE: u64 = 2;
pub(crate) const PROT_EXEC: u64 = 4;
pub(crate) const MAP_PRIVATE: u64 = 2;
pub(crate) const MAP_FIXED: u64 = 0x10;
pub(crate) const MAP_ANONYMOUS: u64 = 0x20;
pub(crate) const MAP_NORESERVE: u64 = 0x4000;
pub(crate) const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;
pub(crate) const AT_FDCWD: u64 = -100_i64 as u64;
pub(crate) const SIGTRAP: u64 = 5;

/// Issues a system call and returns what the kernel returns: a value, or an error number with a minus.
///
/// # Safety
/// What the call does to this process's memory must be sound: pointers are valid for what the kernel reads and writes,
/// and no memory the loader uses is unmapped or protected.
pub(crate) unsafe fn raw(number: usize, arguments: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: the kernel changes rax, rcx and r11 only; memory is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as u64 => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// As [`raw`], with the error told apart.
///
/// # Safety
/// As [`raw`].
pub(crate) unsafe fn call(number: usize, arguments: [u64; 6]) -> Result<u64, Errno> {
    // SAFETY: the caller's promise.
    let result = unsafe { raw(number, arguments) };
    if (-4095..0).contains(&result) {
        Err(Errno(-result as i32))
    } else {
        Ok(result as u64)
    }
}

/// The address of a byte string, for a call that only reads it.
fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr() as u64
}

pub(crate) fn write_error(text: &[u8]) {
    // SAFETY: the kernel reads `text`.
    let _ = unsafe { raw(WRITE, [2, address(text), text.len() as u64, 0, 0, 0]) };
}

pub(crate) fn exit_group(code: u64) -> ! {
    loop {
        // SAFETY: ends the process.
        let _ = unsafe { raw(EXIT_GROUP, [code, 0, 0, 0, 0, 0]) };
    }
}

/// An open file of the loader, closed when it is dropped.
pub(crate) struct File(pub(crate) u64);

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: closes a descriptor that is nobody else's.
        let _ = unsafe { raw(nr::CLOSE, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// Opens a file to read. `path` ends in a zero byte.
pub(crate) fn open(path: &[u8]) -> Result<File, Errno> {
    const O_CLOEXEC: u64 = 0o2_000_000;
    // SAFETY: the kernel reads `path` up to its zero.
    unsafe { call(nr::OPENAT, [AT_FDCWD, address(path), O_CLOEXEC, 0, 0, 0]) }.map(File)
}

pub(crate) fn read_at(file: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
    let mut length = 0;
    while length < bytes.len() {
        let rest = &mut bytes[length..];
        let arguments = [
            file,
            rest.as_mut_ptr() as u64,
            rest.len() as u64,
            offset + length as u64,
            0,
            0,
        ];
        // SAFETY: the kernel writes into `rest`, no more than it is long.
        match unsafe { call(nr::PREAD, arguments) } {
            Ok(0) => break,
            Ok(more) => length += more as usize,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Size of an open file, in bytes.
pub(crate) fn size(file: u64) -> Result<u64, Errno> {
    let mut about = [0_u64; 18];
    // SAFETY: `about` is as large as the kernel's structure, 144 bytes.
    unsafe { call(FSTAT, [file, about.as_mut_ptr() as u64, 0, 0, 0, 0]) }?;
    Ok(about[6])
}

/// The type and permissions of a file. `path` ends in a zero byte.
pub(crate) fn mode(path: &[u8]) -> Result<u32, Errno> {
    let mut about = [0_u64; 18];
    let arguments = [AT_FDCWD, address(path), about.as_mut_ptr() as u64, 0, 0, 0];
    // SAFETY: the kernel reads `path` and writes 144 bytes, which `about` has.
    unsafe { call(nr::NEWFSTATAT, arguments) }?;
    Ok(about[3] as u32)
}

/// Whether the process may execute a file. `path` ends in a zero byte.
pub(crate) fn may_execute(path: &[u8]) -> Result<(), Errno> {
    const X_OK: u64 = 1;
    const AT_EACCESS: u64 = 0x200;
    let arguments = [AT_FDCWD, address(path), X_OK, AT_EACCESS, 0, 0];
    // SAFETY: the kernel reads `path`.
    match unsafe { call(nr::FACCESSAT2, arguments) } {
        // A kernel before 5.8, or a sandbox without it.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            // SAFETY: as above.
            unsafe { call(nr::ACCESS, [address(path), X_OK, 0, 0, 0, 0]) }.map(|_| ())
        }
        result => result.map(|_| ()),
    }
}

/// Whether a path can be reached. `path` ends in a zero byte.
pub(crate) fn exists(path: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel reads `path`.
    unsafe { call(nr::ACCESS, [address(path), 0, 0, 0, 0, 0]) }.map(|_| ())
}

/// Puts the text of a link into `target`. `path` ends in a zero byte.
pub(crate) fn read_link(path: &[u8], target: &mut [u8]) -> Result<usize, Errno> {
    let arguments = [
        address(path),
        target.as_mut_ptr() as u64,
        target.len() as u64,
        0,
        0,
        0,
    ];
    // SAFETY: the kernel reads `path` and writes into `target`, no more than it is long.
    unsafe { call(nr::READLINK, arguments) }.map(|length| length as usize)
}

/// Puts the host path of the working directory into `path` and returns its length.
pub(crate) fn working_directory(path: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes into `path`, no more than it is long.
    let length = unsafe {
        call(
            nr::GETCWD,
            [path.as_mut_ptr() as u64, path.len() as u64, 0, 0, 0, 0],
        )
    }?;
    Ok((length as usize).saturating_sub(1))
}

pub(crate) fn process_id() -> u64 {
    // SAFETY: touches no memory.
    unsafe { raw(nr::GETPID, [0; 6]) as u64 }
}

/// Maps memory where nothing is that Rust knows of: the kernel chooses, or `at` lies in the guest's memory.
pub(crate) fn map(
    at: u64,
    length: u64,
    protection: u64,
    flags: u64,
    file: u64,
    offset: u64,
) -> Result<u64, Errno> {
    // SAFETY: callers pass fixed addresses only for the guest's program, whose range was reserved before.
    unsafe { call(nr::MMAP, [at, length, protection, flags, file, offset]) }
}

/// Unmaps what [`map`] returned.
pub(crate) fn unmap(at: u64, length: u64) {
    // SAFETY: callers hold no reference into it any more.
    let _ = unsafe { raw(nr::MUNMAP, [at, length, 0, 0, 0, 0]) };
}

/// Changes the protection of the guest's memory, or of stubs.
pub(crate) fn protect(at: u64, length: u64, protection: u64) -> Result<(), Errno> {
    // SAFETY: callers pass no memory of the loader's own.
    unsafe { call(nr::MPROTECT, [at, length, protection, 0, 0, 0]) }.map(|_| ())
}

/// Whether the eight bytes at `at` can be read: the kernel is asked to read them as a signal mask, of which it makes no use
/// since what is to be done with it is nonsense.
pub(crate) fn can_read(at: u64) -> bool {
    const NONSENSE: u64 = 0xffff;
    // SAFETY: the kernel only reads, and says EFAULT where it cannot.
    let read = unsafe { call(nr::RT_SIGPROCMASK, [NONSENSE, at, 0, 8, 0, 0]) };
    read != Err(Errno::EFAULT)
}

/// Whether `length` bytes at `at` can be written. They are overwritten.
pub(crate) fn can_overwrite(at: u64, length: u64) -> bool {
    const GRND_INSECURE: u64 = 4;
    // SAFETY: callers are about to write there what the guest asked for; the kernel says EFAULT where it cannot.
    let written = unsafe { call(GETRANDOM, [at, length, GRND_INSECURE, 0, 0, 0]) };
    written == Ok(length)
}

/// Sets the gs base of this thread, which points to its area.
pub(crate) fn set_gs_base(area: u64) -> Result<(), Errno> {
    const ARCH_SET_GS: u64 = 0x1001;
    // SAFETY: the guest does not use gs on x86_64, the loader only for its area.
    unsafe { call(nr::ARCH_PRCTL, [ARCH_SET_GS, area, 0, 0, 0, 0]) }.map(|_| ())
}

/// Names the process, where that is allowed. `name` ends in a zero byte.
pub(crate) fn set_name(name: &[u8]) {
    const PR_SET_NAME: u64 = 15;
    // SAFETY: the kernel reads `name`.
    let _ = unsafe { raw(nr::PRCTL, [PR_SET_NAME, address(name), 0, 0, 0, 0]) };
}
