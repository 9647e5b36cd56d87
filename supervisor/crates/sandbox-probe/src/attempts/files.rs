//! Files: what the temporary directory allows, and the calls that copy, name and look at files.

use std::{
    fs,
    os::{
        fd::AsRawFd as _,
        unix::fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::{errno::Errno, libc};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
        words::STARTED,
    },
    support::{done, errno, file, text},
};

use KnownOfLambda::{Denied, Unknown, Works};

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new("exec in the temporary directory", Works, exec)
        .needed_for("running programs of images: they are unpacked there")
        .without("No container can be started: programs in the temporary directory cannot be executed. Set UDOCKER_DIR to a directory where they can."),
    Facility::new("executable mapping of a file in the temporary directory", Works, map_executable)
        .needed_for("F modes: LD_PRELOAD, and the image's libraries")
        .without("No container can be started in F modes: libraries in the temporary directory cannot be loaded."),
    Facility::new("chmod in the temporary directory", Works, chmod)
        .needed_for("unpacking images")
        .without("Images cannot be unpacked."),
    Facility::new("mkfifo in the temporary directory", Works, |directory| mknod(directory, libc::S_IFIFO, 0))
        .needed_for("a container's output; it comes through sockets where this is denied")
        .without("Programs that make named pipes fail."),
    Facility::new("symlink in the temporary directory", Works, |directory| {
        symlink("target", directory.join("link")).map_err(|error| errno(&error))
    })
    .needed_for("unpacking images; directories of an invocation in F modes")
    .without("Images cannot be unpacked."),
    Facility::new("hard link in the temporary directory", Works, |directory| {
        let source = directory.join("file");
        fs::write(&source, "").and_then(|()| fs::hard_link(&source, directory.join("link"))).map_err(|error| errno(&error))
    })
    .needed_for("nothing: files are copied where it is refused")
    .without("Programs that make hard links fail, or make copies (git clone of a directory, package managers)."),
    Facility::new("mknod, regular file", Unknown, |directory| mknod(directory, libc::S_IFREG, 0)),
    // The null device (devices.txt of the kernel: 1, 3), which does no harm for the moment that it is there.
    Facility::new("mknod, device", Unknown, |directory| mknod(directory, libc::S_IFCHR, 0x103)),
    Facility::new("fallocate", Denied, |directory| {
        let file = file(directory, "file", b"")?;
        done(syscall!(SYS_fallocate, file.as_raw_fd(), 0, 0, 4096))
    })
    .let_through(&[Errno::EOPNOTSUPP])
    .without("Programs that reserve room for files and take a refusal for an error fail (some databases, download managers)."),
    Facility::new("/dev/shm: shm_open, sem_open", Denied, |_| shared_memory())
        .without("Programs that share memory or semaphores by name fail, but in F modes of the engine native, where the container has a directory for it: Python's multiprocessing (locks, queues, pools), Chromium without --disable-dev-shm-usage, PyTorch data loaders with workers, MPI."),
    Facility::new("memfd_create", Works, |_| done(syscall!(SYS_memfd_create, c"faas-probe", 0)))
        .without("Programs that keep files in memory without a name fail, or fall back on the temporary directory."),
    Facility::new("copy_file_range", Unknown, |directory| copy(directory, Copy::Range))
        .needed_for("nothing: copies are made by reading and writing where it is refused"),
    Facility::new("sendfile", Unknown, |directory| copy(directory, Copy::SendFile))
        .without("Web servers need their sendfile turned off."),
    Facility::new("splice", Unknown, |_| done(syscall!(SYS_splice, -1, 0, -1, 0, 1, 0)))
        .let_through(&[Errno::EBADF]),
    Facility::new("tee", Unknown, |_| done(syscall!(SYS_tee, -1, -1, 1, 0))).let_through(&[Errno::EBADF]),
    Facility::new("vmsplice", Unknown, |_| done(syscall!(SYS_vmsplice, -1, 0, 0, 0))).let_through(&[Errno::EBADF]),
    Facility::new("renameat2", Unknown, renameat2)
        .let_through(&[Errno::EINVAL])
        .without("mv -n and programs that exchange files fail, or fall back on rename."),
    Facility::new("openat2", Unknown, |_| done(openat2()))
        .needed_for("nothing: images are unpacked a little slower where it is refused"),
    Facility::new("statx", Unknown, |_| {
        const BASIC: i32 = 0x7ff;
        done(syscall!(SYS_statx, libc::AT_FDCWD, c"/", 0, BASIC, &mut [0_u8; 256]))
    }),
    Facility::new("faccessat2", Unknown, |_| {
        done(syscall!(SYS_faccessat2, libc::AT_FDCWD, c"/", libc::R_OK, libc::AT_EACCESS))
    }),
];

/// A script whose interpreter is this program, by a name under which it does nothing: the kernel refuses to execute the script
/// itself where files may not be executed.
fn exec(directory: &Path) -> Result<(), Errno> {
    let name = std::env::args_os().next().unwrap_or_default();
    let interpreter = directory.join(Path::new(&name).file_name().unwrap_or_default());
    let script = directory.join("script");
    let prepared = fs::read_link("/proc/self/exe")
        .and_then(|program| symlink(program, &interpreter))
        .and_then(|()| fs::write(&script, format!("#!{} {STARTED}\n", interpreter.display())))
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o700)));
    prepared.map_err(|error| errno(&error))?;
    let status = Command::new(&script).stdin(Stdio::null()).status();
    if status.map_err(|error| errno(&error))?.success() {
        Ok(())
    } else {
        Err(Errno::ENOEXEC)
    }
}

fn map_executable(directory: &Path) -> Result<(), Errno> {
    const SIZE: i32 = 4096;
    let file = file(directory, "library", &[0; 4096])?;
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    done(syscall!(
        SYS_mmap,
        0,
        SIZE,
        protection,
        libc::MAP_PRIVATE,
        file.as_raw_fd(),
        0
    ))
}

fn chmod(directory: &Path) -> Result<(), Errno> {
    let path = directory.join("file");
    fs::write(&path, "")
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| errno(&error))
}

fn mknod(directory: &Path, kind: libc::mode_t, device: i32) -> Result<(), Errno> {
    let path = text(&directory.join("node"))?;
    let mode = i32::try_from(kind | 0o600).map_err(|_| Errno::EINVAL)?;
    done(syscall!(
        SYS_mknodat,
        libc::AT_FDCWD,
        path.as_c_str(),
        mode,
        device
    ))
}

/// Both are files there, and nothing else (`shm_overview(7)`, `sem_overview(7)`).
fn shared_memory() -> Result<(), Errno> {
    let path = format!("/dev/shm/faas-probe-{}", std::process::id());
    let made = fs::File::create_new(&path).map(drop);
    made.and_then(|()| fs::remove_file(&path))
        .map_err(|error| errno(&error))
}

#[derive(Debug, Clone, Copy)]
enum Copy {
    Range,
    SendFile,
}

fn copy(directory: &Path, how: Copy) -> Result<(), Errno> {
    let from = file(directory, "from", b"text")?;
    let to = file(directory, "to", b"")?;
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    done(match how {
        Copy::Range => syscall!(SYS_copy_file_range, from, 0, to, 0, 4, 0),
        Copy::SendFile => syscall!(SYS_sendfile, to, from, 0, 4),
    })
}

/// EINVAL is a file system's that knows no flags.
fn renameat2(directory: &Path) -> Result<(), Errno> {
    const RENAME_NOREPLACE: i32 = 1;
    drop(file(directory, "old", b"")?);
    let (old, new) = (text(&directory.join("old"))?, text(&directory.join("new"))?);
    let (old, new) = (old.as_c_str(), new.as_c_str());
    done(syscall!(
        SYS_renameat2,
        libc::AT_FDCWD,
        old,
        libc::AT_FDCWD,
        new,
        RENAME_NOREPLACE
    ))
}

/// The root, for no other use than to name it.
fn openat2() -> Result<i64, Errno> {
    // `struct open_how`: flags, mode, resolve.
    let mut how = [0_u8; 24];
    let flags = u64::from((libc::O_PATH | libc::O_CLOEXEC).cast_unsigned());
    let (first, _) = how.split_at_mut(8);
    first.copy_from_slice(&flags.to_ne_bytes());
    syscall!(SYS_openat2, libc::AT_FDCWD, c"/", &mut how, 24)
}
