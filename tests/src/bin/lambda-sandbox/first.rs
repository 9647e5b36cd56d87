//! The first process of the pid namespace: it starts the others, forwards signals, and reaps nobody.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicI32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lambda_sandbox::Filter;
use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork},
};

use crate::{
    clock::HandOver, extension, mounts, options::Options, runtime, user_namespace::UserNamespace,
};

/// What a test, or a user at the terminal, sends to the program.
const FORWARDED: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
];
/// How long what the program started may take to go after it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number that the next process gets is one more than what is written here (proc(5), `ns_last_pid`).
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
/// The platform's own processes have numbers below this one.
const EXTENSION: i32 = 7;

/// Plays it; does not return.
pub(crate) fn main(
    options: &Options,
    filter: &Filter,
    users: UserNamespace,
    clock: Option<HandOver>,
    mut ended: io::PipeWriter,
) -> ! {
    let code = match play(options, filter, users, clock, &ended) {
        Ok(raw) => {
            let _gone = ended.write_all(&raw.to_le_bytes());
            0
        }
        Err(error) => {
            let _closed = writeln!(io::stderr(), "lambda-sandbox: {error:#}");
            121
        }
    };
    #[allow(clippy::exit, reason = "the other half of a fork")]
    std::process::exit(code)
}

#[allow(unsafe_code)]
fn play(
    options: &Options,
    filter: &Filter,
    users: UserNamespace,
    clock: Option<HandOver>,
    ended: &io::PipeWriter,
) -> anyhow::Result<i32> {
    unshare(CloneFlags::CLONE_NEWNS).context("a mount namespace")?;
    let left = options.left.as_ref().map(File::create).transpose()?;
    // Before the roots are exchanged: the number of the next process is for those to set who may write below /proc.
    mounts::enter(options)?;
    set_last_pid(EXTENSION - 1)?;
    users.enter()?;
    // A change of what this process may would undo it.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // SAFETY: this process has one thread.
    let extension = match unsafe { fork() }? {
        ForkResult::Child => {
            drop(clock);
            extension::main(ended.as_raw_fd())
        }
        ForkResult::Parent { child } => child,
    };
    // SAFETY: as above.
    let program = match unsafe { fork() }? {
        ForkResult::Child => runtime::main(options, filter, clock, ended.as_raw_fd()),
        ForkResult::Parent { child } => child,
    };
    drop(clock);
    forward_signals_to(program)?;
    let raw = wait_for(program)?;
    sleep(options.linger);
    if let Some(mut left) = left {
        left.write_all(whatever_is_left(extension).as_bytes())?;
    }
    Ok(raw)
}

fn set_last_pid(number: i32) -> anyhow::Result<()> {
    fs::write(LAST_PID, number.to_string()).with_context(|| LAST_PID)
}

/// The status of this one process; the others stay zombies, as nobody waits for them on Lambda.
#[allow(unsafe_code)]
fn wait_for(program: Pid) -> anyhow::Result<i32> {
    loop {
        let mut raw = 0;
        // SAFETY: the status is written to a variable of ours.
        let waited = unsafe { nix::libc::waitpid(program.as_raw(), &raw mut raw, 0) };
        match Errno::result(waited) {
            Ok(_) => return Ok(raw),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

static FORWARD_TO: AtomicI32 = AtomicI32::new(0);

/// Has this process pass on what it is sent.
#[allow(unsafe_code)]
pub(crate) fn forward_signals_to(to: Pid) -> anyhow::Result<()> {
    extern "C" fn forward(signal: i32) {
        let to = Pid::from_raw(FORWARD_TO.load(Ordering::Relaxed));
        let _gone = Signal::try_from(signal).map(|signal| kill(to, signal));
    }
    FORWARD_TO.store(to.as_raw(), Ordering::Relaxed);
    let action = SigAction::new(
        SigHandler::Handler(forward),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in FORWARDED {
        // SAFETY: the handler loads a number and sends a signal, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

/// In the outer process: how the program ended.
pub(crate) fn status_of_the_program(
    first: Pid,
    mut said: io::PipeReader,
) -> anyhow::Result<WaitStatus> {
    let mut raw = Vec::new();
    said.read_to_end(&mut raw)?;
    let ended = loop {
        match waitpid(first, None) {
            Err(Errno::EINTR) => {}
            ended => break ended?,
        }
    };
    match <[u8; 4]>::try_from(raw.as_slice()) {
        Ok(raw) => Ok(WaitStatus::from_raw(first, i32::from_le_bytes(raw))?),
        Err(_) => Ok(ended),
    }
}

/// Everything that runs still, but for the platform's own; it is given a moment.
fn whatever_is_left(extension: Pid) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = living(extension);
        if left.is_empty() || Instant::now() >= until {
            let gone = kill(extension, None).is_err() || is_zombie(extension);
            let gone = if gone { "the extension is gone\n" } else { "" };
            return left + gone;
        }
        sleep(Duration::from_millis(10));
    }
}

fn living(extension: Pid) -> String {
    let own = [1, extension.as_raw()];
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let living = pids.filter(|pid| {
        let is_own = own.contains(pid) || parent(*pid) == Some(extension.as_raw());
        !is_own && !is_zombie(Pid::from_raw(*pid))
    });
    living
        .filter_map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some(format!("{pid} {}\n", line.trim()))
        })
        .collect()
}

fn is_zombie(pid: Pid) -> bool {
    state_and_parent(pid.as_raw()).is_none_or(|(state, _)| ["Z", "X"].contains(&state.as_str()))
}

fn parent(pid: i32) -> Option<i32> {
    state_and_parent(pid)?.1.parse().ok()
}

/// The two fields after the name (proc(5)), which may hold anything.
fn state_and_parent(pid: i32) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
}
