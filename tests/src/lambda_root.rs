//! A root directory like that of a Lambda function: a layer under `/opt`, a runtime under `/var/lang`, a function under
//! `/var/task`. No toolchain and no file of this project outside the layer.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths;
use crate::run::Launch;
use crate::sandbox::{Sandbox, kept_below};

/// Programs of the runtime that udocker cannot do without: `env` starts it and the container, `curl` it wants to find.
const PROGRAMS: [&str; 2] = ["/usr/bin/env", "/usr/bin/curl"];
/// The unprivileged user that functions run as.
const USER: u32 = 993;

/// A root directory inside a sandbox. Only root can enter it.
#[derive(Debug)]
pub struct LambdaRoot {
    path: PathBuf,
    standard_library: String,
}

impl LambdaRoot {
    /// Unpacks a layer into a new root, with the function written with [`Sandbox::function`].
    pub fn new(sandbox: &Sandbox, layer: &Path) -> Self {
        let path = sandbox.path("root");
        let root = Self {
            standard_library: standard_library(),
            path,
        };
        let zip = File::open(layer).unwrap();
        let mut zip = zip::ZipArchive::new(zip).unwrap();
        zip.extract(root.path("/opt")).unwrap();
        root.add_programs();
        for (name, content) in [
            ("/etc/passwd", "sbx_user1051:x:993:990::/home:/bin/false\n"),
            ("/etc/group", "sbx_user:x:990:\n"),
            ("/etc/hosts", "127.0.0.1 localhost\n"),
            ("/etc/resolv.conf", ""),
        ] {
            root.write(name, content);
        }
        root.add_adapter();
        for name in ["/proc", "/dev", "/tmp", "/var/task", &root.library_inside()] {
            fs::create_dir_all(root.path(name)).unwrap();
        }
        fs::set_permissions(root.path("/tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        // The sandbox is its owner's alone; a function runs as somebody else and is already inside.
        for entry in fs::read_dir(sandbox.path("work")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), root.path("/var/task").join(entry.file_name())).unwrap();
        }
        root
    }

    /// A path of the root as this machine sees it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    /// Takes a directory, or a link to one, out of the root.
    pub fn remove(&self, inside: &str) {
        let path = self.path(inside);
        if path.is_symlink() {
            fs::remove_file(path).unwrap();
        } else {
            fs::remove_dir_all(path).unwrap();
        }
    }

    /// Everything below `/tmp` but the image store and, while the supervisor waits, the workspace of its next run.
    #[track_caller]
    pub fn left(&self) -> Vec<PathBuf> {
        let mut kept = kept_below(&self.path("/tmp"));
        kept.retain(|path| !path.ends_with("shared"));
        kept
    }

    /// A start of `command` in the root with the variables Lambda sets and those of the default configuration. The root,
    /// but for `/tmp`, is read-only.
    pub fn enter(&self, launch: Launch, command: &[&str]) -> Launch {
        let launch = [
            "HOME",
            "TMPDIR",
            "UDOCKER_TARBALL",
            "UDOCKER_USE_PROOT_EXECUTABLE",
            "UDOCKER_USE_RUNC_EXECUTABLE",
            "UDOCKER_USE_PATCHELF_EXECUTABLE",
            "UDOCKER_FAKECHROOT_SO",
        ]
        .into_iter()
        .fold(launch, Launch::without);
        launch
            .env("LAMBDA_TASK_ROOT", "/var/task")
            .env(
                "PATH",
                "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            )
            .env("PYTHONPATH", "/var/runtime")
            .env("UDOCKER_BIN", "/opt/udocker/bin/")
            .env("UDOCKER_LIB", "/opt/udocker/lib/")
            .env("UDOCKER_DIR", "/tmp/shared/udocker")
            .env("UDOCKER_EXEC", "/opt/udocker/udocker.py")
            .through(self.entering(command))
    }

    fn entering(&self, command: &[&str]) -> Vec<OsString> {
        let (root, host_library) = (self.path.to_str().unwrap(), &self.standard_library);
        let library = self.library_inside();
        // Nobody else sees these mounts, and they go with the process.
        let line = format!(
            "mount --bind {root} {root} && mount --bind {host_library} {root}{library} \
             && mount -o remount,bind,ro {root}{library} && mount --bind /proc {root}/proc \
             && mount --rbind /dev {root}/dev && mount --bind {root}/tmp {root}/tmp \
             && mount -o remount,bind,ro {root} && cd / \
             && exec /usr/sbin/chroot --userspec={USER}:990 {root} \"$@\""
        );
        let words = ["unshare", "--mount", "sh", "-c", &line, "sh"];
        words.iter().chain(command).map(OsString::from).collect()
    }

    fn library_inside(&self) -> String {
        let name = Path::new(&self.standard_library).file_name().unwrap();
        format!("/var/lang/lib/{}", name.to_str().unwrap())
    }

    fn write(&self, inside: &str, content: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Copies Python to `/var/lang/bin`, the other programs to `/usr/bin`, and their libraries to where they expect them.
    fn add_programs(&self) {
        for directory in ["/usr/bin", "/var/lang/bin"] {
            fs::create_dir_all(self.path(directory)).unwrap();
        }
        symlink("usr/bin", self.path("/bin")).unwrap();
        let python = fs::canonicalize("/usr/bin/python3").unwrap();
        fs::copy(&python, self.path("/var/lang/bin/python3")).unwrap();
        let shell = fs::canonicalize("/bin/sh").unwrap();
        fs::copy(&shell, self.path("/usr/bin/sh")).unwrap();
        for program in PROGRAMS {
            fs::copy(program, self.path(program)).unwrap();
        }
        let extensions = Path::new(&self.standard_library).join("lib-dynload");
        let mut programs = vec![python, shell, "/usr/bin/patchelf".into()];
        programs.extend(PROGRAMS.map(PathBuf::from));
        programs.extend(fs::read_dir(extensions).unwrap().map(|e| e.unwrap().path()));
        for library in libraries(&programs) {
            let inside = self.path(library.to_str().unwrap());
            fs::create_dir_all(inside.parent().unwrap()).unwrap();
            fs::copy(library, inside).unwrap();
        }
    }

    /// Teaches udocker Debian's fakechroot library, see `tests/setup/udocker_debian.py`. It comes with the runtime's Python
    /// and not with the layer: engines that `udocker install` downloads need no such thing.
    fn add_adapter(&self) {
        let adapter = fs::read(paths::root().join("tests/setup/udocker_debian.py")).unwrap();
        self.write("/var/runtime/udocker_debian.py", adapter);
        let start = "import sys\n\nsys.path.insert(0, '/opt/udocker/site-packages')\nimport udocker_debian\n";
        self.write("/var/runtime/sitecustomize.py", start);
    }
}

/// The directory of the system Python's modules.
fn standard_library() -> String {
    let script = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let mut python = Command::new("/usr/bin/python3");
    let output = python.args(["-I", "-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The shared libraries that programs need, with their loader.
fn libraries(programs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").args(programs).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().filter(|line| !line.ends_with(':'));
    words
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}
