//! The walk: follows a guest's path, component by component, below ROOT and its binds.
//!
//! It ends with a host path without links, except for one at its end that the call wants itself. Where something on the way
//! is missing or is no directory, the rest is appended as it is, so that the kernel says what is wrong.

use crate::{
    errno::Errno,
    path_bytes::PathBytes,
    proc_links::{self, ProcLink},
    view::{Standing, View},
};

/// Most links followed in one path, as the kernel's.
const MOST_LINKS: usize = 40;

/// What the walk asks the host's file system. Paths are host paths and end in a zero byte.
pub trait Files {
    /// Puts the text of a link into `target` and returns its length.
    ///
    /// # Errors
    /// `EINVAL` for what is no link; otherwise why it cannot be looked at.
    fn read_link(&self, path: &[u8], target: &mut [u8]) -> Result<usize, Errno>;

    /// Whether the path is a directory that can be walked through.
    ///
    /// # Errors
    /// Why not.
    fn enter(&self, path: &[u8]) -> Result<(), Errno>;

    /// Whether the directory below `/proc` with this name is the guest's own process.
    fn is_self(&self, process: &[u8]) -> bool;
}

/// What happens to a link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// It is followed.
    Follow,
    /// It is the object, unless a slash comes after it.
    Keep,
    /// It is the object.
    Entry,
}

/// Where a path leads.
#[derive(Default)]
pub struct Resolved {
    /// Canonical path in the guest, empty for `/`; what could not be walked is not in it.
    pub guest: PathBytes,
    /// Path on the host.
    pub host: PathBytes,
    /// Whether the path as it was given leads there, too: no link, no `..`, no bind on the way.
    pub straight: bool,
}

/// The guest whose paths are followed.
pub struct Walker<'a, F> {
    /// Where its paths lie.
    pub view: View<'a>,
    /// Canonical guest path of its program, for `/proc/self/exe`.
    pub program: &'a [u8],
    /// The host's file system.
    pub files: F,
}

impl<F: Files> Walker<'_, F> {
    /// Follows `path`, a relative one from `base`, a canonical guest path.
    ///
    /// # Errors
    /// `ENOENT` for an empty path, `ELOOP`, `ENAMETOOLONG`. Whatever else is wrong the kernel says at the host path.
    pub fn resolve(
        &self,
        base: &[u8],
        path: &[u8],
        last: Last,
        found: &mut Resolved,
    ) -> Result<(), Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut walk = Walk {
            walker: self,
            last,
            links: 0,
            rest: PathBytes::from(path)?,
            found,
        };
        walk.start(base, path)?;
        let mut at = 0;
        loop {
            match walk.step(at)? {
                Step::Next(next) => at = next,
                Step::Done => return Ok(()),
            }
        }
    }
}

enum Step {
    /// Goes on at this offset of the rest.
    Next(usize),
    Done,
}

struct Walk<'a, 'b, F> {
    walker: &'a Walker<'b, F>,
    last: Last,
    links: usize,
    /// What is still to be walked, from an offset on.
    rest: PathBytes,
    found: &'a mut Resolved,
}

impl<F: Files> Walk<'_, '_, F> {
    fn start(&mut self, base: &[u8], path: &[u8]) -> Result<(), Errno> {
        self.found.straight = path[0] != b'/';
        self.found.guest.set(if path[0] == b'/' || base == b"/" {
            b""
        } else {
            base
        })
    }

    fn put_host(&mut self) -> Result<(), Errno> {
        let found = &mut *self.found;
        self.walker
            .view
            .to_host(found.guest.as_bytes(), &mut found.host)
    }

    /// Ends at what has been walked, with the rest of the path from `at` on as it is.
    fn end_with_rest(&mut self, at: usize) -> Result<Step, Errno> {
        self.put_host()?;
        let host = &mut self.found.host;
        let rest = &self.rest.as_bytes()[at..];
        if rest.first() == Some(&b'/') && host.as_bytes() == b"/" {
            host.truncate(0);
        }
        if !matches!(rest.first(), None | Some(b'/')) && host.as_bytes() != b"/" {
            host.push(b"/")?;
        }
        host.push(rest)?;
        Ok(Step::Done)
    }

    /// Takes one component.
    fn step(&mut self, at: usize) -> Result<Step, Errno> {
        let rest = self.rest.as_bytes();
        let slashes = rest[at..].iter().take_while(|&&byte| byte == b'/').count();
        let start = at + slashes;
        let length = rest[start..]
            .iter()
            .take_while(|&&byte| byte != b'/')
            .count();
        let end = start + length;
        let is_last = rest[end..].iter().all(|&byte| byte == b'/');
        match &rest[start..end] {
            b"" => {
                self.put_host()?;
                if slashes > 0 && !self.found.guest.is_empty() {
                    self.found.host.push(b"/")?;
                }
                Ok(Step::Done)
            }
            // The kernel sees to it that it stands behind a directory.
            b"." if is_last && !self.found.guest.is_empty() => self.end_with_dot(),
            b"." => Ok(Step::Next(end)),
            b".." => self.parent(at, end),
            _ => self.component(start, end, is_last),
        }
    }

    fn end_with_dot(&mut self) -> Result<Step, Errno> {
        self.put_host()?;
        self.found.host.push(b"/.")?;
        Ok(Step::Done)
    }

    fn parent(&mut self, at: usize, end: usize) -> Result<Step, Errno> {
        self.found.straight = false;
        self.put_host()?;
        let there = self.walker.view.standing(self.found.guest.as_bytes()) == Standing::AboveBind;
        if !there && self.walker.files.enter(self.found.host.with_nul()).is_err() {
            return self.end_with_rest(at);
        }
        self.found.guest.pop_component();
        Ok(Step::Next(end))
    }

    fn component(&mut self, start: usize, end: usize, is_last: bool) -> Result<Step, Errno> {
        self.found.guest.push(b"/")?;
        self.found.guest.push(&self.rest.as_bytes()[start..end])?;
        let standing = self.walker.view.standing(self.found.guest.as_bytes());
        if standing != Standing::Plain {
            self.found.straight = false;
        }
        if is_last && self.ends_here(end) {
            return self.end_with_rest(end);
        }
        if standing == Standing::Bind {
            return Ok(Step::Next(end));
        }
        if let Some(step) = self.proc_link(end, is_last)? {
            return Ok(step);
        }
        self.put_host()?;
        let mut target = PathBytes::new();
        match self
            .walker
            .files
            .read_link(self.found.host.with_nul(), target.buffer())
        {
            Ok(length) => {
                target.set_len(length);
                self.follow(target, end)
            }
            Err(Errno::EINVAL) => Ok(Step::Next(end)),
            Err(_) if standing == Standing::AboveBind => Ok(Step::Next(end)),
            Err(_) => {
                self.found.guest.pop_component();
                self.end_with_rest(start)
            }
        }
    }

    /// Whether the last component, which ends at `end`, is wanted itself, whatever it is.
    fn ends_here(&self, end: usize) -> bool {
        match self.last {
            Last::Follow => false,
            Last::Keep => end == self.rest.as_bytes().len(),
            Last::Entry => true,
        }
    }

    fn follow(&mut self, mut target: PathBytes, end: usize) -> Result<Step, Errno> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        self.found.straight = false;
        if target.as_bytes().first() == Some(&b'/') {
            self.found.guest.truncate(0);
        } else {
            self.found.guest.pop_component();
        }
        target.push(&self.rest.as_bytes()[end..])?;
        self.rest = target;
        Ok(Step::Next(0))
    }

    /// Takes a link of /proc that does not lead where its text says; none if the component is no such link.
    fn proc_link(&mut self, end: usize, is_last: bool) -> Result<Option<Step>, Errno> {
        let Some((process, link)) = proc_links::parse(self.found.guest.as_bytes()) else {
            return Ok(None);
        };
        let own = self.walker.files.is_self(process);
        let program = PathBytes::from(self.walker.program)?;
        match link {
            ProcLink::Program if own && !program.is_empty() => self.follow(program, end).map(Some),
            ProcLink::Root => self.follow(PathBytes::from(b"/")?, end).map(Some),
            // The kernel goes to the object itself.
            ProcLink::Program | ProcLink::Object if is_last => self.end_with_rest(end).map(Some),
            ProcLink::Program => Ok(None),
            ProcLink::Object => {
                self.put_host()?;
                let mut target = PathBytes::new();
                let length = self
                    .walker
                    .files
                    .read_link(self.found.host.with_nul(), target.buffer());
                let Ok(length) = length else {
                    return Ok(None);
                };
                target.set_len(length);
                let mut guest = PathBytes::new();
                if !self.walker.view.to_guest(target.as_bytes(), &mut guest)? {
                    return Ok(Some(Step::Next(end)));
                }
                self.follow(guest, end).map(Some)
            }
        }
    }
}
