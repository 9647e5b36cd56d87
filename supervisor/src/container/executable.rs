//! Looks at a program in the image before an F mode runs it: those modes preload a library, which
//! a static executable ignores, so that it would run on the host's root instead of the image's.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

/// Symbolic links that are followed before a path counts as a loop (`ELOOP`, `path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// `PT_INTERP` (elf(5)): the segment that names the dynamic loader.
const PT_INTERP: u32 = 3;
/// Where a 64-bit header has `e_phoff` (elf(5)).
const PHOFF: usize = 32;
/// Where it has `e_phentsize`.
const PHENTSIZE: usize = 54;
/// Where it has `e_phnum`.
const PHNUM: usize = 56;

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// It names a loader: a library can be preloaded.
    Dynamic,
    /// It names none.
    Static,
    /// Not an ELF file: a script, whose interpreter is what counts.
    NotElf,
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
    let mut header = [0_u8; 64];
    let mut read = 0;
    while read < header.len() {
        match file.read(&mut header[read..])? {
            0 => break,
            more => read += more,
        }
    }
    if read < header.len() || !header.starts_with(b"\x7fELF") {
        return Ok(Linkage::NotElf);
    }
    let offset = u64::from_le_bytes(bytes(&header, PHOFF));
    let size = i64::from(u16::from_le_bytes(bytes(&header, PHENTSIZE)));
    let count = u16::from_le_bytes(bytes(&header, PHNUM));
    file.seek(SeekFrom::Start(offset))?;
    for _header in 0..count {
        let mut kind = [0; 4];
        file.read_exact(&mut kind)?;
        if u32::from_le_bytes(kind) == PT_INTERP {
            return Ok(Linkage::Dynamic);
        }
        file.seek(SeekFrom::Current(size - 4))?;
    }
    Ok(Linkage::Static)
}

fn bytes<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[at..at + N]);
    bytes
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
    fn a_test_program_is_dynamic_and_a_script_is_not_elf() {
        let me = std::env::current_exe().unwrap();
        let expected = if cfg!(target_env = "musl") {
            Linkage::Static
        } else {
            Linkage::Dynamic
        };
        assert_eq!(linkage(&me).unwrap(), expected);
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("s");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(linkage(&script).unwrap(), Linkage::NotElf);
    }
}
