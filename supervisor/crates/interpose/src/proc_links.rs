//! The links below `/proc/PID` that lead where their text does not say.

/// Such a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcLink {
    /// `exe`: the program, which for the kernel is the loader.
    Program,
    /// `root`: the guest's is ROOT, the kernel's is the host's.
    Root,
    /// `cwd` or `fd/N`: an object, which may have no path at all.
    Object,
}

/// What the canonical guest path `path` is, and of which process.
pub fn parse(path: &[u8]) -> Option<(&[u8], ProcLink)> {
    let mut rest = path.strip_prefix(b"/proc/")?.split(|&byte| byte == b'/');
    let process = rest.next()?;
    if !process.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut name = rest.next()?;
    if name == b"task" {
        rest.next()?;
        name = rest.next()?;
    }
    let link = match name {
        b"exe" => ProcLink::Program,
        b"root" => ProcLink::Root,
        b"cwd" => ProcLink::Object,
        b"fd" => {
            rest.next()?;
            ProcLink::Object
        }
        _ => return None,
    };
    rest.next().is_none().then_some((process, link))
}
