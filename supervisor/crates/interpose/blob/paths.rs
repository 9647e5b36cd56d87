//! Calls that take paths.

use interpose::{
    calls::{LinkRule, PathArgument},
    errno::Errno,
    path_bytes::PathBytes,
    proc_links::{self, ProcLink},
    resolve::{Last, Resolved},
};

use crate::{guest, handler::Answer, state, sys};

/// What an argument became.
enum Argument {
    /// The guest's own path leads there, or the kernel says what is wrong with it.
    Unchanged,
    /// The host path in `Resolved` takes its place.
    Replaced,
}

/// Makes a call with its paths replaced.
pub(crate) fn call(
    number: usize,
    mut arguments: [u64; 6],
    first: PathArgument,
    second: Option<PathArgument>,
) -> Answer {
    let mut replaced = false;
    let mut found = [Resolved::default(), Resolved::default()];
    for (path, found) in [Some(first), second].into_iter().flatten().zip(&mut found) {
        match translate(&arguments, path, found) {
            Ok(Argument::Unchanged) => {}
            Ok(Argument::Replaced) => replaced = true,
            Err(error) => return Err(error).into(),
        }
        // What was not replaced keeps the guest's pointer.
        if !found.host.is_empty() && !found.straight {
            arguments[path.path] = found.host.with_nul().as_ptr() as u64;
        }
    }
    if !replaced {
        return Answer::Pass;
    }
    // SAFETY: the guest's own call; the paths put in its place live until it is over.
    Answer::Done(unsafe { sys::raw(number, arguments) })
}

fn translate(
    arguments: &[u64; 6],
    path: PathArgument,
    found: &mut Resolved,
) -> Result<Argument, Errno> {
    let pointer = arguments[path.path];
    if pointer == 0 {
        return Ok(Argument::Unchanged);
    }
    let last = last(arguments, path.last)?;
    let text = guest::path(pointer)?;
    resolve(path.directory.map(|at| arguments[at]), &text, last, found)
}

/// Follows a path of the guest. An empty one, and a relative one from where the guest sees no path, stays.
fn resolve(
    directory: Option<u64>,
    text: &PathBytes,
    last: Last,
    found: &mut Resolved,
) -> Result<Argument, Errno> {
    if text.is_empty() {
        return Ok(Argument::Unchanged);
    }
    let mut base = PathBytes::new();
    let absolute = text.as_bytes()[0] == b'/';
    if !absolute && !state::base(directory.unwrap_or(sys::AT_FDCWD), &mut base) {
        found.host.truncate(0);
        return Ok(Argument::Unchanged);
    }
    state::walker().resolve(base.as_bytes(), text.as_bytes(), last, found)?;
    Ok(if found.straight {
        Argument::Unchanged
    } else {
        Argument::Replaced
    })
}

fn last(arguments: &[u64; 6], rule: LinkRule) -> Result<Last, Errno> {
    let keep_if = |keep: bool| if keep { Last::Keep } else { Last::Follow };
    Ok(match rule {
        LinkRule::Follow => Last::Follow,
        LinkRule::Keep => Last::Keep,
        LinkRule::Entry => Last::Entry,
        LinkRule::FollowUnless(argument, bits) => keep_if(arguments[argument] & bits != 0),
        LinkRule::FollowIf(argument, bit) => keep_if(arguments[argument] & bit == 0),
        LinkRule::OpenFlags(argument) => open_flags(arguments[argument]),
        LinkRule::OpenHow(argument) => {
            let [flags, _, resolve] = guest::words(arguments[argument])?;
            // Limits of its own on the walk: callers know kernels without the call.
            if resolve != 0 {
                return Err(Errno::ENOSYS);
            }
            open_flags(flags)
        }
    })
}

fn open_flags(flags: u64) -> Last {
    const CREATE_NEW: u64 = 0o300;
    const NOFOLLOW: u64 = 0o400_000;
    if flags & NOFOLLOW != 0 {
        Last::Keep
    } else if flags & CREATE_NEW == CREATE_NEW {
        Last::Entry
    } else {
        Last::Follow
    }
}

/// getcwd
pub(crate) fn working_directory(arguments: [u64; 6]) -> Answer {
    let mut path = PathBytes::new();
    if !state::base(sys::AT_FDCWD, &mut path) {
        return Err(Errno::ENOENT).into();
    }
    let text = path.with_nul();
    if text.len() as u64 > arguments[1] {
        return Err(Errno::ERANGE).into();
    }
    guest::write(arguments[0], text)
        .map(|()| text.len() as u64)
        .into()
}

/// readlink, readlinkat: links of /proc lead to the guest's paths.
pub(crate) fn read_link(number: usize, mut arguments: [u64; 6], path: PathArgument) -> Answer {
    let mut found = Resolved::default();
    let changed = match translate(&arguments, path, &mut found) {
        Ok(changed) => changed,
        Err(error) => return Err(error).into(),
    };
    let mut target = PathBytes::new();
    match proc_target(&found, &mut target) {
        Ok(true) => {}
        Ok(false) => {
            if let Argument::Unchanged = changed {
                return Answer::Pass;
            }
            arguments[path.path] = found.host.with_nul().as_ptr() as u64;
            // SAFETY: the guest's own call; the path lives until it is over.
            return Answer::Done(unsafe { sys::raw(number, arguments) });
        }
        Err(error) => return Err(error).into(),
    }
    let (buffer, size) = (arguments[path.path + 1], arguments[path.path + 2] as i32);
    let Ok(size) = usize::try_from(size) else {
        return Err(Errno::EINVAL).into();
    };
    let text = target.as_bytes();
    let text = &text[..text.len().min(size)];
    guest::write(buffer, text)
        .map(|()| text.len() as u64)
        .into()
}

/// The text the guest is to see in a link of /proc; false where it is what the kernel says.
fn proc_target(found: &Resolved, target: &mut PathBytes) -> Result<bool, Errno> {
    let Some((process, link)) = proc_links::parse(found.guest.as_bytes()) else {
        return Ok(false);
    };
    let walker = state::walker();
    match link {
        ProcLink::Program if interpose::resolve::Files::is_self(&walker.files, process) => {
            target.set(walker.program).map(|()| true)
        }
        ProcLink::Program => Ok(false),
        ProcLink::Root => target.set(b"/").map(|()| true),
        ProcLink::Object => {
            let mut host = PathBytes::new();
            let length = sys::read_link(found.host.with_nul(), host.buffer())?;
            host.set_len(length);
            walker.view.to_guest(host.as_bytes(), target)
        }
    }
}
