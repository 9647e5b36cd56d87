//! Looks at a program in the image before an F mode runs it: those modes preload a library, which
//! a static executable ignores, so that it would run on the host's root instead of the image's.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Component, Path, PathBuf},
};

use super::{
    elf::{Elf, Machine},
    regular,
};

/// Symbolic links that are followed before a path counts as a loop (`ELOOP`, `path_resolution(7)`).
const MAX_LINKS: usize = 40;
/// Interpreters of interpreters that are looked at (`execve(2)`, "Interpreter scripts").
pub const MAX_INTERPRETERS: usize = 4;
/// Where commands without a slash are looked for.
pub const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a file is that is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// It names a loader: a library can be preloaded.
    Dynamic {
        /// The processor it is for.
        machine: Machine,
        /// The loader, as a path inside the image.
        loader: PathBuf,
    },
    /// It names none.
    Static {
        /// The processor it is for.
        machine: Machine,
    },
    /// Something that another program runs.
    Script {
        /// That program, as a path inside the image.
        interpreter: PathBuf,
        /// What is said to it before the script's name.
        argument: Option<OsString>,
    },
    /// Something else, which shells take for a script of theirs.
    Unknown,
}

/// Whether `program`, looked for in `place`, is a static executable, or run by one.
pub fn escapes(place: &PathLookup<'_>, program: &Path) -> bool {
    let mut program = program.to_owned();
    for _interpreter in 0..=MAX_INTERPRETERS {
        let Some(found) = place.find(&program) else {
            return false;
        };
        match inspect(&found.host) {
            Ok(Program::Static { .. }) => return true,
            Ok(Program::Script { interpreter, .. }) => program = interpreter,
            Ok(Program::Dynamic { .. } | Program::Unknown) | Err(_) => return false,
        }
    }
    false
}

/// Where a command is looked for.
#[derive(Debug, Clone, Copy)]
pub struct PathLookup<'a> {
    /// The image's file system.
    pub root: &'a Path,
    /// Paths that are this machine's inside, too.
    pub shared: &'a [PathBuf],
    /// What relative paths start from.
    pub working_directory: &'a Path,
    /// `PATH` inside.
    pub search: &'a str,
}

/// A command that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path inside the image.
    pub inside: PathBuf,
    /// The file on this machine; links have been followed.
    pub host: PathBuf,
}

impl PathLookup<'_> {
    /// Finds a command as a shell inside would.
    pub fn find(&self, program: &Path) -> Option<Found> {
        if program.as_os_str().as_bytes().contains(&b'/') {
            return self.at(self.working_directory.join(program));
        }
        let directories = self.search.split(':').map(|dir| match dir {
            "" => self.working_directory,
            dir => Path::new(dir),
        });
        directories
            .filter_map(|dir| self.at(self.working_directory.join(dir).join(program)))
            .find(|found| found.host.is_file())
    }

    fn at(&self, inside: PathBuf) -> Option<Found> {
        let shared = self.shared.iter().find(|path| inside.starts_with(path));
        let host = if shared.is_some_and(|shared| stays_in(shared, &inside)) {
            inside.canonicalize().ok()?
        } else {
            resolve(self.root, &inside)?
        };
        Some(Found { inside, host })
    }
}

/// Whether a path that begins in a shared directory ends there: `..` may lead back into the image.
fn stays_in(shared: &Path, path: &Path) -> bool {
    if !path.components().any(|part| part == Component::ParentDir) {
        return true;
    }
    let (shared, file) = (shared.canonicalize(), path.canonicalize());
    shared.is_ok_and(|shared| file.is_ok_and(|file| file.starts_with(shared)))
}

impl Found {
    /// The path on this machine that is most like that inside: programs look at the name they are called by. Where the
    /// kernel would go another way than the image means, what it means.
    pub fn as_seen_by_the_kernel(&self, root: &Path) -> OsString {
        let named = root.join(self.inside.strip_prefix("/").unwrap_or(&self.inside));
        let same = named.canonicalize().is_ok_and(|path| path == self.host);
        if same {
            named.into()
        } else {
            self.host.clone().into()
        }
    }
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

/// Looks at what the file at `path` is.
///
/// # Errors
/// The operating system's, from reading the file.
pub fn inspect(path: &Path) -> io::Result<Program> {
    let file = regular::open(path)?;
    let mut start = [0; 256];
    let length = file.read_at(&mut start, 0)?;
    if let Some(line) = start[..length].strip_prefix(b"#!") {
        return Ok(script(line).unwrap_or(Program::Unknown));
    }
    let Some(elf) = Elf::read(&file)? else {
        return Ok(Program::Unknown);
    };
    let machine = elf.machine();
    Ok(match elf.interpreter {
        Some(loader) => Program::Dynamic { machine, loader },
        None => Program::Static { machine },
    })
}

/// `#! INTERPRETER [ARGUMENT]`: what follows the interpreter is one argument (execve(2)).
fn script(line: &[u8]) -> Option<Program> {
    let line = line.split(|&b| b == b'\n').next()?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (interpreter, argument) = line.split_at(end.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    (!interpreter.is_empty()).then(|| Program::Script {
        interpreter: text(interpreter).into(),
        argument: (!argument.is_empty()).then(|| text(argument)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(root: &Path) -> PathLookup<'_> {
        PathLookup {
            root,
            shared: &[],
            working_directory: Path::new("/"),
            search: "/sbin:/bin",
        }
    }

    #[test]
    fn upwards_from_a_shared_directory_is_the_image_again() {
        let dir = tempfile::tempdir().unwrap();
        let (image, host) = (dir.path().join("image"), dir.path().join("host"));
        for path in [&image, &host] {
            std::fs::create_dir_all(path.join("shared")).unwrap();
            std::fs::write(path.join("tool"), "").unwrap();
        }
        let host = host.canonicalize().unwrap();
        let inside = host.strip_prefix("/").unwrap();
        std::fs::create_dir_all(image.join(inside).join("shared")).unwrap();
        std::fs::write(image.join(inside).join("tool"), "").unwrap();
        let shared = [host.join("shared")];
        let place = PathLookup {
            shared: &shared,
            ..place(&image)
        };
        let found = |path: &str| place.find(&host.join(path)).unwrap().host;
        assert_eq!(found("shared/../tool"), image.join(inside).join("tool"));
        std::fs::write(host.join("shared/own"), "").unwrap();
        assert_eq!(found("shared/../shared/own"), host.join("shared/own"));
    }

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
        let found = place(root).find(Path::new("sh")).unwrap();
        assert_eq!((found.host, found.inside), (dash, "/bin/sh".into()));
        assert_eq!(resolve(root, Path::new("/bin/out")), None);
        assert_eq!(resolve(root, Path::new("/bin/loop")), None);
    }

    #[test]
    fn a_script_is_what_its_interpreter_is() {
        let me = std::env::current_exe().unwrap();
        let is_static = matches!(inspect(&me).unwrap(), Program::Static { .. });
        assert_eq!(is_static, cfg!(target_env = "musl"));
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
        let script = inspect(&root.join("a")).unwrap();
        let (interpreter, argument) = ("/me".into(), Some("-x".into()));
        assert_eq!(
            script,
            Program::Script {
                interpreter,
                argument
            }
        );
        let table = [("/b", is_static), ("/small", true), ("/c", true)];
        for (program, static_) in table {
            let escapes = escapes(&place(root), Path::new(program));
            assert_eq!(escapes, static_, "{program}");
        }
        assert!(!escapes(&place(root), Path::new("/loop")));
        assert!(!escapes(&place(root), Path::new("/missing")));
    }
}
