//! What the events say about a run's changes, and what they leave open.
//!
//! An event names a directory and a name in it, not the inode that the name stood for: a file of the image that is written by
//! another name, a hard link made for it, changes without an event for its own directory. A new name that is still there in the
//! end has one link if it is nobody else's. One that is gone may have been any file's.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use nix::sys::inotify::{AddWatchFlags as Flags, InotifyEvent};

use super::{at, inventory::Inventory, tree::Tree};

/// How much of what happened can be told from the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventCoverage {
    /// All of it.
    Whole,
    /// Something was written that may be any file, by a name that is gone or where nobody watched.
    Blurred,
    /// Events were dropped; watches may be gone unseen.
    Lost,
}

/// What became of the names of the image's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameChanges {
    None,
    /// Some were moved: what was written by a name may be another file.
    Moved,
    /// New ones came, for new inodes or old ones: an inode's number may be a new inode's.
    Added,
}

/// Whether a file may have changed under its new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    AsItCame,
    Changed,
}

/// What is known of the changes since ROOT was clean. Bounded by the inventory and by the kernel's queue.
#[derive(Debug)]
pub(super) struct Seen {
    /// Directories in which something happened.
    pub(super) touched: BTreeSet<u32>,
    /// Entries by whose name something was written.
    pub(super) written: BTreeSet<u32>,
    pub(super) coverage: EventCoverage,
    pub(super) names: NameChanges,
    /// Files that came, by directory and name.
    new: BTreeMap<(u32, OsString), Content>,
    /// Files that came and move from one name to another, by what ties the two events together.
    moving: BTreeMap<u32, Content>,
    /// Something was written by a new name.
    new_written: bool,
    /// A directory has another place: a path may lead to another one than the events were about.
    directories_moved: bool,
}

impl Seen {
    pub(super) fn nothing() -> Self {
        Self {
            touched: BTreeSet::new(),
            written: BTreeSet::new(),
            coverage: EventCoverage::Whole,
            names: NameChanges::None,
            new: BTreeMap::new(),
            moving: BTreeMap::new(),
            new_written: false,
            directories_moved: false,
        }
    }

    /// Anything may have happened.
    pub(super) fn unknown() -> Self {
        Self {
            coverage: EventCoverage::Lost,
            ..Self::nothing()
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.touched.is_empty() && self.coverage == EventCoverage::Whole
    }

    /// Whether the run wrote to a file, by any name.
    pub(super) fn anything_written(&self) -> bool {
        self.new_written || !self.written.is_empty()
    }

    pub(super) fn blur(&mut self) {
        self.coverage = self.coverage.max(EventCoverage::Blurred);
    }

    pub(super) fn add(&mut self, inventory: &Inventory, directory: u32, event: &InotifyEvent) {
        self.touched.insert(directory);
        let Some(name) = &event.name else {
            return;
        };
        let known = inventory.find(directory, name);
        let mask = event.mask;
        if mask.intersects(WRITE) {
            self.written.extend(known);
        }
        if mask.intersects(Flags::IN_MOVE) {
            self.names = self.names.max(NameChanges::Moved);
        }
        if mask.contains(Flags::IN_CREATE) {
            self.names = NameChanges::Added;
        }
        if mask.contains(Flags::IN_ISDIR) {
            self.directories_moved |= mask.intersects(Flags::IN_MOVE | Flags::IN_DELETE);
            // Nobody watches what is in a directory that came.
            if mask.contains(Flags::IN_CREATE) || known.is_none() && mask.intersects(CHANGE) {
                self.blur();
            }
            return;
        }
        self.add_file((directory, name.clone()), known, event);
    }

    fn add_file(&mut self, place: (u32, OsString), known: Option<u32>, event: &InotifyEvent) {
        let mask = event.mask;
        if mask.intersects(CHANGE) {
            match self.new.get_mut(&place) {
                Some(content) => {
                    *content = Content::Changed;
                    self.new_written = true;
                }
                None if known.is_none() => self.blur(),
                None => {}
            }
            return;
        }
        if mask.contains(Flags::IN_CREATE) {
            self.new.insert(place, Content::AsItCame);
            return;
        }
        let gone = self.new.remove(&place);
        if mask.contains(Flags::IN_MOVED_FROM) {
            let moving = gone.map(|content| (event.cookie, content));
            self.moving.extend(moving);
            return;
        }
        if gone == Some(Content::Changed) {
            self.blur();
        }
        if mask.contains(Flags::IN_MOVED_TO)
            && let Some(content) = self.moving.remove(&event.cookie)
        {
            self.new.insert(place, content);
        }
    }

    /// To be called when the run is over and nothing is undone yet: looks at the files that came. One with another name may
    /// be the image's.
    pub(super) fn look_at_new(&mut self, inventory: &Inventory, tree: &mut Tree) {
        let changed = |content: &Content| *content == Content::Changed;
        let moved_away = self.moving.values().any(changed);
        let mut new = self.new.iter().filter(|(_, content)| changed(content));
        let suspect = if self.directories_moved {
            new.next().is_some()
        } else {
            new.any(|((directory, name), _)| {
                let opened = tree.directory(inventory, *directory);
                let stat = opened.and_then(|opened| at::stat(&opened, name));
                !stat.is_ok_and(|stat| stat.st_nlink == 1)
            })
        };
        if moved_away || suspect {
            self.blur();
        }
    }
}

const WRITE: Flags = Flags::IN_MODIFY.union(Flags::IN_CLOSE_WRITE);
const CHANGE: Flags = WRITE.union(Flags::IN_ATTRIB);
