//! System calls by their number, as a filter sees them: the C library's functions may do something else in their place.

use std::ffi::CStr;

use nix::{
    errno::Errno,
    libc::{self, c_long},
};

/// One argument of a system call.
#[derive(Debug)]
pub(super) enum Argument<'a> {
    Number(isize),
    /// A text that the kernel reads.
    Text(&'a CStr),
    /// A structure that the kernel reads or writes.
    Bytes(&'a mut [u8]),
}

impl From<i32> for Argument<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number as isize)
    }
}

impl From<isize> for Argument<'_> {
    fn from(number: isize) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a CStr> for Argument<'a> {
    fn from(text: &'a CStr) -> Self {
        Self::Text(text)
    }
}

impl<'a, const N: usize> From<&'a mut [u8; N]> for Argument<'a> {
    fn from(bytes: &'a mut [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a mut [u8]> for Argument<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// Calls the kernel. For the short-lived processes that try one facility: each of `arguments` is a number or a live borrow, and
/// no call that is tried takes memory away that is in use.
///
/// # Errors
/// The kernel's.
#[allow(
    unsafe_code,
    reason = "most of what is tried has no wrapper, and a wrapper may fall back on another call"
)]
pub(super) fn call(number: c_long, arguments: &mut [Argument<'_>]) -> Result<i64, Errno> {
    let mut words = [0_usize; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match argument {
            Argument::Number(number) => number.cast_unsigned(),
            Argument::Text(text) => text.as_ptr().expose_provenance(),
            Argument::Bytes(bytes) => bytes.as_mut_ptr().expose_provenance(),
        };
    }
    let [first, second, third, fourth, fifth, sixth] = words;
    // SAFETY: every pointer among the words comes from a borrow that lives until the call returns, and the callers give sizes
    // that are those of the borrowed memory.
    let answer = unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) };
    Errno::result(answer)
}

/// `syscall!(SYS_name, argument, …)`.
macro_rules! syscall {
    ($number:ident $(, $argument:expr)* $(,)?) => {
        $crate::call::call(
            nix::libc::$number,
            &mut [$($crate::call::Argument::from($argument)),*],
        )
    };
}
pub(super) use syscall;
