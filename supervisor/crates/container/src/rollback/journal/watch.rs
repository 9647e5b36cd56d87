//! The kernel's events about changes below ROOT while a run goes on: one watch for each directory. Nobody reads them during a run:
//! when they are more than the kernel's queue holds, everything is looked at.

use std::{
    collections::BTreeSet,
    fs,
    os::fd::{AsRawFd as _, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags as Flags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};

use super::{
    foreign::{Expected, Foreign, Verdict},
    inventory::Inventory,
    seen::{EventCoverage, Seen},
};

/// What becomes of names in a directory, and of that itself.
const NAMES: Flags = Flags::IN_CREATE
    .union(Flags::IN_DELETE)
    .union(Flags::IN_MOVE)
    .union(Flags::IN_DELETE_SELF)
    .union(Flags::IN_MOVE_SELF);

#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<Inotify>,
    /// Most watches to be taken.
    most: usize,
    /// Directories by watch, in the order of the watches.
    places: Vec<(WatchDescriptor, u32)>,
    /// Directories without one.
    unwatched: BTreeSet<u32>,
    /// Those of directories which are not the image's.
    foreign: Vec<Foreign>,
    /// Files that move from one of those to another, by what ties the two events together.
    moving: BTreeSet<u32>,
}

impl Watch {
    /// A queue without watches; where there is none to be had, nothing will be watched.
    pub(super) fn new(most: usize) -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK);
        Self {
            inotify: inotify.ok(),
            most,
            places: Vec::new(),
            unwatched: BTreeSet::new(),
            foreign: Vec::new(),
            moving: BTreeSet::new(),
        }
    }

    /// Watches the open directory.
    pub(super) fn add(&mut self, opened: &OwnedFd, directory: u32) {
        let room = self.places.len() < self.most;
        let Some(watch) = room.then(|| self.watch(opened)).flatten() else {
            self.unwatched.insert(directory);
            return;
        };
        self.unwatched.remove(&directory);
        match self.places.binary_search_by_key(&watch, |place| place.0) {
            Ok(at) => self.places[at].1 = directory,
            Err(at) => self.places.insert(at, (watch, directory)),
        }
    }

    /// Watches a directory that is not the image's, until [`Self::leave_foreign`]; whether that is possible.
    pub(super) fn add_foreign(&mut self, opened: OwnedFd, expected: Expected) -> bool {
        let watch = self.watch_for(&opened, NAMES);
        let foreign = watch.map(|watch| Foreign::new(watch, opened, expected));
        let watched = foreign.is_some();
        self.foreign.extend(foreign);
        watched
    }

    /// Looks at what came there, and watches them no more.
    pub(super) fn leave_foreign(&mut self, seen: &mut Seen) {
        if !std::mem::take(&mut self.moving).is_empty() {
            seen.blur();
        }
        for foreign in std::mem::take(&mut self.foreign) {
            if foreign.look() == Verdict::Suspect {
                seen.blur();
            }
            if let Some(inotify) = &self.inotify {
                let _gone_with_the_directory = inotify.rm_watch(foreign.watch);
            }
        }
    }

    fn watch(&self, opened: &OwnedFd) -> Option<WatchDescriptor> {
        let contents = Flags::IN_MODIFY | Flags::IN_CLOSE_WRITE | Flags::IN_ATTRIB;
        self.watch_for(opened, NAMES | contents)
    }

    fn watch_for(&self, opened: &OwnedFd, events: Flags) -> Option<WatchDescriptor> {
        let flags = events | Flags::IN_DONT_FOLLOW | Flags::IN_ONLYDIR;
        // By the directory itself, whatever its path leads to by now.
        let path = format!("/proc/self/fd/{}/.", opened.as_raw_fd());
        let inotify = self.inotify.as_ref()?;
        inotify.add_watch(path.as_str(), flags).ok()
    }

    /// The directories without a watch.
    pub(super) fn unwatched(&self) -> &BTreeSet<u32> {
        &self.unwatched
    }

    /// What can be said of changes at a moment when there were none.
    pub(super) fn nothing_seen(&self) -> Seen {
        let mut seen = Seen::nothing();
        if !self.unwatched.is_empty() {
            seen.blur();
        }
        seen
    }

    /// Adds what has happened since the last time.
    pub(super) fn collect(&mut self, inventory: &Inventory, seen: &mut Seen) -> nix::Result<()> {
        loop {
            let events = match self.inotify.as_ref().map(Inotify::read_events) {
                None | Some(Err(Errno::EAGAIN)) => return Ok(()),
                Some(Err(Errno::EINTR)) => continue,
                Some(events) => events?,
            };
            for event in events {
                self.take(inventory, seen, &event);
            }
        }
    }

    fn take(&mut self, inventory: &Inventory, seen: &mut Seen, event: &InotifyEvent) {
        if event.mask.contains(Flags::IN_Q_OVERFLOW) {
            seen.coverage = EventCoverage::Lost;
            return;
        }
        let foreign = self.foreign.iter_mut().find(|one| one.watch == event.wd);
        if let Some(foreign) = foreign {
            if foreign.take(event, &mut self.moving) == Verdict::Suspect {
                seen.blur();
            }
            return;
        }
        let place = self.places.binary_search_by_key(&event.wd, |place| place.0);
        let Ok(place) = place else {
            // The last word of a directory that is gone.
            return;
        };
        let directory = self.places[place].1;
        seen.add(inventory, directory, event);
        if event.mask.contains(Flags::IN_IGNORED) {
            self.places.remove(place);
            self.unwatched.insert(directory);
        }
    }
}

/// Watches this process may take: half of what its user has, because programs in the container need some, too.
pub(super) fn fair_share() -> usize {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    let most = most.ok().and_then(|text| text.trim().parse::<usize>().ok());
    most.map_or(usize::MAX, |most| most / 2)
}
