//! The path of a file on a server.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    error::{StorageError, Target},
    part_file::part_prefix,
};

/// What stays as it is in a path (RFC 3986, 2.3, "Unreserved Characters"); every other byte is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Folders and the name of a file, none of them empty, `.` or `..`: servers resolve these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    folders: Vec<String>,
    name: String,
}

impl Place {
    /// The place of an object: the bucket is the first folder.
    pub(crate) fn of(target: &Target) -> Result<Self, StorageError> {
        let unusable = |reason| StorageError::UnusableKey {
            target: Box::new(target.clone()),
            reason,
        };
        let key = target.key.as_str();
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(unusable(
                "the key has an empty part, `.` or `..`, which no path on this store can have",
            ));
        }
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let inner = folder.split('/').filter(|part| !part.is_empty());
        Ok(Self {
            folders: std::iter::once(target.bucket.as_str())
                .chain(inner)
                .map(str::to_owned)
                .collect(),
            name: name.to_owned(),
        })
    }

    /// The place for an unfinished file that is to become this one, in the same folder, of a name nobody else has.
    pub(super) fn unfinished(&self) -> Self {
        let random: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        Self {
            folders: self.folders.clone(),
            name: format!("{}{random}", part_prefix(&self.name)),
        }
    }

    /// The folders that lead here, outermost first.
    pub(super) fn folders(&self) -> impl Iterator<Item = Folder<'_>> {
        (1..=self.folders.len()).filter_map(|depth| self.folders.get(..depth).map(Folder))
    }

    /// The path without a slash before it, as it is.
    pub(crate) fn plain(&self) -> String {
        format!("{}/{}", self.folders.join("/"), self.name)
    }

    /// The same, encoded.
    pub(crate) fn encoded(&self) -> String {
        let mut path = Folder(&self.folders).encoded();
        path.extend(utf8_percent_encode(&self.name, ENCODED));
        path
    }
}

/// A folder on a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder<'a>(&'a [String]);

impl Folder<'_> {
    /// Its path, encoded, with a slash at the end.
    pub(crate) fn encoded(self) -> String {
        let mut path = String::new();
        for part in self.0 {
            path.extend(utf8_percent_encode(part, ENCODED));
            path.push('/');
        }
        path
    }
}
