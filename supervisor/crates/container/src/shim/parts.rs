//! Parts of what a shim is sent: a length in bytes and that many bytes, words with a NUL after each, as nothing that goes into one
//! can hold a NUL.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// Reads one part; none at the end of the input.
///
/// # Errors
/// The operating system's, and [`io::ErrorKind::UnexpectedEof`] for half a part.
pub fn read_part(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match from.read(&mut length[read..]) {
            Ok(0) if read == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u64::from(u32::from_le_bytes(length));
    let mut bytes = Vec::new();
    let read = from.take(length).read_to_end(&mut bytes)?;
    if u64::try_from(read) == Ok(length) {
        Ok(Some(bytes))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// The words with a NUL after each; one inside of a word is left out.
pub fn terminated(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        let word = word.as_ref().as_bytes();
        bytes.extend(word.iter().filter(|&&b| b != 0));
        bytes.push(0);
    }
    bytes
}

/// A part as it is sent, of what [`read_part`] gives.
pub fn part(bytes: &[u8]) -> Vec<u8> {
    // Longer than any command line that the kernel takes (execve(2)): the reader finds half a part.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

/// The words of a part.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = OsString> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes
        .split(|&b| b == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_holds_what_went_into_it() {
        let sent = part(&terminated(["a b", "", "c\0d"]));
        let received = read_part(&mut sent.as_slice()).unwrap().unwrap();
        let expected = ["a b", "", "cd"].map(OsString::from);
        assert_eq!(words(&received).collect::<Vec<_>>(), expected);
        assert!(read_part(&mut [].as_slice()).unwrap().is_none());
        assert!(read_part(&mut &sent[..sent.len() - 1]).is_err());
    }
}
