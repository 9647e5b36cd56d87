//! What the kernel tells of changes below ROOT while a run goes on.
//!
//! One watch for each directory tells of changes by name. It cannot tell which inode a name had at the time: a file that
//! is written by a second name, made for it in a directory that came with the run, changes without a word about its
//! directory. What the events leave open is summed up in [`EventCoverage`] and [`Names`], and looked for where it matters.

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
};

/// How much of what happened can be told from the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventCoverage {
    /// All of it.
    Whole,
    /// Something was written that may be any file, by a name that is not of the image or where nobody watched.
    Blurred,
    /// Events were dropped; watches may be gone unseen.
    Lost,
}

/// What became of the names of the image's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Names {
    Stayed,
    /// Some were moved: what was written by a name may be another file.
    Moved,
    /// New ones came, for new inodes or old ones: an inode's number may be a new inode's.
    Added,
}

/// What is known of the changes since ROOT was clean. Bounded by the inventory.
#[derive(Debug)]
pub(super) struct Seen {
    /// Directories in which something happened.
    pub(super) touched: BTreeSet<u32>,
    /// Entries by whose name something was written.
    pub(super) written: BTreeSet<u32>,
    pub(super) sight: EventCoverage,
    pub(super) names: Names,
}

impl Seen {
    pub(super) fn nothing() -> Self {
        Self {
            touched: BTreeSet::new(),
            written: BTreeSet::new(),
            sight: EventCoverage::Whole,
            names: Names::Stayed,
        }
    }

    /// Anything may have happened.
    pub(super) fn unknown() -> Self {
        Self {
            sight: EventCoverage::Lost,
            ..Self::nothing()
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.touched.is_empty() && self.sight == EventCoverage::Whole
    }

    fn add(&mut self, inventory: &Inventory, directory: u32, event: &InotifyEvent) {
        self.touched.insert(directory);
        let Some(name) = &event.name else {
            return;
        };
        let known = inventory.find(directory, name);
        let mask = event.mask;
        if mask.intersects(Flags::IN_MODIFY | Flags::IN_CLOSE_WRITE) {
            self.written.extend(known);
        }
        if mask.intersects(Flags::IN_MOVED_FROM | Flags::IN_MOVED_TO) {
            self.names = self.names.max(Names::Moved);
        }
        if mask.contains(Flags::IN_CREATE) {
            self.names = Names::Added;
        }
        let came = mask.contains(Flags::IN_CREATE);
        let of_a_directory = mask.contains(Flags::IN_ISDIR);
        let changed = Flags::IN_MODIFY | Flags::IN_CLOSE_WRITE | Flags::IN_ATTRIB;
        let unknown = known.is_none() && mask.intersects(changed);
        // Nobody watches what is in a directory that came, and a name that came back may be of any inode.
        if unknown || came && (of_a_directory || known.is_some()) {
            self.sight = self.sight.max(EventCoverage::Blurred);
        }
    }
}

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
        }
    }

    pub(super) fn queue(&self) -> Option<&Inotify> {
        self.inotify.as_ref()
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
        for foreign in std::mem::take(&mut self.foreign) {
            if foreign.look() == Verdict::Suspect {
                seen.sight = seen.sight.max(EventCoverage::Blurred);
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
            seen.sight = EventCoverage::Blurred;
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
            seen.sight = EventCoverage::Lost;
            return;
        }
        let foreign = self.foreign.iter_mut().find(|one| one.watch == event.wd);
        if let Some(foreign) = foreign {
            if foreign.take(event) == Verdict::Suspect {
                seen.sight = seen.sight.max(EventCoverage::Blurred);
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
