//! Finds the system-call instructions in a file's text.
//!
//! The two bytes of `syscall` occur in data and inside other instructions, too, and text holds data: replacing those of
//! libcrypto's tables would spoil its results without a word. So each occurrence must be shown to be an instruction.

use crate::{
    decode::{Kind, decode},
    frames::Frames,
};

/// The bytes of `syscall`.
pub const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// `mov $15,%eax` or `mov $15,%rax` right before a site: sigreturn. Unwinders know it by its bytes, so it stays.
const SIGRETURN: [&[u8]; 2] = [&[0xb8, 15, 0, 0, 0], &[0x48, 0xc7, 0xc0, 15, 0, 0, 0]];

/// How far behind the end of a function code may lie that belongs to it: `clone` ends its frame before the system call,
/// since in the child it would be wrong.
const TAIL: u64 = 64;

/// Bytes of text for each function beyond which the table of functions cannot be one of all.
const LARGEST_AVERAGE: usize = 4096;

/// How far before a site code is looked at where no table of functions says where they begin.
const BEFORE: usize = 80;

/// What an occurrence of the two bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A system call that is to be replaced.
    Site,
    /// The return from a signal handler, which stays.
    Sigreturn,
    /// Data, or part of another instruction.
    NoSite,
}

/// Executable bytes of a file.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The bytes.
    pub code: &'a [u8],
    /// Address of the first, before the base is added.
    pub address: u64,
    /// Where functions begin, if the file says so.
    pub frames: Option<Frames<'a>>,
}

impl Text<'_> {
    /// Every occurrence of the two bytes: its offset in the text, and what it is.
    pub fn occurrences(&self) -> impl Iterator<Item = (usize, Verdict)> {
        let pairs = self.code.windows(2).enumerate();
        let found = pairs.filter(|(_, pair)| **pair == SYSCALL);
        found.map(|(offset, _)| (offset, self.verdict(offset)))
    }

    /// Offsets of the system calls that are to be replaced.
    pub fn sites(&self) -> impl Iterator<Item = usize> {
        let sites = self
            .occurrences()
            .filter(|(_, verdict)| *verdict == Verdict::Site);
        sites.map(|(offset, _)| offset)
    }

    fn verdict(&self, site: usize) -> Verdict {
        let shown = match &self.frames {
            Some(frames) if self.covers(frames) => self.in_function(frames, site),
            _ => self.by_majority(site),
        };
        let returns = SIGRETURN
            .iter()
            .any(|number| self.code[..site].ends_with(number));
        match (shown, returns) {
            (true, false) => Verdict::Site,
            (true, true) => Verdict::Sigreturn,
            (false, _) => Verdict::NoSite,
        }
    }

    /// Whether the table is one of all functions. Libraries that are built without have one of what the compiler adds.
    fn covers(&self, frames: &Frames<'_>) -> bool {
        frames.count().saturating_mul(LARGEST_AVERAGE) >= self.code.len()
    }

    /// Whether walking from the beginning of its function, or from the end of the function before, meets the site.
    fn in_function(&self, frames: &Frames<'_>, site: usize) -> bool {
        let address = self.address + site as u64;
        let start = match frames.function(address) {
            Some(function) => function.start,
            None => match (1..=TAIL).find_map(|back| frames.function(address.checked_sub(back)?)) {
                Some(function) => function.end,
                None => return false,
            },
        };
        let start = start.checked_sub(self.address).map(usize::try_from);
        matches!(start, Some(Ok(start)) if self.walk_meets(start, site))
    }

    fn walk_meets(&self, start: usize, site: usize) -> bool {
        let mut at = start;
        while at < site {
            let Some(instruction) = self.code.get(at..).and_then(decode) else {
                return false;
            };
            at += instruction.length;
        }
        at == site
    }

    /// Whether most walks that begin somewhere before the site meet it: wrong starts soon fall into step with the code.
    fn by_majority(&self, site: usize) -> bool {
        // A number put into eax right before is as good as certain.
        if let Some([0xb8, _, 0..=3, 0, 0]) = self.code[..site].last_chunk() {
            return true;
        }
        let first = site.saturating_sub(BEFORE);
        // What becomes of a walk from each offset, from the site backwards.
        let mut walks = [Walk::Fails; BEFORE + 1];
        walks[site - first] = Walk::Meets;
        let (mut meets, mut misses) = (0, 0);
        for at in (first..site).rev() {
            let walk = match decode(&self.code[at..]) {
                Some(instruction) if self.unlikely(at, instruction.kind) => Walk::Fails,
                Some(instruction) => match (at + instruction.length).checked_sub(first) {
                    Some(next) if next <= site - first => walks[next],
                    _ => Walk::Misses,
                },
                None => Walk::Fails,
            };
            walks[at - first] = walk;
            match walk {
                Walk::Meets => meets += 1,
                Walk::Misses => misses += 1,
                Walk::Fails => {}
            }
        }
        // In compiled code nine of ten walks meet it. A text that begins with the site has nothing before it.
        meets > misses && meets >= (site - first) / 4
    }

    /// Whether compiled code would not have this instruction before a system call.
    fn unlikely(&self, at: usize, kind: Kind) -> bool {
        match kind {
            Kind::Odd | Kind::Float => true,
            Kind::Branch(distance) => {
                let target = (at as i64).saturating_add(i64::from(distance));
                target < 0 || target > self.code.len() as i64
            }
            Kind::Plain | Kind::Syscall => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// Comes to the site.
    Meets,
    /// Steps over it.
    Misses,
    /// Comes to what is no code.
    Fails,
}
