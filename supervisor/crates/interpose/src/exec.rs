//! What executing a program means, decided before the loader is executed: shells go by the error.

use crate::{
    bytes::until_nul,
    elf::{Elf, HEAD, MOST_SEGMENTS, SEGMENT, Use},
    errno::Errno,
    path_bytes::PathBytes,
    resolve::{Files, Last, Resolved, Walker},
};

/// Most scripts that are interpreters of each other, as the kernel's.
const MOST_SCRIPTS: usize = 5;
/// Bytes of a `#!` line that count.
const LINE: usize = 256;
/// Most arguments that come before the caller's.
pub const MOST_ARGUMENTS: usize = 2 * MOST_SCRIPTS + 1;

/// What is asked of the host about a program. Paths are host paths and end in a zero byte.
pub trait Programs: Files {
    /// Whether it is a regular file that may be executed.
    ///
    /// # Errors
    /// `EACCES`, or why it cannot be found.
    fn may_execute(&self, path: &[u8]) -> Result<(), Errno>;

    /// Fills `bytes` from `offset` on and returns how many there were.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read_at(&self, path: &[u8], offset: u64, bytes: &mut [u8]) -> Result<usize, Errno>;
}

/// A program that can be started.
#[derive(Default)]
pub struct Execution {
    /// Where it is.
    pub program: Resolved,
    /// Strings that take the place of the caller's first argument, each ending in a zero byte; empty for a program that is no
    /// script.
    arguments: PathBytes,
    /// Where each begins, in their order.
    starts: [usize; MOST_ARGUMENTS],
    count: usize,
}

impl Execution {
    /// What takes the place of the caller's first argument: of a script, its interpreter, the argument in its first line and
    /// its path.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        let starts = self.starts[..self.count].iter();
        starts.map(|&start| until_nul(&self.arguments.as_bytes()[start..]))
    }

    fn keep(&mut self, argument: &[u8]) -> Result<usize, Errno> {
        let start = self.arguments.as_bytes().len();
        self.arguments.push(argument)?;
        self.arguments.push(&[0])?;
        Ok(start)
    }

    /// Puts an interpreter and its argument before a script's path, which takes the place of the first one so far.
    fn interpreted(
        &mut self,
        script: &[u8],
        interpreter: &[u8],
        argument: &[u8],
    ) -> Result<(), Errno> {
        let mut starts = [0; MOST_ARGUMENTS];
        let mut count = 0;
        let mut add = |start| {
            *starts.get_mut(count).ok_or(Errno::ELOOP)? = start;
            count += 1;
            Ok(())
        };
        add(self.keep(interpreter)?)?;
        if !argument.is_empty() {
            add(self.keep(argument)?)?;
        }
        add(self.keep(script)?)?;
        for index in 1..self.count {
            add(self.starts[index])?;
        }
        (self.starts, self.count) = (starts, count);
        Ok(())
    }
}

impl<F: Programs> Walker<'_, F> {
    /// Finds what executing `path` starts; a relative path counts from `base`, a canonical guest path.
    ///
    /// # Errors
    /// Those of execve(2).
    pub fn execution(&self, base: &[u8], path: &[u8], found: &mut Execution) -> Result<(), Errno> {
        let mut path = PathBytes::from(path)?;
        for _ in 0..MOST_SCRIPTS {
            self.resolve(base, path.as_bytes(), Last::Follow, &mut found.program)?;
            let host = found.program.host.with_nul();
            self.files.may_execute(host)?;
            let mut head = [0; HEAD];
            let length = self.files.read_at(host, 0, &mut head)?;
            let head = &head[..length];
            if !head.starts_with(b"#!") {
                return self.check(base, head, &found.program.host);
            }
            let (interpreter, argument) = script_line(head).ok_or(Errno::ENOEXEC)?;
            found.interpreted(path.as_bytes(), interpreter, argument)?;
            path.set(interpreter)?;
        }
        Err(Errno::ELOOP)
    }

    /// Whether the program is one for this machine, whose dynamic loader is there.
    fn check(&self, base: &[u8], head: &[u8], host: &PathBytes) -> Result<(), Errno> {
        let elf = Elf::read(head)?;
        let mut table = [0; MOST_SEGMENTS * SEGMENT];
        let table = &mut table[..elf.table_size()];
        if self.files.read_at(host.with_nul(), elf.headers, table)? < table.len() {
            return Err(Errno::ENOEXEC);
        }
        let Some(path) = self.interpreter(&elf, table, host)? else {
            return Ok(());
        };
        let mut loader = Resolved::default();
        self.resolve(base, path.as_bytes(), Last::Follow, &mut loader)?;
        self.files.may_execute(loader.host.with_nul())?;
        let mut head = [0; SEGMENT + 8];
        let length = self.files.read_at(loader.host.with_nul(), 0, &mut head)?;
        Elf::read(&head[..length]).map_err(|_| Errno::ELIBBAD)?;
        Ok(())
    }

    /// The path of the program's dynamic loader, from its program headers; none for a static one.
    ///
    /// # Errors
    /// `ENOEXEC` where it is no path; otherwise why it cannot be read.
    pub fn interpreter(
        &self,
        elf: &Elf,
        table: &[u8],
        host: &PathBytes,
    ) -> Result<Option<PathBytes>, Errno> {
        let Some(segment) = elf
            .segments(table)
            .find(|segment| segment.usage == Use::Interpreter)
        else {
            return Ok(None);
        };
        let mut path = PathBytes::new();
        let size = usize::try_from(segment.in_file).map_err(|_| Errno::ENOEXEC)?;
        let room = path.buffer().get_mut(..size).ok_or(Errno::ENOEXEC)?;
        let length = self.files.read_at(host.with_nul(), segment.offset, room)?;
        let end = room[..length].iter().position(|&byte| byte == 0);
        match end {
            Some(end) if end > 0 && length == size => path.set_len(end),
            _ => return Err(Errno::ENOEXEC),
        }
        Ok(Some(path))
    }
}

/// The interpreter and the argument in a script's first line; none if it names no interpreter.
fn script_line(head: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = &head[2..head.len().min(LINE)];
    let newline = line.iter().position(|&byte| byte == b'\n');
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = &line[..newline.unwrap_or(line.len())];
    let line = &line[line.iter().position(|byte| !blank(byte))?..];
    let line = until_nul(line);
    let end = line.iter().position(blank);
    // Of a line that is cut, the interpreter's path must be whole.
    if end.is_none() && newline.is_none() && head.len() >= LINE {
        return None;
    }
    let (interpreter, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = match rest.iter().position(|byte| !blank(byte)) {
        Some(first) => &rest[first..],
        None => b"",
    };
    let argument_end = rest
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(0, |last| last + 1);
    (!interpreter.is_empty()).then_some((interpreter, &rest[..argument_end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_first_line_is_read_as_the_kernel_reads_it() {
        let line = |text: &'static [u8]| script_line(text);
        assert_eq!(line(b"#!/bin/sh\nrest"), Some((&b"/bin/sh"[..], &b""[..])));
        assert_eq!(
            line(b"#! \t/bin/env  -S a b \t\n"),
            Some((&b"/bin/env"[..], &b"-S a b"[..]))
        );
        assert_eq!(line(b"#!/bin/sh"), Some((&b"/bin/sh"[..], &b""[..])));
        assert_eq!(line(b"#!\n"), None);
        assert_eq!(line(b"#!  "), None);
        let mut long = [b'a'; 300];
        long[..2].copy_from_slice(b"#!");
        assert_eq!(script_line(&long), None);
    }
}
