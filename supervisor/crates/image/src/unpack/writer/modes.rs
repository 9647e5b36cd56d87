//! The modes that files come to have when they are made with them.

use std::{fs::File, os::fd::AsFd as _};

use nix::sys::stat::{Mode, fchmod, fstat};

/// Which modes a new file has that is made with them. Others the umask cuts, or the directory's access control list: what
/// they do to files of one root is the same for all, and it is cheaper to look once than to set each file's mode.
#[derive(Debug, Default)]
pub(super) struct Modes {
    /// A bit for each mode up to 0o777.
    kept: [u64; 8],
}

impl Modes {
    /// Sees to it that `file`, which has just been made with `mode`, has it.
    pub(super) fn finish_reading(&mut self, file: &File, mode: Mode) -> nix::Result<()> {
        let bits = mode.bits() & 0o777;
        let (word, bit) = (bits as usize / 64, 1 << (bits % 64));
        let word = &mut self.kept[word];
        if *word & bit != 0 {
            return Ok(());
        }
        if fstat(file.as_fd())?.st_mode & 0o7777 == bits {
            *word |= bit;
            return Ok(());
        }
        fchmod(file.as_fd(), mode)
    }
}
