//! Looks at a program in the image before an F mode runs it: those modes preload a library, which
//! a static executable ignores, so that it would run on the host's root instead of the image's.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

/// Symbolic links that are followed before a path counts as a loop (`ELOOP`, `path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// Interpreters of interpreters that are looked at (`execve(2)`, "Interpreter scripts").
const MAX_INTERPRETERS: usize = 4;
/// `PT_INTERP` (elf(5)): the segment that names the dynamic loader.
const PT_INTERP: u32 = 3;
/// Where commands without a slash are looked for.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a program is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linkage {
    /// It names a loader: a library can be preloaded.
    Dynamic,
    /// It names none.
    Static,
    /// A script, and what runs it.
    Script(PathBuf),
    /// Something else, which the engine will refuse.
    Unknown,
}

/// Whether `program` of the image at `root` is, or is run by, a static executable.
pub fn escapes(root: &Path, program: &Path) -> bool {
    let mut program = program.to_owned();
    for _interpreter in 0..MAX_INTERPRETERS {
        let Some(path) = find(root, &program, SEARCH) else {
            return false;
        };
        match linkage(&path) {
            Ok(Linkage::Static) => return true,
            Ok(Linkage::Script(interpreter)) => program = interpreter,
            Ok(Linkage::Dynamic | Linkage::Unknown) | Err(_) => return false,
        }
    }
    false
}

/// Finds `program` in the image at `root` as its own `PATH` lookup would.
pub fn find(root: &Path, program: &Path, search: &str) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return resolve(root, program);
    }
    search
        .split(':')
        .filter_map(|dir| resolve(root, &Path::new(dir).join(program)))
        .find(|path| path.is_file())
}

/// The file on the host that `path` is inside `root`: links are followed, and none leads outside.
pub fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut open: Vec<PathBuf> = parts(path);
    let mut inside = PathBuf::new();
    let mut links = 0;
    while let Some(part) = open.pop() {
        if part == Path::new("..") {
            inside.pop();
            continue;
        }
        let candidate = inside.join(&part);
        match std::fs::read_link(root.join(&candidate)) {
            Ok(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                if target.is_absolute() {
                    inside = PathBuf::new();
                }
                // udocker rewrites absolute links to the host's path of the image's root.
                let target = target.strip_prefix(root).unwrap_or(&target);
                open.extend(parts(target));
            }
            Err(_) => inside = candidate,
        }
    }
    let found = root.join(inside);
    found.exists().then_some(found)
}

/// The components that matter, last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components()
        .rev()
        .filter(|c| matches!(c, Component::Normal(_) | Component::ParentDir))
        .map(|c| PathBuf::from(c.as_os_str()))
        .collect()
}

/// Reads how the program is linked from its program headers.
///
/// # Errors
/// The operating system's, from reading the file.
pub fn linkage(path: &Path) -> io::Result<Linkage> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(256).read_to_end(&mut start)?;
    if let Some(line) = start.strip_prefix(b"#!") {
        return Ok(interpreter(line).map_or(Linkage::Unknown, Linkage::Script));
    }
    let Some(headers) = ProgramHeaders::of(&start) else {
        return Ok(Linkage::Unknown);
    };
    for index in 0..headers.count {
        let mut kind = [0; 4];
        file.seek(SeekFrom::Start(headers.offset + index * headers.size))?;
        file.read_exact(&mut kind)?;
        if u32::from_le_bytes(kind) == PT_INTERP {
            return Ok(Linkage::Dynamic);
        }
    }
    Ok(Linkage::Static)
}

fn interpreter(line: &[u8]) -> Option<PathBuf> {
    let line = line.split(|&b| b == b'\n').next()?;
    let word = line.split(|b| b" \t".contains(b)).find(|w| !w.is_empty())?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(word)))
}

/// Where an ELF file of either class has its program headers (elf(5): `e_phoff`, `e_phentsize`,
/// `e_phnum`). Byte order is little-endian on every architecture Lambda has.
struct ProgramHeaders {
    offset: u64,
    size: u64,
    count: u64,
}

impl ProgramHeaders {
    fn of(header: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?).into());
        match header.strip_prefix(b"\x7fELF")?.first()? {
            1 => Some(Self {
                offset: u32::from_le_bytes(*header.get(28..)?.first_chunk()?).into(),
                size: half(42)?,
                count: half(44)?,
            }),
            2 => Some(Self {
                offset: u64::from_le_bytes(*header.get(32..)?.first_chunk()?),
                size: half(54)?,
                count: half(56)?,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("usr/bin")).unwrap();
        std::fs::write(root.join("usr/bin/dash"), "x").unwrap();
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("/usr/bin/dash", root.join("usr/bin/sh")).unwrap();
        symlink("../../../../etc/passwd", root.join("usr/bin/out")).unwrap();
        symlink("loop", root.join("usr/bin/loop")).unwrap();
        let dash = root.join("usr/bin/dash");
        assert_eq!(resolve(root, Path::new("/bin/sh")), Some(dash.clone()));
        assert_eq!(find(root, Path::new("sh"), "/sbin:/bin"), Some(dash));
        assert_eq!(resolve(root, Path::new("/bin/out")), None);
        assert_eq!(resolve(root, Path::new("/bin/loop")), None);
    }

    #[test]
    fn a_script_is_what_its_interpreter_is() {
        let me = std::env::current_exe().unwrap();
        let expected = if cfg!(target_env = "musl") {
            Linkage::Static
        } else {
            Linkage::Dynamic
        };
        assert_eq!(linkage(&me).unwrap(), expected);
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::copy(&me, root.join("me")).unwrap();
        std::fs::write(root.join("a"), "#! /me -x\n").unwrap();
        std::fs::write(root.join("b"), "#!/a\n").unwrap();
        std::fs::write(root.join("loop"), "#!/loop\n").unwrap();
        // A 32-bit program with no program headers at all: static.
        let mut small = vec![0; 52];
        small[..5].copy_from_slice(b"\x7fELF\x01");
        std::fs::write(root.join("small"), small).unwrap();
        std::fs::write(root.join("c"), "#!/small").unwrap();
        let script = linkage(&root.join("a")).unwrap();
        assert_eq!(script, Linkage::Script("/me".into()));
        let table = [
            ("/b", expected == Linkage::Static),
            ("/small", true),
            ("/c", true),
        ];
        for (program, static_) in table {
            assert_eq!(escapes(root, Path::new(program)), static_, "{program}");
        }
        assert!(!escapes(root, Path::new("/loop")));
        assert!(!escapes(root, Path::new("/missing")));
    }
}
