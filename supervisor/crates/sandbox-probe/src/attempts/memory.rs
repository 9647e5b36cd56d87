//! Memory: code made at run time, locked memory, memory and queues shared by System V and POSIX calls.

use nix::{errno::Errno, libc};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
    },
    support::{descriptor, done},
};

use KnownOfLambda::{Denied, Unknown, Works};

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new(
        "code made at run time (mmap, mprotect PROT_EXEC)",
        Works,
        |_| made_code(),
    )
    .without("Programs that make code at run time fail: Java, Node.js, .NET, Julia, PyPy, Numba."),
    Facility::new("mlock beyond 64 KiB", Denied, |_| lock_memory()).without(
        "Programs that lock more than 64 KiB of memory fail (some databases and key stores).",
    ),
    Facility::new("System V shared memory", Unknown, |_| system_v()).without(
        "Programs that share memory by shmget fail (PostgreSQL, some X and MPI programs).",
    ),
    Facility::new("POSIX message queues (mq_open)", Unknown, |_| {
        message_queue()
    })
    .without("mq_open fails."),
];

/// Writes a function, makes it executable, and calls it where the processor sees at once what was written.
#[allow(
    unsafe_code,
    reason = "memory is made executable, which safe code cannot"
)]
fn made_code() -> Result<(), Errno> {
    const SIZE: usize = 4096;
    #[cfg(target_arch = "x86_64")]
    const RETURN: [u8; 1] = [0xc3];
    #[cfg(not(target_arch = "x86_64"))]
    const RETURN: [u8; 4] = 0xd65f_03c0_u32.to_le_bytes();
    let (writable, executable) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::PROT_READ | libc::PROT_EXEC,
    );
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory at an address of the kernel's choice, of which `RETURN` takes a part; it stays until the process ends.
    let page = unsafe {
        let page = libc::mmap(std::ptr::null_mut(), SIZE, writable, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        page.cast::<u8>()
            .copy_from_nonoverlapping(RETURN.as_ptr(), RETURN.len());
        Errno::result(libc::mprotect(page, SIZE, executable))?;
        page
    };
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the page holds a function that returns at once, and is executable.
    unsafe {
        std::mem::transmute::<*mut libc::c_void, extern "C" fn()>(page)();
    }
    let _ = page;
    Ok(())
}

fn lock_memory() -> Result<(), Errno> {
    const SIZE: i32 = 256 * 1024;
    let mut memory = vec![0_u8; 256 * 1024];
    done(syscall!(SYS_mlock, memory.as_mut_slice(), SIZE))
}

/// A segment that no other process can find, removed at once.
fn system_v() -> Result<(), Errno> {
    const SIZE: i32 = 4096;
    let flags = libc::IPC_CREAT | 0o600;
    let segment = descriptor(syscall!(SYS_shmget, libc::IPC_PRIVATE, SIZE, flags)?)?;
    done(syscall!(SYS_shmctl, segment, libc::IPC_RMID, 0))
}

/// A queue under a name of this process alone, removed at once. The kernel takes names without the slash.
fn message_queue() -> Result<(), Errno> {
    let name = format!("faas-probe-{}", std::process::id());
    let name = std::ffi::CString::new(name).map_err(|_| Errno::EINVAL)?;
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
    syscall!(SYS_mq_open, name.as_c_str(), flags, 0o600, 0)?;
    done(syscall!(SYS_mq_unlink, name.as_c_str()))
}
