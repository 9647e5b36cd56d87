//! The host's file system, as the walk and exec ask for it.

use interpose::{errno::Errno, exec::Programs, path_bytes::PathBytes, resolve::Files};

use crate::sys;

/// Asks the kernel.
pub(crate) struct Kernel;

impl Files for Kernel {
    fn read_link(&self, path: &[u8], target: &mut [u8]) -> Result<usize, Errno> {
        sys::read_link(path, target)
    }

    fn enter(&self, path: &[u8]) -> Result<(), Errno> {
        let mut inside = PathBytes::from(interpose::bytes::until_nul(path))?;
        inside.push(b"/.")?;
        sys::exists(inside.with_nul())
    }

    fn is_self(&self, process: &[u8]) -> bool {
        let mut own = PathBytes::new();
        push_number(&mut own, sys::process_id()).is_ok() && own.as_bytes() == process
    }
}

impl Programs for Kernel {
    fn may_execute(&self, path: &[u8]) -> Result<(), Errno> {
        const TYPE: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        if sys::mode(path)? & TYPE != REGULAR {
            return Err(Errno::EACCES);
        }
        sys::may_execute(path)
    }

    fn read_at(&self, path: &[u8], offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
        let file = sys::open(path)?;
        sys::read_at(file.0, offset, bytes)
    }
}

/// Appends a number in decimal.
pub(crate) fn push_number(path: &mut PathBytes, number: u64) -> Result<(), Errno> {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    path.push(&digits[first..])
}
