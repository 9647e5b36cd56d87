//! What a call is answered.

use std::io::IoSlice;

use anyhow::Context as _;
use nix::{
    errno::Errno,
    libc,
    sys::uio::{RemoteIoVec, process_vm_writev},
    time::{ClockId, clock_gettime},
};

use super::{
    filter::START,
    listener::{Call, Reply},
    vdso::Patch,
};

const NANOSECONDS: i128 = 1_000_000_000;

/// A moment of the wall clock: seconds since the epoch, and nanoseconds of the second.
type Moment = (i64, i64);

/// The reply to `call`, with a clock that is ahead by `shift` milliseconds. `waits` says whether the caller still does: its number
/// may be another process's by now.
pub(super) fn reply(
    call: &Call,
    shift: i64,
    patch: &Patch,
    waits: impl Fn() -> bool,
) -> anyhow::Result<Reply> {
    if START.contains(&call.number) {
        let patched = patch.apply(call.thread);
        return match patched {
            Err(error) if waits() => Err(error).with_context(|| format!("vDSO of {}", call.thread)),
            _ => Ok(Reply::GoOn),
        };
    }
    let [first, second, ..] = call.arguments;
    let (clock, address) = match call.number {
        // The clock is an int.
        libc::SYS_clock_gettime => (libc::clockid_t::try_from(first & 0xffff_ffff)?, second),
        _ => (libc::CLOCK_REALTIME, first),
    };
    let now = shifted(clock, shift)?;
    if !waits() {
        return Ok(Reply::GoOn);
    }
    let write = |bytes: &[u8]| write(call, address, bytes);
    Ok(match call.number {
        libc::SYS_clock_gettime => write(&numbers([now.0, now.1])),
        libc::SYS_gettimeofday => time_of_day(call, now, write),
        // time(2).
        _ if address == 0 => Reply::Value(now.0),
        _ => match write(&now.0.to_ne_bytes()) {
            Reply::Value(_) => Reply::Value(now.0),
            failed => failed,
        },
    })
}

fn shifted(clock: libc::clockid_t, by: i64) -> anyhow::Result<Moment> {
    let now = clock_gettime(ClockId::from_raw(clock))?;
    let now = i128::from(now.tv_sec()) * NANOSECONDS + i128::from(now.tv_nsec());
    let now = (now + i128::from(by) * 1_000_000).max(0);
    Ok((
        i64::try_from(now / NANOSECONDS)?,
        i64::try_from(now % NANOSECONDS)?,
    ))
}

/// gettimeofday(2): either address may be null; the time zone is the kernel's, which has none.
fn time_of_day(call: &Call, now: Moment, write: impl Fn(&[u8]) -> Reply) -> Reply {
    let [time, zone, ..] = call.arguments;
    let mut reply = Reply::Value(0);
    if time != 0 {
        reply = write(&numbers([now.0, now.1 / 1000]));
    }
    if zone != 0 && reply == Reply::Value(0) {
        reply = self::write(call, zone, &[0; 8]);
    }
    reply
}

fn numbers(both: [i64; 2]) -> Vec<u8> {
    both.into_iter().flat_map(i64::to_ne_bytes).collect()
}

/// Writes into the caller's memory.
fn write(call: &Call, address: u64, bytes: &[u8]) -> Reply {
    let Ok(base) = usize::try_from(address) else {
        return Reply::Error(Errno::EFAULT);
    };
    let len = bytes.len();
    let there = [RemoteIoVec { base, len }];
    match process_vm_writev(call.thread, &[IoSlice::new(bytes)], &there) {
        Ok(written) if written == len => Reply::Value(0),
        _ => Reply::Error(Errno::EFAULT),
    }
}
