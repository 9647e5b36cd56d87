//! The answer of a job: base64 of a file, on standard output.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use anyhow::Context as _;
use base64::{prelude::BASE64_STANDARD, write::EncoderWriter};

/// Prints the file, if it exists, without a newline after it.
///
/// # Errors
/// When the file cannot be read, or standard output was closed before all of it was taken.
pub(super) fn print(answer: &Path) -> anyhow::Result<()> {
    let mut file = match File::open(answer) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("cannot read the answer"),
    };
    let mut print = || -> io::Result<()> {
        let out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
        let mut encoder = EncoderWriter::new(out, &BASE64_STANDARD);
        io::copy(&mut file, &mut encoder)?;
        encoder.finish()?.flush()
    };
    print().context("cannot print the answer on standard output")
}
