//! What ROOT held when it was clean, in little memory: an image has up to some 100,000 paths.
//!
//! Directories are numbered from the root downwards, so that a directory has a higher number than those above it. The
//! entries of a directory stand together, sorted by name; all names and link targets lie in one arena.

use std::{
    ffi::OsStr,
    io,
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use nix::sys::stat::FileStat;

use super::at::{self, Attributes, Kind};

/// No directory, no original.
pub(super) const NONE: u32 = u32::MAX;
/// The number of ROOT itself, as a directory and as an entry.
pub(super) const ROOT: u32 = 0;

/// One name in a directory. Times are nanoseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) size: u64,
    pub(super) inode: u64,
    pub modified: i64,
    pub(super) changed: i64,
    owner: u32,
    group: u32,
    name: u32,
    /// The directory it is in.
    pub(super) parent: u32,
    /// The number of a directory, of a file's original, or where a link's target begins.
    pub(super) detail: u32,
    mode: u16,
    /// Names of the inode.
    pub(super) links: u16,
    name_length: u8,
}

impl Entry {
    pub(super) fn kind(&self) -> Kind {
        Kind::of(self.mode.into())
    }

    pub(super) fn attributes(&self) -> Attributes {
        Attributes {
            mode: self.mode.into(),
            owner: self.owner,
            group: self.group,
            modified: self.modified,
        }
    }

    /// Whether nothing has happened to the inode, as far as can be told.
    pub(super) fn is_as(&self, stat: &FileStat) -> bool {
        self.changed == at::changed(stat)
            && self.size == at::size(stat)
            && self.links == links(stat)
            && self.attributes() == Attributes::of(stat)
    }
}

/// The number of names, as far as it fits.
pub(super) fn links(stat: &FileStat) -> u16 {
    u16::try_from(stat.st_nlink).unwrap_or(u16::MAX)
}

/// A directory that was looked into.
#[derive(Debug, Clone)]
struct Directory {
    entry: u32,
    first: u32,
    count: u32,
}

#[derive(Debug, Default)]
pub(super) struct Inventory {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    directories: Vec<Directory>,
    /// Files with several names: inode at the beginning, and entry.
    shared: Vec<(u64, u32)>,
}

impl Inventory {
    pub(super) fn entry(&self, number: u32) -> &Entry {
        &self.entries[number as usize]
    }

    pub(super) fn entry_mut(&mut self, number: u32) -> &mut Entry {
        &mut self.entries[number as usize]
    }

    pub(super) fn name(&self, entry: u32) -> &OsStr {
        let entry = self.entry(entry);
        OsStr::from_bytes(self.bytes(entry.name, entry.name_length.into()))
    }

    /// What the link points to.
    pub(super) fn target(&self, entry: u32) -> &OsStr {
        let entry = self.entry(entry);
        OsStr::from_bytes(self.bytes(
            entry.detail,
            usize::try_from(entry.size).unwrap_or_default(),
        ))
    }

    fn bytes(&self, from: u32, length: usize) -> &[u8] {
        &self.arena[from as usize..][..length]
    }

    pub(super) fn directories(&self) -> u32 {
        u32::try_from(self.directories.len()).unwrap_or(NONE)
    }

    /// The directory's own entry.
    pub(super) fn entry_of(&self, directory: u32) -> u32 {
        self.directories[directory as usize].entry
    }

    /// The directory above; of ROOT, itself.
    pub(super) fn above(&self, directory: u32) -> u32 {
        self.entry(self.entry_of(directory)).parent
    }

    pub(super) fn children(&self, directory: u32) -> Range<u32> {
        let directory = &self.directories[directory as usize];
        directory.first..directory.first + directory.count
    }

    pub(super) fn find(&self, directory: u32, name: &OsStr) -> Option<u32> {
        let range = self.children(directory);
        let children = &self.entries[range.start as usize..range.end as usize];
        let found = children.binary_search_by(|entry| {
            self.bytes(entry.name, entry.name_length.into())
                .cmp(name.as_bytes())
        });
        found.ok().and_then(|at| range.clone().nth(at))
    }

    /// The directory at a path below ROOT, where it is the image's.
    pub(super) fn directory_at(&self, path: &Path) -> Option<u32> {
        path.iter().try_fold(ROOT, |directory, name| {
            let found = self.entry(self.find(directory, name)?);
            let is_directory = found.kind() == Kind::Directory && found.detail < self.directories();
            is_directory.then_some(found.detail)
        })
    }

    /// The path below ROOT.
    pub(super) fn path(&self, mut entry: u32) -> PathBuf {
        let mut names = Vec::new();
        while entry != ROOT {
            names.push(self.name(entry));
            entry = self.entry_of(self.entry(entry).parent);
        }
        names.iter().rev().map(Path::new).collect()
    }

    /// All names of the file's inode, this one among them.
    pub(super) fn names_of(&self, entry: u32) -> Vec<u32> {
        if self.entry(entry).kind() != Kind::File || self.entry(entry).links < 2 {
            return vec![entry];
        }
        // The inode may be another one by now, the group is that of the beginning.
        let group = self.shared.iter().find(|(_, other)| *other == entry);
        let Some((inode, _)) = group else {
            return vec![entry];
        };
        let first = self.shared.partition_point(|(other, _)| other < inode);
        let group = self.shared[first..].iter();
        group
            .take_while(|(other, _)| other == inode)
            .map(|(_, entry)| *entry)
            .collect()
    }

    /// Adds an entry of the directory `parent`, as the last one so far.
    pub(super) fn push(&mut self, parent: u32, name: &OsStr, stat: &FileStat) -> io::Result<()> {
        let name_at = self.store(name)?;
        let attributes = Attributes::of(stat);
        self.entries.push(Entry {
            size: at::size(stat),
            inode: stat.st_ino,
            modified: attributes.modified,
            changed: at::changed(stat),
            owner: attributes.owner,
            group: attributes.group,
            name: name_at,
            parent,
            detail: NONE,
            mode: u16::try_from(attributes.mode).unwrap_or_default(),
            links: links(stat),
            name_length: u8::try_from(name.len()).map_err(|_| too_large())?,
        });
        Ok(())
    }

    /// Ends the entries of `directory`: all those added since `first`. They get their order.
    pub(super) fn close(&mut self, directory: u32, first: u32) {
        let arena = &self.arena;
        self.entries[first as usize..]
            .sort_unstable_by_key(|e| &arena[e.name as usize..][..e.name_length.into()]);
        let count = self.next_entry() - first;
        let directory = &mut self.directories[directory as usize];
        (directory.first, directory.count) = (first, count);
    }

    pub(super) fn next_entry(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(NONE)
    }

    /// Makes the entry one of a directory that is looked into.
    pub(super) fn add_directory(&mut self, entry: u32) {
        self.entry_mut(entry).detail = self.directories();
        self.directories.push(Directory {
            entry,
            first: 0,
            count: 0,
        });
    }

    pub(super) fn set_target(&mut self, entry: u32, target: &OsStr) -> io::Result<()> {
        let detail = self.store(target)?;
        let entry = self.entry_mut(entry);
        entry.detail = detail;
        entry.size = target.len() as u64;
        Ok(())
    }

    pub(super) fn set_shared(&mut self, entry: u32) {
        self.shared.push((self.entry(entry).inode, entry));
    }

    /// Ends the inventory.
    pub(super) fn finish(&mut self) {
        self.shared.sort_unstable();
        self.arena.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.directories.shrink_to_fit();
    }

    fn store(&mut self, bytes: &OsStr) -> io::Result<u32> {
        let at = u32::try_from(self.arena.len()).map_err(|_| too_large())?;
        self.arena.extend_from_slice(bytes.as_bytes());
        Ok(at)
    }
}

fn too_large() -> io::Error {
    io::ErrorKind::FileTooLarge.into()
}
